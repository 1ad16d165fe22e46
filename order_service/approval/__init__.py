"""Risky orders: the saga asks for a score and waits, a person approves or rejects."""
