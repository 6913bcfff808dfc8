"""Motion through Redis, Valkey or Dragonfly."""
