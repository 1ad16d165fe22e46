"""Where a test finds the activities that a service registers."""

from shared.participant.activities import Activity


class Registered:
    """Takes the activities of a service, as the SDK's runtime does."""

    def __init__(self) -> None:
        self.activities: dict[str, Activity] = {}

    def register_activity(self, fn: Activity, *, name: str) -> None:
        self.activities[name] = fn
