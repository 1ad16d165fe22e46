"""Writes the saga's timeline while it runs."""

from datetime import UTC, datetime

from shared.contracts.timeline import AttemptError, StepKind, StepOutcome, StepRecord, Timeline

MAX_ERRORS_PER_STEP = 20
"""A patient undo may fail for hours; the record keeps its first errors and its last."""


class Journal:
    """The saga's steps in the order of their start. Deterministic: times come from the workflow's history."""

    def __init__(self) -> None:
        self._steps: list[StepRecord] = []
        self._version = 0

    @property
    def timeline(self) -> Timeline:
        return Timeline(version=self._version, steps=tuple(self._steps))

    def go_on_from(self, timeline: Timeline, now: datetime) -> None:
        """Continue the timeline of a run that was lost; what it was doing last has an unknown outcome."""
        lost = {"outcome": StepOutcome.UNKNOWN, "error": "the workflow that did this was lost", "ended_at": _utc(now)}
        self._steps = [
            step.model_copy(update=lost) if step.outcome is StepOutcome.RUNNING else step for step in timeline.steps
        ]
        self._version = timeline.version + 1

    def start(self, name: str, app_id: str, kind: StepKind, now: datetime) -> int:
        """Begin a step and return its place in the timeline."""
        self._steps.append(
            StepRecord(
                name=name,
                app_id=app_id,
                kind=kind,
                outcome=StepOutcome.RUNNING,
                attempts=0,
                started_at=_utc(now),
            )
        )
        self._version += 1
        return len(self._steps) - 1

    def attempt(self, place: int, number: int) -> None:
        self._change(place, attempts=number)

    def attempt_failed(self, place: int, number: int, error: str, now: datetime) -> None:
        errors = self._steps[place].errors
        kept = errors if len(errors) < MAX_ERRORS_PER_STEP else errors[:-1]
        failure = AttemptError(attempt=number, at=_utc(now), error=error)
        self._change(place, errors=(*kept, failure), error=error)

    def end(self, place: int, outcome: StepOutcome, error: str | None, now: datetime) -> None:
        self._change(place, outcome=outcome, error=error, ended_at=_utc(now))

    def remark_on_last(self, outcome: StepOutcome, remark: str) -> None:
        """Say of the step that began last what its outcome alone doesn't show."""
        self._change(len(self._steps) - 1, outcome=outcome, error=remark)

    def attempts_at(self, name: str) -> int:
        """All attempts at this activity, over all its rounds."""
        return sum(step.attempts for step in self._steps if step.name == name)

    def _change(self, place: int, **changes: object) -> None:
        self._steps[place] = self._steps[place].model_copy(update=changes)
        self._version += 1


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
