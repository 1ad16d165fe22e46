"""The streams of the events."""
