"""The event relay: carries events from the outboxes to the broker, and keeps the dead letters."""
