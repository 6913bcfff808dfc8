"""The shared store: PostgreSQL through asyncpg, group commit, one statement a batch."""
