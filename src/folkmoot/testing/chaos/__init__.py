"""The crash matrix: an agent's worker is killed at every boundary of its journal, and must not show it.

For each entry of an undisturbed run's journal, a worker (a real process) is killed by SIGKILL just before
that entry is written and just after it; another worker takes over. Then three records are held against each other: what
the journal said when the first worker died, what the witness saw being called, how the run ended.
"""
