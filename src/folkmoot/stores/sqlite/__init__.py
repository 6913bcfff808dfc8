"""The embedded store: one SQLite file in WAL mode, one writer thread, group commit."""

from folkmoot.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
