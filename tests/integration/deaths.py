"""A participant that dies in the middle: its transactions don't get committed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine


class DiedError(Exception):
    """Stands for the death of the process just before its commit: Postgres rolls the transaction back."""


class Deaths:
    """Lets transactions of an engine die."""

    def __init__(self, database: AsyncEngine) -> None:
        self._left = 0
        event.listen(database.sync_engine, "commit", self._on_commit)

    @contextmanager
    def of_next(self, commits: int) -> Iterator[None]:
        """The next `commits` commits inside the block don't happen."""
        self._left = commits
        try:
            yield
        finally:
            self._left = 0

    def _on_commit(self, connection: Connection) -> None:
        del connection
        if self._left > 0:
            self._left -= 1
            raise DiedError
