"""HTTP: one tool reads, one changes. Both reach only what grants name."""
