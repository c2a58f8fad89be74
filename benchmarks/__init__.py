"""Side-by-side measurements; each file is a script: `python -m benchmarks.NAME --help`."""
