"""The embedded server, and what prepares any server."""
