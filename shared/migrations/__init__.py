"""Alembic's environment, the same for every service, and the revisions' shared parts."""

from typing import Final

MIGRATION_LOCK: Final = 7_264_519_003
"""Any fixed number: the key of the advisory lock that lets one replica migrate while the others wait."""
