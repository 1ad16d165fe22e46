"""Alembic's environment, the same for every service, and the revisions' shared parts."""
