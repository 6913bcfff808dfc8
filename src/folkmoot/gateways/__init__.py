"""The edges: each hears triggers in a wire contract of its own and carries replies back."""
