"""The messages that cross service boundaries. Their JSON form is guarded by a golden file."""
