"""Compensations that gave up: a person decides, the workflow carries it out."""
