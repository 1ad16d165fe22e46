"""Renders a diagnosis for people and for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from cli.doctor.evidence import App
from cli.doctor.examination import Diagnosis

HEALTHY, FOUND, NOT_LOOKED = 0, 1, 2


def exit_code(diagnosis: Diagnosis) -> int:
    """0: healthy. 1: something is wrong. 2: nothing was found, but not everything could be looked at."""
    if diagnosis.findings:
        return FOUND
    return NOT_LOOKED if diagnosis.case.unlooked else HEALTHY


def lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Each app in a line, then each finding."""
    for app in diagnosis.case.apps:
        yield f"{app.target.place:26} {_app_line(app)}"
    for one in diagnosis.findings:
        yield ""
        yield f"found: {one.kind}: {', '.join(one.apps)}{f': {one.activity}' if one.activity else ''}"
        for title, text in (("seen", one.seen), ("matters", one.why), ("to do", one.to_do)):
            yield f"  {title:8} {text}"
    yield ""
    for unlooked in diagnosis.case.unlooked:
        yield f"not looked at: {unlooked}"
    if diagnosis.findings:
        yield f"NOT healthy: {len(diagnosis.findings)} findings"
    elif diagnosis.case.unlooked:
        yield "nothing found, but not everything could be looked at"
    else:
        calls = len(diagnosis.case.probed)
        yield f"healthy: {len(diagnosis.case.apps)} apps, {calls} calls between them tried, nothing found"


def document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same for programs."""
    return {
        "healthy": exit_code(diagnosis) == HEALTHY,
        "findings": [asdict(one) for one in diagnosis.findings],
        "not_looked_at": list(diagnosis.case.unlooked),
        "apps": [_app(app) for app in diagnosis.case.apps],
        "calls_tried": [{"caller": one.caller, **one.call.model_dump()} for one in diagnosis.case.probed],
    }


def _app_line(app: App) -> str:
    sidecar, service = app.sidecar, app.service
    left = f"daprd {sidecar.runtime}, workers {sidecar.workers}" if sidecar else "daprd away"
    right = f"SDK {service.sdk}, {_counted(app)}" if service else "service unknown" if app.is_silent else "service away"
    return f"{left}; {right}"


def _counted(app: App) -> str:
    if app.service is None:
        return ""
    return f"{len(app.service.activities)} activities, {len(app.service.workflows)} workflows"


def _app(app: App) -> dict[str, Any]:
    sidecar = None
    if app.sidecar is not None:
        sidecar = {**asdict(app.sidecar), "namespaces": sorted(app.sidecar.namespaces)}
    return {
        "app_id": app.app_id,
        "place": app.target.place,
        "sidecar": sidecar,
        "sidecar_error": app.sidecar_error or None,
        "service": app.service.model_dump(mode="json") if app.service else None,
        "service_error": app.service_error or None,
        "clock_ahead_seconds": round(app.clock_ahead_seconds, 3) if app.service else None,
    }
