"""What may stand on the record."""

import re
from typing import Final

from shared.participant.errors import Refused
from shared.shop.audit import AppendAuditRecord

KIND: Final = "compliance"

_TASK_ID: Final = re.compile(r"[!-~]{1,200}")
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")


def check(request: AppendAuditRecord) -> None:
    """Turn away what nobody could ever look up.

    Raises:
        Refused: with a sentence that says what to send instead.
    """
    if not _TASK_ID.fullmatch(request.task_id):
        raise Refused(
            f"the task id {request.task_id[:64]!a} can't be put on the record: "
            "send 1 to 200 printable ASCII characters without spaces"
        )
    if not _ACTION.fullmatch(request.action):
        raise Refused(
            f"the action {request.action[:64]!a} can't be put on the record: send a name such as 'task_assigned', "
            "of at most 100 lower-case letters, digits and underscores"
        )
