"""Benchmarks: what they print is what the documents quote."""
