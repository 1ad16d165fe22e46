"""What the event-relay reads from its environment."""

from pydantic import Field

from shared.events.consuming import ConsumerSettings


class RelaySettings(ConsumerSettings):
    """The relay publishes the events, and subscribes to the dead letters."""

    relay_pause_seconds: float = Field(default=0.1, gt=0)
    """Between two looks at the outboxes while there are events. What comes meanwhile is carried together."""
    relay_idle_seconds: float = Field(default=0.5, gt=0)
    """The longest pause while there are none: how late an event may be after a quiet time."""
