"""The external events that every saga listens for."""

from typing import Final

CANCEL_EVENT: Final = "cancel"
"""The customer cancels: the saga begins no further step and compensates."""

REPAIR_EVENT: Final = "repair"
"""A person has decided how a compensation that gave up goes on (`RepairDecision`)."""
