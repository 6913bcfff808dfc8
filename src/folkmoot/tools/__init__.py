"""Tools: what an agent can do. Each declares its needs, its effect class and its limits."""
