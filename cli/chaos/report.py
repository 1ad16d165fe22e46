"""What a run came to: figures, and every promise that was broken; for people as Markdown, good in a terminal too."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

from cli.chaos.run import Injected, Played, first_new_completion
from cli.load.load_report import PERCENTILES, counted, percentile, rounded, shown
from cli.shop_client import ENDS
from shared.contracts.timeline import StepRecord
from shared.shop.views import OrderView


def report_of(played: Played, *, seed: int, minutes: float) -> dict[str, Any]:
    """The report as `--json` prints it; `holds` is whether nothing was lost, doubled or left open."""
    problems = problems_of(played)
    ended = played.load.ended
    seconds = max((one.ended_at for one in ended), default=played.began_at) - played.began_at
    latencies = [one.latency_ms / 1000 for one in ended]
    cpu = played.sampler.cpu_seconds
    return {
        "holds": not problems,
        "problems": problems,
        "seed": seed,
        "minutes": minutes,
        "orders": len(ended) + len(played.load.not_ended),
        "orders_per_second": round(len(ended) / seconds, 2) if seconds else 0.0,
        "seconds_to_end": {f"p{percent}": rounded(percentile(latencies, percent), 2) for percent in PERCENTILES},
        "cpu_ms_per_order": round(cpu * 1000 / len(ended)) if ended else None,
        "ends": dict(sorted(Counter(one.status for one in ended).items())),
        "needs_attention": [
            {"order_id": order.order_id, "reason": order.error or order.reason}
            for order in played.orders
            if order.status == "needs_attention"
        ],
        "retried_posts": played.load.retries,
        "repeats_absorbed": played.sampler.repeats[-1][1] if played.sampler.repeats else None,
        "undos": dict(sorted(Counter(step.name for step in _undos(played.orders)).items())),
        "conservation": played.conservation.model_dump(mode="json", include={"holds", "violations"}),
        "faults": _faults(played),
    }


def problems_of(played: Played) -> list[str]:
    """Every order and rule that breaks the promise, in a sentence each."""
    problems = [f"a POST was never answered: {error}" for error in played.load.failed]
    problems += [f"{order_id} has not ended" for order_id in played.load.not_ended]
    known = {one.order_id for one in played.load.ended} | set(played.load.not_ended)
    listed = {order.order_id for order in played.orders}
    problems += [f"{order_id} was accepted and is gone" for order_id in sorted(known - listed)]
    if not played.load.failed:
        problems += [f"{order_id} is an order that nobody placed" for order_id in sorted(listed - known)]
    for order in played.orders:
        if order.status not in ENDS and order.order_id not in played.load.not_ended:
            problems.append(f"{order.order_id} had ended and is {order.status} again")
        if order.status == "needs_attention" and not order.reason:
            problems.append(f"{order.order_id} needs attention and doesn't say why")
    problems += [f"conservation: {one.rule}: {one.subject}: {one.detail}" for one in played.conservation.violations]
    ended = played.load.ended
    problems += [
        f"after {injected.fault} no new order was completed"
        for injected in played.faults
        if first_new_completion(ended, injected.began_at) is None
    ]
    return problems


def _faults(played: Played) -> list[dict[str, Any]]:
    """Each fault with what happened from its beginning to the next one's, or to the end."""
    bounds = [*(injected.began_at for injected in played.faults), math.inf]
    return [
        _fault(played, injected, until) for injected, (_, until) in zip(played.faults, pairwise(bounds), strict=True)
    ]


def _fault(played: Played, injected: Injected, until: float) -> dict[str, Any]:
    recovered_at = first_new_completion(played.load.ended, injected.began_at)
    ended = [one for one in played.load.ended if injected.began_at <= one.ended_at < until]
    undos = [step for step in _undos(played.orders) if injected.began_at <= step.started_at.timestamp() < until]
    return {
        "at_seconds": injected.fault.at_seconds,
        "fault": str(injected.fault),
        "lasted_seconds": round(injected.over_at - injected.began_at, 1),
        "recovered_after_seconds": rounded(None if recovered_at is None else recovered_at - injected.began_at, 2),
        "repeats_absorbed": played.sampler.repeats_between(injected.began_at, until),
        "undos": len(undos),
        "ends": dict(sorted(Counter(one.status for one in ended).items())),
        "missed": list(injected.missed),
    }


def _undos(orders: tuple[OrderView, ...]) -> list[StepRecord]:
    return [step for order in orders for step in order.steps if step.kind == "undo"]


def report_lines(report: dict[str, Any]) -> list[str]:
    """The verdict, the totals, and a table with a row per fault."""
    return [*_verdict(report), "", *_totals(report), "", *_table(report["faults"])]


def _verdict(report: dict[str, Any]) -> list[str]:
    run = f"`shop chaos --seed {report['seed']} --minutes {report['minutes']:g}`"
    if report["holds"]:
        return [f"{run}: **nothing was lost or doubled, and every order ended.**"]
    return [f"{run}: **NOT all held:**", "", *(f"- {problem}" for problem in report["problems"])]


def _totals(report: dict[str, Any]) -> list[str]:
    seconds = ", ".join(f"{name} {shown(value)} s" for name, value in report["seconds_to_end"].items())
    lines = [
        f"- orders: {report['orders']} ({counted(report['ends'])}), {report['orders_per_second']} per second",
        f"- POST to end: {seconds}",
        f"- processor time: {shown(report['cpu_ms_per_order'])} ms per order, over all processes",
        f"- POSTs repeated with their key: {report['retried_posts']}",
        f"- repeats that the fences answered without effect: {shown(report['repeats_absorbed'])}",
        f"- undos: {counted(report['undos'])}",
        f"- conservation: {'holds' if report['conservation']['holds'] else 'VIOLATED'}",
    ]
    lines += [f"- needs attention: {one['order_id']}: {one['reason']}" for one in report["needs_attention"]]
    return lines


def _table(faults: list[dict[str, Any]]) -> list[str]:
    head = ("at s", "fault", "new order completed after s", "repeats absorbed", "undos", "orders ended until the next")
    rows = [
        (
            f"{fault['at_seconds']:g}",
            fault["fault"],
            shown(fault["recovered_after_seconds"]),
            str(fault["repeats_absorbed"]),
            str(fault["undos"]),
            counted(fault["ends"]),
        )
        for fault in faults
    ]
    return [_row(head), _row(("---",) * len(head)), *map(_row, rows)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
