"""What arrived, in one SQLite file that survives a restart; the oldest go when it is full.

Its methods block for a moment, so they belong into a thread.
"""

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

Kind = Literal["messages", "pushes"]

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS messages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
        subject TEXT NOT NULL, body TEXT NOT NULL, source TEXT NOT NULL, received_at TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_by_recipient ON messages (recipient, number);
    CREATE TABLE IF NOT EXISTS pushes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook_id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, message TEXT NOT NULL,
        repeats INTEGER NOT NULL DEFAULT 0, received_at TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS pushes_by_user ON pushes (user_id, number);
    CREATE TABLE IF NOT EXISTS failures (name TEXT PRIMARY KEY, times INTEGER NOT NULL);
"""
_WHO: Final[dict[Kind, str]] = {"messages": "recipient", "pushes": "user_id"}


class MailboxStore:
    """The mailbox's content."""

    def __init__(self, file: Path, *, keeps: int) -> None:
        """Open the file, making it if there is none.

        Args:
            file: in a folder that exists.
            keeps: so many e-mails, and as many pushes.
        """
        self._keeps = keeps
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def take_message(self, **message: str) -> None:
        """Keep an e-mail. One that comes twice is kept twice, as in any mailbox."""
        with self._lock, self._connection:
            self._insert("messages", message)
            self._forget("messages")

    def take_push(self, webhook_id: str, user_id: str, message: str) -> bool:
        """Keep a push message; False if its id was here before, so that it is only counted."""
        with self._lock, self._connection:
            statement = "UPDATE pushes SET repeats = repeats + 1 WHERE webhook_id = ?"
            if self._connection.execute(statement, (webhook_id,)).rowcount:
                return False
            self._insert("pushes", {"webhook_id": webhook_id, "user_id": user_id, "message": message})
            self._forget("pushes")
            return True

    def fails_again(self, name: str, times: int) -> bool:
        """Whether this is still one of the first `times` deliveries; counts it."""
        with self._lock:
            statement = (
                "INSERT INTO failures VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET times = times + 1 RETURNING times"
            )
            seen: int = self._connection.execute(statement, (name,)).fetchone()[0]
            return seen <= times

    def find(self, kind: Kind, who: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest first; of one recipient or user, or of all."""
        condition = "" if who is None else f"WHERE {_WHO[kind]} = :who"
        statement = f"SELECT * FROM {kind} {condition} ORDER BY number DESC LIMIT :limit"  # noqa: S608 - our own names
        with self._lock:
            return [dict(row) for row in self._connection.execute(statement, {"who": who, "limit": limit})]

    def _insert(self, kind: Kind, values: dict[str, str]) -> None:
        row = {**values, "received_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        self._connection.execute(f"INSERT INTO {kind} ({names}) VALUES ({places})", row)  # noqa: S608 - our own names

    def _forget(self, kind: Kind) -> None:
        newest = f"SELECT max(number) FROM {kind}"  # noqa: S608 - our own names
        self._connection.execute(
            f"DELETE FROM {kind} WHERE number <= ({newest}) - ?",  # noqa: S608 - our own names
            (self._keeps,),
        )
