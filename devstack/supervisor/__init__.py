"""Runs the processes of a stack, and lets others control them."""
