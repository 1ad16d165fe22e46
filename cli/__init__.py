"""The command line of the shop."""
