"""Composes and runs the order-service."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from order_service.acceptance import Acceptance, Terms
from order_service.activities import serve_order_activities
from order_service.api.routes import OrderApi
from order_service.api.sse import OrderEvents
from order_service.approval.store import ApprovalStore
from order_service.approval.terms import FraudTerms, Switch
from order_service.attention import watch_attention
from order_service.catalogue import Catalogue
from order_service.conservation.check import STATEMENT_SECONDS, Auditor
from order_service.engine import OrderEngine
from order_service.orders import OrderStore
from order_service.purges import Purges
from order_service.reconciler.orphans import Strays
from order_service.reconciler.reconciler import Pace, Reconciler
from order_service.recovery import recovery_workflow_shown_to
from order_service.repair.store import RepairStore
from order_service.settings import OrderSettings
from order_service.starter import Starter
from order_service.workflow import order_workflow_shown_to
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.service.background import running
from shared.service.readiness import sidecar_reason
from shared.service.service import Service, run
from shared.service.settings import load
from shared.service.stop import Stop
from shared.shop.order import ORDER_RECOVERY_WORKFLOW, ORDER_SERVICE, ORDER_WORKFLOW
from shared.workflows.progress import ProgressWriter
from shared.workflows.retention import Keep, Retention


def main() -> None:
    """Compose and run."""
    settings = load(OrderSettings)
    url = settings.service_database_url
    engine = create_engine(url, application_name=f"{ORDER_SERVICE} http")
    orders = OrderStore(engine)
    progress = ProgressWriter(orders)
    worker_engine = create_engine(url, application_name=f"{ORDER_SERVICE} worker")
    allows_faults = settings.shop_mode.allows_faults
    host = ActivityHost(ORDER_SERVICE, injector=FaultInjector(worker_engine) if allows_faults else None)
    serve_order_activities(host, OrderStore(worker_engine), ApprovalStore(worker_engine))
    terms = _terms(settings)
    service = Service(
        app_id=ORDER_SERVICE,
        settings=settings,
        migrations=Path(__file__).parent / "migrations",
        engine=engine,
        activities=host,
        workflows={
            ORDER_WORKFLOW: order_workflow_shown_to(progress.observe),
            ORDER_RECOVERY_WORKFLOW: recovery_workflow_shown_to(progress.observe),
        },
    )

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[list[web.RouteDef]]:
        events = OrderEvents(orders)
        workflows = OrderEngine(settings.dapr_host, settings.dapr_grpc_port)
        repairs = RepairStore(engine)
        approvals = ApprovalStore(engine)
        starter = Starter(orders, approvals, repairs, workflows)
        # Two engines: a check of conservation takes its time, and must not take the reconciler's connection.
        looking = create_engine(
            settings.auditor_database_url, application_name="reconciler", pool_size=1, seldom_used=True
        )
        auditing = create_engine(
            settings.auditor_database_url,
            application_name="auditor",
            pool_size=1,
            seldom_used=True,
            statement_seconds=STATEMENT_SECONDS,
        )
        retention = Retention(Purges(engine), workflows, _keep(settings))
        async with aiohttp.ClientSession() as session:
            catalogue = Catalogue(engine, session, settings.inventory_url)
            reconciler = Reconciler(
                database=engine,
                strays=Strays(looking),
                engine=workflows,
                health=partial(sidecar_reason, session, settings.sidecar_metadata_url),
                pace=_pace(settings),
            )
            api = OrderApi(
                orders=orders,
                acceptance=Acceptance(orders, catalogue, starter, terms),
                catalogue=catalogue,
                starter=starter,
                events=events,
                auditor=Auditor(auditing),
                reconciler=reconciler,
                repairs=repairs,
                approvals=approvals,
            )
            loops = (
                progress.run(),
                events.run(),
                starter.run(),
                catalogue.run(),
                reconciler.run(),
                retention.run(),
                watch_attention(repairs, approvals),
            )
            async with running(stop, *loops):
                yield api.routes()
            await starter.close()

    service.surface = surface
    run(service)


def _terms(settings: OrderSettings) -> Terms:
    fraud = FraudTerms(settings.shop_fraud_threshold, settings.shop_approval_seconds, settings.shop_fraud_when_away)
    return Terms(
        settings.shop_order_deadline_seconds,
        settings.shop_undo_patience_seconds,
        settings.shop_mode.allows_faults,
        fraud if settings.shop_fraud_check is Switch.ON else None,
    )


def _keep(settings: OrderSettings) -> Keep:
    return Keep(settings.shop_workflow_retention_seconds, settings.shop_late_result_seconds)


def _pace(settings: OrderSettings) -> Pace:
    return Pace(
        sweep_seconds=settings.shop_reconcile_seconds,
        audit_seconds=settings.shop_reconcile_audit_seconds,
        grace_seconds=settings.shop_reconcile_grace_seconds,
        confirm_seconds=settings.shop_reconcile_confirm_seconds,
        margin_seconds=settings.shop_stuck_margin_seconds,
        decision_seconds=settings.shop_reconcile_decision_seconds,
    )


if __name__ == "__main__":
    main()
