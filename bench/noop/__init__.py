"""noop: runs that do nothing, from the submitting process through a broker to a worker process and back."""
