"""What operators see: events as JSON lines, metrics, health."""
