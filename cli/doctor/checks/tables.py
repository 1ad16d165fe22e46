"""Do each service's tables have the revision that its code expects?"""

from collections.abc import Iterator

from cli.doctor.evidence import Case
from cli.doctor.finding import Finding, Kind


def findings(case: Case) -> Iterator[Finding]:
    """Pending migrations, and tables that are newer than the code."""
    for app, about in case.introduced:
        if about.revisions is None:
            continue
        applied, known = about.revisions.applied, about.revisions.known
        if applied is not None and applied not in known:
            yield Finding(
                Kind.TABLES_AHEAD,
                (app.app_id,),
                seen=f"the tables of {app.app_id} have revision {applied}, which its code doesn't know; it ends with "
                f"{known[-1]}",
                why="older code on newer tables: what it writes and reads may not fit.",
                to_do=f"Deploy the version of {app.app_id} that brought {applied}, or restore a backup of before it.",
            )
        elif applied != known[-1]:
            pending = known[known.index(applied) + 1 :] if applied else known
            yield Finding(
                Kind.TABLES_BEHIND,
                (app.app_id,),
                seen=f"the tables of {app.app_id} have revision {applied or 'none'}; pending: {', '.join(pending)}",
                why="the code uses columns and tables that aren't there: its activities fail.",
                to_do=f"Restart {app.app_id}, which migrates when it starts (audit-service: `python -m "
                "audit_service.schema`). Was an old backup restored?",
            )
