"""The one description of the local stack."""
