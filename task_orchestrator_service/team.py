"""Who packs: the names, and which orders somebody looks at first."""

from dataclasses import dataclass

from shared.shop.task import Lane


@dataclass(frozen=True, slots=True)
class Team:
    """Who works in which lane, and from which fraud score on an order is inspected."""

    packers: tuple[str, ...]
    inspectors: tuple[str, ...]
    inspection_score: float

    def lane_of(self, fraud_score: float) -> Lane:
        """The lane of an order with this score."""
        return Lane.INSPECTION if fraud_score >= self.inspection_score else Lane.STANDARD

    def names_in(self, lane: Lane) -> tuple[str, ...]:
        """Who works there."""
        return self.inspectors if lane is Lane.INSPECTION else self.packers
