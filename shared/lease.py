"""Rows that are due, handed out to one process at a time."""

from typing import Any

from sqlalchemy import Column, ColumnElement, Table, Update, func, select, update

Later = ColumnElement[Any] | Any
"""An interval, as a `timedelta` or in SQL."""


def some_of(
    table: Table, row_id: Column[Any], order: ColumnElement[Any], limit: int, *which: ColumnElement[bool]
) -> Update:
    """An update of up to so many of these rows, without those that another process is updating.

    It skips locked rows: waiting for one while holding others could deadlock.
    """
    chosen = select(row_id).where(*which).order_by(order).limit(limit).with_for_update(skip_locked=True)
    return update(table).where(row_id.in_(chosen))


def take_due(row_id: Column[Any], due_at: Column[Any], lease: Later, limit: int, *which: ColumnElement[bool]) -> Update:
    """An update that leases up to so many rows that are due; `due_at` says when any process may try again."""
    taken = some_of(row_id.table, row_id, due_at, limit, due_at <= func.now(), *which)
    return taken.values({due_at.name: func.now() + lease})
