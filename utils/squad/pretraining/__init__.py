TASK = "pretraining"
"""The task in `results.json` and for tracking."""
