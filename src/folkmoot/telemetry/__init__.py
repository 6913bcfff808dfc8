"""What can be seen from outside: logs, metrics and traces, each a fold over journal entries."""
