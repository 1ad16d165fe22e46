"""Hosts of their own, and partitions between them."""
