"""Proves that every order's money, stock and parcels add up."""
