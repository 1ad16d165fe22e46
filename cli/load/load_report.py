"""What a load comes to, in figures."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from devstack.supervisor.client import StackStatus
from shared.shop.reports import ConservationVerdict
from shared.shop.views import AcceptedBody

PERCENTILES: Final = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class EndedOrder:
    """One order's end, as seconds of the wall clock."""

    order_id: str
    status: str
    posted_at: float
    ended_at: float

    @property
    def latency_ms(self) -> float:
        """From the POST to the end."""
        return max(0.0, self.ended_at - self.posted_at) * 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """An order that the shop turned away, by its key, with the shop's status and sentence."""

    key: str
    status: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.key}: {self.status} {self.sentence}"


@dataclass(slots=True)
class LoadResult:
    """What came of the orders. `accepted`: the shop's answers by key; `errors`: of those that were never answered."""

    ended: list[EndedOrder] = field(default_factory=list)
    not_ended: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    retries: int = 0
    accepted: dict[str, AcceptedBody] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """Why which orders weren't accepted."""
        return [*map(str, self.refusals), *self.errors]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile: a value that did occur; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def cpu_spent(before: StackStatus, after: StackStatus) -> float:
    """The processor seconds between two moments; a process that was started in between counts from its start."""
    earlier = {(row.name, row.pid): row.cpu_seconds for row in before.processes}
    rows = sum(row.cpu_seconds - earlier.get((row.name, row.pid), 0.0) for row in after.processes if row.pid)
    return rows + float(after.supervisor["cpu_seconds"]) - float(before.supervisor["cpu_seconds"])


def summarise(result: LoadResult, cpu_seconds: float | None, verdict: ConservationVerdict) -> dict[str, Any]:
    """The summary as `--json` prints it."""
    ended = result.ended
    latencies = [order.latency_ms for order in ended]
    seconds = max(o.ended_at for o in ended) - min(o.posted_at for o in ended) if ended else 0.0
    return {
        "ended": len(ended),
        "seconds": round(seconds, 3),
        "orders_per_second": round(len(ended) / seconds, 2) if seconds > 0 else None,
        "latency_ms": {f"p{percent}": rounded(percentile(latencies, percent), 1) for percent in PERCENTILES},
        "ends": dict(sorted(Counter(order.status for order in ended).items())),
        "cpu_seconds": rounded(cpu_seconds, 2),
        "cpu_ms_per_order": rounded(cpu_seconds * 1000 / len(ended), 1) if cpu_seconds is not None and ended else None,
        "retried_posts": result.retries,
        "errors": result.failed,
        "not_ended": result.not_ended,
        "conservation": verdict.model_dump(mode="json", include={"holds", "violations"}),
    }


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The summary for people."""
    latency = ", ".join(f"{name} {shown(value)} ms" for name, value in summary["latency_ms"].items())
    rate, per_order = shown(summary["orders_per_second"]), shown(summary["cpu_ms_per_order"])
    lines = [
        f"throughput   {rate} orders/s ({summary['ended']} orders in {summary['seconds']} s)",
        f"POST to end  {latency}",
        f"ends         {counted(summary['ends'])}",
        f"processor    {per_order} ms per order ({shown(summary['cpu_seconds'])} s over all processes)",
    ]
    if summary["retried_posts"]:
        lines.append(f"retried      {summary['retried_posts']} POSTs, each with its own key again")
    lines += [f"error        {error}" for error in summary["errors"]]
    lines += [f"not ended    {order}" for order in summary["not_ended"]]
    return lines


def rounded(value: float | None, digits: int) -> float | None:
    """A figure; None stays none."""
    return None if value is None else round(value, digits)


def shown(value: float | None) -> str:
    """A figure for people."""
    return "-" if value is None else f"{value:,}"


def counted(counts: Mapping[str, int]) -> str:
    """How many there are of each."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
