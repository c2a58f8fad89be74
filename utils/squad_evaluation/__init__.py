"""The old name of the command `python -m utils.squad.evaluation`, kept working."""
