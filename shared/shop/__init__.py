"""What the shop declares: each app with its messages and contracts in one file, and the registry of all."""
