"""Events: what they are, how they leave a service (outbox), how they reach another exactly once (inbox)."""
