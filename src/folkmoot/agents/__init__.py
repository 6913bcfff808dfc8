"""Agent files: YAML in, core.agent.Agent out; every mistake with its file, line and field."""
