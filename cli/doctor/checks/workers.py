"""Is each app's workflow worker connected to its sidecar, and only that one?"""

from collections.abc import Iterator

from cli.doctor.evidence import Case
from cli.doctor.finding import Finding, Kind


def findings(case: Case) -> Iterator[Finding]:
    """Apps without a worker, and those with too many."""
    where = case.surroundings
    for app, sidecar in case.answering:
        if not app.has_worker or app.service is None or sidecar.app_id != app.app_id:
            continue
        if sidecar.workers == 0:
            yield Finding(
                Kind.NO_WORKER,
                (app.app_id,),
                seen=f"{app.target.place} runs, but no worker of it is connected to its daprd (metadata: "
                "workflows.connectedWorkers)",
                why=f"calls to {app.app_id} aren't refused: Dapr tries them for ever, and only a deadline ends them.",
                to_do="See whether its DAPR_GRPC_PORT (and DAPR_HOST) are those of its daprd, and "
                f"{where.of(where.service_log, app.target)}.",
            )
        if sidecar.workers > 1:
            yield Finding(
                Kind.MANY_WORKERS,
                (app.app_id,),
                seen=f"{sidecar.workers} workers are connected to the one daprd of {app.target.place}",
                why="a call goes to either of them: if one is of another version, an activity is there only sometimes.",
                to_do=f"Find the process of {app.app_id} that was left behind (who connects to its DAPR_GRPC_PORT?), "
                "and end it.",
            )
