"""The fault matrix of a saga, found out by playing it."""
