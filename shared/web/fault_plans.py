"""Turns away fault plans that can't be carried out, before anything is accepted with them."""

from collections.abc import Collection, Sequence
from http import HTTPStatus

from shared.contracts.faults import Fault, FaultMode
from shared.web.problems import ProblemError


def check_fault_plan(
    plan: Sequence[Fault], *, allows_faults: bool, activities: Collection[str], records: Collection[str]
) -> None:
    """Check a plan against the activities that it may name; `records` only note what was decided, and never refuse.

    Raises:
        ProblemError: 403 outside test and demo mode, 422 for a plan that makes no sense.
    """
    if plan and not allows_faults:
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            "This shop runs in production mode and takes no fault plans: leave `faults` out, "
            "or start it with `shop up --demo`.",
        )
    unknown = sorted({fault.activity for fault in plan} - set(activities))
    if unknown:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"faults: no activity is named {', '.join(unknown)}; there are {', '.join(sorted(activities))}.",
        )
    refusing = {fault.activity for fault in plan if fault.mode is FaultMode.REFUSE}
    if never_refusing := sorted(refusing & set(records)):
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"faults: {', '.join(never_refusing)} only records what the saga decided and never refuses: "
            "choose another mode or another activity.",
        )
