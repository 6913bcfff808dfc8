"""Time: the adapters of ports/clock.py."""
