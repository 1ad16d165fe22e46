"""A request as a use case sees it: a repeat or not, with which faults, and why it is turned away. Knows no HTTP.

RequestRefusedError
├── KeyReusedError
├── NoAddressError
└── FaultPlanError
    ├── FaultsForbiddenError
    ├── UnknownActivityError
    └── NeverRefusesError
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel
from sqlalchemy import Row

from shared.contracts.call import Fault, FaultMode
from shared.web.mail_address import mail_form


class RequestRefusedError(Exception):
    """The service turns the request away; nothing was changed."""

    sentence: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        """Say the class's sentence, with these facts in it."""
        super().__init__(self.sentence.format(**facts))


class KeyReusedError(RequestRefusedError):
    sentence = "This Idempotency-Key was used for another {what}: send the same body again, or a new key."


class NoAddressError(RequestRefusedError):
    sentence = "customer.email: {email} is no address that can be mailed: give a bare one, such as ada@example.com."


class FaultPlanError(RequestRefusedError):
    """The fault plan can't be carried out."""


class FaultsForbiddenError(FaultPlanError):
    sentence = "This shop runs in production mode and takes no fault plans: leave `faults` out, or start it with `shop up --demo`."  # noqa: E501 - one sentence for the client


class UnknownActivityError(FaultPlanError):
    sentence = "faults: no activity is named {unknown}; there are {known}."


class NeverRefusesError(FaultPlanError):
    sentence = "faults: {records} only records what the saga decided and never refuses: choose another mode or another activity."  # noqa: E501 - one sentence for the client


def request_hash(body: BaseModel, *, about: str = "") -> str:
    """The same for the same body, for good; `about` is what the path of the request names besides."""
    # A field that came later and isn't given must not change the hash of what was accepted before it.
    canonical = json.dumps(body.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{about} {canonical}".lstrip().encode()).hexdigest()


def check_same_request(earlier: Row[Any], hash_now: str, what: str) -> None:
    """Turn away another request under a key that was used, by the `request_hash` of its row.

    Raises:
        KeyReusedError: it is another one.
    """
    if earlier.request_hash != hash_now:
        raise KeyReusedError(what=what)


def check_email(email: str, *, takes_utf8: bool) -> None:
    """Turn away an address that no mail could be sent to, after the look for a repeat: older rules took more.

    `takes_utf8`: as `mail_form`.

    Raises:
        NoAddressError: it is none.
    """
    if mail_form(email, takes_utf8=takes_utf8) is None:
        raise NoAddressError(email=ascii(email[:80]))


def check_fault_plan(
    plan: Sequence[Fault], *, allows_faults: bool, activities: Collection[str], records: Collection[str]
) -> None:
    """Check a plan against the activities that it may name; `records` only note what was decided, and never refuse.

    Raises:
        FaultPlanError: outside test and demo mode, or for a plan that makes no sense.
    """
    if plan and not allows_faults:
        raise FaultsForbiddenError
    unknown = sorted({fault.activity for fault in plan} - set(activities))
    if unknown:
        raise UnknownActivityError(unknown=", ".join(unknown), known=", ".join(sorted(activities)))
    refusing = {fault.activity for fault in plan if fault.mode is FaultMode.REFUSE}
    if never_refusing := sorted(refusing & set(records)):
        raise NeverRefusesError(records=", ".join(never_refusing))
