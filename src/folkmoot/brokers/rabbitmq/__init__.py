"""Motion through RabbitMQ."""
