"""What crosses services or is identical in all of them: contracts, messages, saga engine, service host."""
