"""What a saga is begun with."""

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.contracts.call import Fault
from shared.contracts.timeline import StepKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaTerms:
    """Whose saga it is, how long it may take, and what is to go wrong in it.

    Args:
        saga_id: with the step's name the idempotency key of every effect. Not the instance id: another instance
            must be able to undo what this one did.
        home_app_id: the app that runs the workflow; its own activities are called without an app id.
        deadline: forward steps end by then; past it the saga compensates.
        do_patience_seconds: how long each forward step with a deadline is tried; None leaves it to its contract.
        undo_patience_seconds: how long each compensation is tried; None leaves it to its contract.
        faults: the fault plan that the calls carry to their participants.
    """

    saga_id: str
    home_app_id: str
    deadline: datetime | None = None
    do_patience_seconds: float | None = None
    undo_patience_seconds: float | None = None
    faults: tuple[Fault, ...] = ()

    def patience_seconds(self, kind: StepKind) -> float | None:
        """How long each call of this kind is tried; None leaves it to its contract."""
        return self.do_patience_seconds if kind is StepKind.DO else self.undo_patience_seconds


def as_engine_time(moment: datetime) -> datetime:
    """The engine's clock is UTC without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
