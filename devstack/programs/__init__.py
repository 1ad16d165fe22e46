"""Finds or builds the programs of the stack."""
