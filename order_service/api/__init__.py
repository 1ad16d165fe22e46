"""The HTTP contract of the shop."""
