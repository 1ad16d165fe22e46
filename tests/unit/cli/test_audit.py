"""What `shop audit verify` says."""

import pytest

from cli.shop.audit import verdict_lines
from shared.shop.audit import AuditVerdict, BrokenRecord

pytestmark = pytest.mark.unit

HOLDS = AuditVerdict(holds=True, records=3, anchor="3:abc", broken=None)
CHANGED = BrokenRecord(number=2, what="changed: its content has another hash", what_to_do="Change nothing")
BROKEN = AuditVerdict(holds=False, records=1, anchor=None, broken=CHANGED)


def test_a_trail_that_holds_gives_its_head_to_be_kept() -> None:
    """And says what a verification without an anchor can't prove."""
    assert verdict_lines(HOLDS, has_anchor=False) == [
        "the audit trail holds: 3 records, but only an --anchor kept outside proves that it wasn't replaced as a whole",
        "its head, to be kept outside the database: 3:abc",
    ]
    assert verdict_lines(HOLDS, has_anchor=True)[0] == "the audit trail holds: 3 records, and the given anchor is in it"


def test_a_broken_trail_names_the_record_and_what_to_do() -> None:
    assert verdict_lines(BROKEN, has_anchor=True) == [
        "record 2: changed: its content has another hash",
        "Change nothing.",
        "the audit trail does NOT hold",
    ]
