"""Nothing: the time to start and stop."""
