"""How rows are shown, as far as it is the same everywhere."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.web.bodies import StepBody


def iso(moment: datetime | None) -> str | None:
    """The moment in ISO 8601, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def steps_view(timeline: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a timeline as its row has it."""
    # JSONB forgets the order of the fields; people read them in this one.
    return [{name: step.get(name) for name in StepBody.model_fields} for step in timeline["steps"]]
