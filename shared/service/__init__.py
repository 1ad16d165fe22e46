"""A service from start to drained end."""
