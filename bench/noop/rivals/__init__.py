"""The task queues that noop is measured beside: one file each, with its job and its submitter."""
