"""Upkeep: what nobody asks for. One file a duty; all live the same life (upkeep/duty.py)."""
