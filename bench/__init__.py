"""Benchmarks: `python -m bench NAME --json` from the repository root. docs/reference/benchmarks.md."""
