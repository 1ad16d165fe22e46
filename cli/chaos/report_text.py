"""A run's report for people: Markdown that also reads well in a terminal."""

from typing import Any


def report_lines(report: dict[str, Any]) -> list[str]:
    """The verdict, the totals, and a table with a row per fault."""
    return [*_verdict(report), "", *_totals(report), "", *_table(report["faults"])]


def _verdict(report: dict[str, Any]) -> list[str]:
    run = f"`shop chaos --seed {report['seed']} --minutes {report['minutes']:g}`"
    if report["holds"]:
        return [f"{run}: **nothing was lost or doubled, and every order ended.**"]
    return [f"{run}: **NOT all held:**", "", *(f"- {problem}" for problem in report["problems"])]


def _totals(report: dict[str, Any]) -> list[str]:
    seconds = ", ".join(f"{name} {_shown(value)} s" for name, value in report["seconds_to_end"].items())
    lines = [
        f"- orders: {report['orders']} ({_counts(report['ends'])}), {report['orders_per_second']} per second",
        f"- POST to end: {seconds}",
        f"- processor time: {_shown(report['cpu_ms_per_order'])} ms per order, over all processes",
        f"- POSTs repeated with their key: {report['retried_posts']}",
        f"- repeats that the fences answered without effect: {_shown(report['repeats_absorbed'])}",
        f"- undos: {_counts(report['undos'])}",
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
            _shown(fault["recovered_after_seconds"]),
            str(fault["repeats_absorbed"]),
            str(fault["undos"]),
            _counts(fault["ends"]),
        )
        for fault in faults
    ]
    return [_row(head), _row(("---",) * len(head)), *map(_row, rows)]


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"
