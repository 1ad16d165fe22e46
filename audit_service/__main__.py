"""Composes the audit-service and runs it: `python -m audit_service`."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from audit_service.activities import serve_audit
from audit_service.api import audit_routes
from audit_service.records import AuditTrail
from audit_service.retention import FinishedAudits
from audit_service.schema import MIGRATIONS
from audit_service.settings import AuditSettings
from audit_service.workflow import compliance_audit_workflow
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.audit import AUDIT, AUDIT_SERVICE, COMPLIANCE_AUDIT
from shared.workflows.client import DaprEngine


def compose(settings: AuditSettings) -> Service:
    """The audit-service, ready to run once `audit_service.schema` has prepared its tables."""
    url = settings.service_database_url
    http_database = create_engine(url, application_name=f"{AUDIT_SERVICE} http", pool_size=2)
    worker_database = create_engine(url, application_name=f"{AUDIT_SERVICE} worker")
    host = ActivityHost(
        AUDIT_SERVICE, injector=FaultInjector(worker_database) if settings.shop_mode.allows_faults else None
    )
    serve_audit(host, worker_database)

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[list[web.RouteDef]]:
        workflows = DaprEngine(settings.dapr_host, settings.dapr_grpc_port)
        async with running(stop, FinishedAudits(workflows, settings.audit_workflow_retention_seconds).run()):
            yield audit_routes(AuditTrail(http_database))

    return Service(
        app=AUDIT,
        settings=settings,
        migrations=MIGRATIONS,
        # Its role can't.
        migrates=False,
        database=http_database,
        activities=host,
        surface=surface,
        workflows={COMPLIANCE_AUDIT.workflow: compliance_audit_workflow},
    )


if __name__ == "__main__":
    run(compose(load(AuditSettings)))
