"""Truth: the adapters of ports/store.py."""
