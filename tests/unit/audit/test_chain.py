"""Whatever is done to any record of a chain, its verification finds it. No database: only what the hashes promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from audit_service.chain import GENESIS, Broken, Head, Record, Verifier

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)
LENGTHS = st.integers(2, 12)
TEXTS = st.text('aZ0 "\\\néß\u2028', max_size=8)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-5, 20),
    "key": TEXTS,
    "kind": TEXTS,
    "subject": TEXTS,
    "content": st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS, max_size=3),
    "at": st.integers(-(10**6), 10**6).map(lambda microseconds: START + timedelta(microseconds=microseconds)),
    "previous_hash": st.binary(min_size=32, max_size=32).map(bytes.hex),
    "hash": st.binary(min_size=32, max_size=32).map(bytes.hex),
}


def a_chain(length: int, *, says: str = "task_assigned", since: tuple[Record, ...] = ()) -> list[Record]:
    """A chain of this length that begins with the records `since`."""
    records = list(since)
    for number in range(len(since) + 1, length + 1):
        before = records[-1].hash if records else GENESIS
        at = START + timedelta(seconds=number)
        draft = Record(number, f"audit-{number}", "compliance", str(number), {"action": says}, at, before, "")
        records.append(replace(draft, hash=draft.true_hash))
    return records


def verified(records: list[Record], stored: Head, anchor: Head | None = None) -> Broken | None:
    """As the trail is verified: in the order of numbers, then against the stored head."""
    verifier = Verifier(anchor)
    in_order = sorted(records, key=lambda record: record.number)
    return verifier.follow(in_order) or verifier.end(stored, len(records))


def head_of(records: list[Record]) -> Head:
    return Head(records[-1].number, records[-1].hash)


@given(LENGTHS)
def test_an_untouched_chain_holds(length: int) -> None:
    chain = a_chain(length)

    assert verified(chain, head_of(chain), head_of(chain)) is None
    assert verified(chain, head_of(chain), head_of(chain[:1])) is None


@given(st.data(), LENGTHS, st.sampled_from(sorted(CHANGES)))
def test_any_change_of_any_record_is_found(data: st.DataObject, length: int, field: str) -> None:
    """And the record is named, unless its number is what was changed: then it is missing where it was."""
    chain = a_chain(length)
    place = data.draw(st.integers(0, length - 1))
    value = data.draw(CHANGES[field])
    assume(getattr(chain[place], field) != value)
    tampered = [*chain[:place], replace(chain[place], **{field: value}), *chain[place + 1 :]]

    broken = verified(tampered, head_of(chain))

    assert broken is not None
    assert broken.number == place + 1 if field != "number" else broken.number <= max(place + 1, value)


@given(st.data(), LENGTHS)
def test_any_removal_is_found(data: st.DataObject, length: int) -> None:
    """Of one record or many, from the beginning, the middle or the end; also if the rest is numbered anew."""
    chain = a_chain(length)
    gone = data.draw(st.sets(st.integers(1, length), min_size=1))
    kept = [record for record in chain if record.number not in gone]

    broken = verified(kept, head_of(chain))
    closed_up = [replace(record, number=number) for number, record in enumerate(kept, 1)]

    assert broken is not None
    assert broken.number == min(gone)
    assert verified(closed_up, head_of(chain)) is not None


@given(st.data(), LENGTHS)
def test_any_reordering_is_found(data: st.DataObject, length: int) -> None:
    """The first record that isn't where it was is named."""
    chain = a_chain(length)
    order = data.draw(st.permutations(chain))
    assume(order != chain)
    reordered = [replace(record, number=number) for number, record in enumerate(order, 1)]

    broken = verified(reordered, head_of(chain))

    assert broken is not None
    assert broken.number == next(number for number, record in enumerate(order, 1) if record.number != number)


@given(st.data(), LENGTHS)
def test_any_insertion_is_found(data: st.DataObject, length: int) -> None:
    """Also of a record that follows the last one properly: the stored head doesn't know it."""
    chain = a_chain(length)
    number = data.draw(st.integers(-2, length + 2))
    forged = replace(data.draw(st.sampled_from(chain)), number=number)

    assert verified([*chain, forged], head_of(chain)) is not None
    assert verified(a_chain(length + 1), head_of(chain)) is not None


@given(st.data(), LENGTHS)
def test_a_chain_written_anew_is_found_by_the_head_noted_outside(data: st.DataObject, length: int) -> None:
    """With new hashes and a new stored head nothing inside the database shows it: the noted head does."""
    chain = a_chain(length)
    kept = data.draw(st.integers(0, length - 1))
    forged = a_chain(data.draw(st.integers(max(1, kept), length + 2)), says="nothing", since=tuple(chain[:kept]))
    noted = data.draw(st.sampled_from(chain[kept:]))

    assert verified(forged, head_of(forged)) is None
    assert verified(forged, head_of(forged), Head(noted.number, noted.hash)) is not None


@given(LENGTHS)
def test_an_anchor_reads_back_as_it_was_printed(length: int) -> None:
    head = head_of(a_chain(length))

    assert Head.parse(f" {head}\n") == head


@pytest.mark.parametrize(
    "noted", ["", "7", "7:abc", "x:" + "a" * 64, "0:" + "a" * 64, "7:" + GENESIS, "-1:" + "a" * 64]
)
def test_what_is_no_anchor_is_turned_away(noted: str) -> None:
    """A mistyped anchor must not pass as one that holds."""
    with pytest.raises(ValueError, match="is no anchor"):
        Head.parse(noted)
