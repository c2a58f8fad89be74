"""Measurements, and makers of data and pictures; a file with a `main` is a script: `python -m benchmarks.NAME --help`."""
