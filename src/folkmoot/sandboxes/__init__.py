"""Sandboxes: where commands run. One way of confinement, one file."""
