"""Programs that do the same work on other systems; run with the Python of `.venv-bench`."""
