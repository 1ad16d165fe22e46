"""The columns of every participant's tables that an auditor's questions read."""

from typing import Final

STEP_COLUMNS: Final = ("saga_id", "step", "state", "updated_at", "repeats")
BY_HAND_COLUMNS: Final = ("saga_id", "step", "repair_id", "status", "amount", "unit", "decided_by", "note", "closed_at")
