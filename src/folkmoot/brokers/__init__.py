"""Motion: the adapters of ports/broker.py."""
