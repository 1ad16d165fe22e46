"""The chain of records: what a record's hash covers, and how it breaks. Pure: it reads no database."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

GENESIS: Final = "0" * 64
"""The hash before the first record."""

WHAT_TO_DO: Final = (
    "Only the tables' owner or a superuser of the database can have done this. Change nothing: copy the database "
    "as it is, compare this record and those after it with a backup and with what callers keep (audit id, number, "
    "hash), look into the server's log, and change the passwords of both roles"
)

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record. Kept outside the database, it proves that nothing up to it was removed or rewritten."""

    number: int
    hash: str

    def __str__(self) -> str:
        """As people note it down."""
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, noted: str) -> Self:
        """Read what was noted down.

        Raises:
            ValueError: it isn't a head, with a sentence that says what one looks like.
        """
        number, _, digest = noted.strip().partition(":")
        is_head = _NUMBER.fullmatch(number) and _HASH.fullmatch(digest)
        if not is_head or (int(number) == 0) != (digest == GENESIS):
            raise ValueError(
                f"{noted[:80]!a} is no anchor: it must be a record's number, a colon and its hash of 64 hex digits, "
                "as `shop audit head` prints it"
            )
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is stored."""

    number: int
    key: str
    kind: str
    subject: str
    content: dict[str, Any]
    at: datetime
    previous_hash: str
    hash: str

    @property
    def true_hash(self) -> str:
        """What the hash must be for this content at this place."""
        covered = {
            "number": self.number,
            "key": self.key,
            "kind": self.kind,
            "subject": self.subject,
            "content": self.content,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "previous_hash": self.previous_hash,
        }
        canonical = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Broken:
    """The first record that is not as it was appended, and what is wrong."""

    number: int
    what: str
    what_to_do: str = WHAT_TO_DO


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain holds: to its end if nothing is broken."""

    head: Head
    broken: Broken | None


class Verifier:
    """Follows a chain from its first record, however many pages it comes in."""

    def __init__(self, anchor: Head | None = None) -> None:
        """`anchor`: a head that was noted down earlier, outside the database."""
        self._anchor = anchor
        self.head = Head(0, GENESIS)

    def follow(self, records: Iterable[Record]) -> Broken | None:
        """Go on with these records, in the order of their numbers; the first that is broken."""
        for record in records:
            what = self._wrong(record)
            if what is not None:
                return Broken(min(record.number, self.head.number + 1), what)
            self.head = Head(record.number, record.hash)
        return None

    def end(self, stored: Head | None, records: int) -> Broken | None:
        """After the last record: whether the chain reaches the stored head and the anchor, with no record beside it."""
        if stored is None:
            return Broken(self.head.number, "the head of the chain was removed")
        for name, wanted in (("the stored head", stored), ("the given head", self._anchor)):
            if wanted is not None and wanted.number > self.head.number:
                missing = f"{self.head.number + 1} to {wanted.number}"
                return Broken(self.head.number + 1, f"removed at the end: records {missing}, by {name}")
        if stored.number < self.head.number:
            return Broken(stored.number + 1, f"inserted past the stored head, which is record {stored.number}")
        if stored != self.head:
            return Broken(stored.number, f"rewritten: it has the hash {self.head.hash}, the stored head {stored.hash}")
        if records != self.head.number:
            return Broken(self.head.number, f"inserted: there are {records} records up to number {self.head.number}")
        return None

    def _wrong(self, record: Record) -> str | None:
        number, before = self.head.number + 1, self.head.hash
        if record.number > number:
            return f"removed: record {record.number} comes next"
        if record.number < number:
            return "inserted: no record has this number, or another one has it"
        if record.true_hash != record.hash:
            return f"changed: its content has the hash {record.true_hash}, but {record.hash} was recorded"
        if record.previous_hash != before:
            return (
                f"reordered, inserted or rewritten: it follows a record with the hash {record.previous_hash}, "
                f"but the one before it has {before}"
            )
        if self._anchor is not None and record.number == self._anchor.number and record.hash != self._anchor.hash:
            return f"rewritten, or one before it: it has the hash {record.hash}, the given head {self._anchor.hash}"
        return None
