"""Contract suites: one a port, run by every adapter. Subclass one and override its fixtures."""
