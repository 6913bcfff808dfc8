"""Motion through NATS with JetStream."""
