"""`python -m utils.squad_evaluation DATASET PREDICTIONS`: the same as `python -m utils.squad.evaluation`."""

from utils.squad.evaluation import main

raise SystemExit(main())
