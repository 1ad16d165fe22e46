"""Load on the shop."""
