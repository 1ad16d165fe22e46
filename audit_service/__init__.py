"""The audit trail: append-only, and chained so that no change of it stays hidden."""
