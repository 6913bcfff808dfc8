"""Motion through PostgreSQL, with nothing beside it."""
