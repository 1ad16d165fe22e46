"""Indexes of tables that are large and in use: made and dropped while others write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op


def create_index(  # noqa: PLR0913 - what makes an index
    name: str,
    table: str,
    columns: Sequence[str | sa.TextClause],
    where: str | None = None,
    *,
    include: Sequence[str] = (),
    unique: bool = False,
) -> None:
    """Create an index while others go on writing; may be repeated, and ends the revision's transaction.

    It waits for all transactions that are older than it, which holds up nobody. `include`: columns that are only read.
    """
    with _beside_others():
        # What a try that was cut off has left is no index.
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            [*columns],
            unique=unique,
            postgresql_concurrently=True,
            postgresql_where=None if where is None else sa.text(where),
            postgresql_include=[*include],
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index while others go on using its table; may be repeated, and ends the revision's transaction."""
    with _beside_others():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _beside_others() -> Iterator[None]:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
