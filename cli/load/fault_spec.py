"""`activity:mode[:times[:seconds]]`, the short form of a planned fault."""

from typing import Any, Final

from pydantic import ValidationError

from devstack.errors import StackError
from shared.contracts.call import Fault, FaultMode

FORM: Final = "activity:mode[:times[:seconds]]"
PARTS: Final = ("activity", "mode", "times", "seconds")


class FaultSpecError(StackError):
    """The short form can't be read."""

    exit_code = 2


def parse_fault(spec: str) -> Fault:
    """The fault that a short form describes.

    Raises:
        FaultSpecError: with what is wrong with it.
    """
    given = spec.split(":")
    if not 2 <= len(given) <= len(PARTS):  # noqa: PLR2004 - activity and mode
        raise FaultSpecError(f"--fault {spec}: write {FORM}, such as process_payment:lose_reply")
    fields: dict[str, Any] = dict(zip(PARTS, given, strict=False))
    modes = ", ".join(FaultMode)
    if fields["mode"] not in set(FaultMode):
        raise FaultSpecError(f"--fault {spec}: {fields['mode']!r} is no mode; there are {modes}")
    try:
        return Fault.model_validate_strings(fields)
    except ValidationError as problems:
        first = problems.errors()[0]
        raise FaultSpecError(f"--fault {spec}: {first['loc'][0]}: {first['msg']}") from None
