"""Composes the order-service and runs it: `python -m order_service`."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.acceptance import Acceptance, Terms
from order_service.activities import serve_order_activities
from order_service.api.routes import OrderApi
from order_service.api.sse import OrderEvents
from order_service.approval.store import ApprovalStore
from order_service.approval.terms import FraudTerms, Switch
from order_service.attention import watch_attention
from order_service.catalogue import Catalogue
from order_service.conservation.check import STATEMENT_SECONDS, ConservationCheck
from order_service.orders import OrderStore
from order_service.purges import Purges
from order_service.reconciler.orphans import Orphans
from order_service.reconciler.reconciler import Pace, Reconciler
from order_service.recovery import recovery_workflow_shown_to
from order_service.repair.store import RepairStore
from order_service.returns.store import ReturnStore
from order_service.settings import OrderSettings
from order_service.starter import Starter
from order_service.workflow import order_workflow_shown_to
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, run
from shared.service.settings import load
from shared.service.sidecar import sidecar_reason
from shared.shop.order import ORDER, ORDER_RECOVERY_WORKFLOW, ORDER_SERVICE, ORDER_WORKFLOW
from shared.workflows.client import DaprEngine
from shared.workflows.retention import Keep, Retention
from shared.workflows.rows import ProgressWriter

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def compose(settings: OrderSettings) -> Service:
    """The order-service, ready to run."""
    url = settings.service_database_url
    database = create_engine(url, application_name=f"{ORDER_SERVICE} http")
    worker_database = create_engine(url, application_name=f"{ORDER_SERVICE} worker")
    allows_faults = settings.shop_mode.allows_faults
    host = ActivityHost(ORDER_SERVICE, injector=FaultInjector(worker_database) if allows_faults else None)
    serve_order_activities(host, OrderStore(worker_database), ApprovalStore(worker_database))
    progress = ProgressWriter(OrderStore(database))

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[list[web.RouteDef]]:
        async with _surface(stop, settings, database, progress) as routes:
            yield routes

    return Service(
        app=ORDER,
        settings=settings,
        migrations=MIGRATIONS,
        database=database,
        activities=host,
        surface=surface,
        workflows={
            ORDER_WORKFLOW: order_workflow_shown_to(progress.observe),
            ORDER_RECOVERY_WORKFLOW: recovery_workflow_shown_to(progress.observe),
        },
    )


@contextlib.asynccontextmanager
async def _surface(
    stop: Stop, settings: OrderSettings, database: AsyncEngine, progress: ProgressWriter
) -> AsyncIterator[list[web.RouteDef]]:
    orders, repairs, approvals = OrderStore(database), RepairStore(database), ApprovalStore(database)
    workflows = DaprEngine(settings.dapr_host, settings.dapr_grpc_port)
    starter = Starter(orders, approvals, repairs, workflows)
    events = OrderEvents(orders)
    # Two pools: a check of conservation takes its time, and must not take the reconciler's connection.
    url = settings.auditor_database_url
    looking = create_engine(url, application_name="reconciler", pool_size=1, seldom_used=True)
    checking = create_engine(
        url, application_name="auditor", pool_size=1, seldom_used=True, statement_seconds=STATEMENT_SECONDS
    )
    async with aiohttp.ClientSession() as session:
        catalogue = Catalogue(database, session, settings.inventory_url)
        reconciler = Reconciler(
            database=database,
            orphans=Orphans(looking),
            workflows=workflows,
            health=partial(sidecar_reason, session, settings.sidecar_metadata_url),
            pace=_pace(settings),
        )
        api = OrderApi(
            orders=orders,
            acceptance=Acceptance(orders, catalogue, starter, _terms(settings)),
            catalogue=catalogue,
            starter=starter,
            events=events,
            conservation=ConservationCheck(checking, pack_seconds=settings.shop_pack_seconds),
            reconciler=reconciler,
            repairs=repairs,
            approvals=approvals,
            returns=ReturnStore(database),
        )
        loops = (
            progress.run(),
            events.run(),
            starter.run(),
            catalogue.run(),
            reconciler.run(),
            Retention(Purges(database), workflows, _keep(settings)).run(),
            watch_attention(repairs, approvals),
        )
        async with running(stop, *loops):
            yield api.routes()
        await starter.close()


def _terms(settings: OrderSettings) -> Terms:
    fraud = FraudTerms(settings.shop_fraud_threshold, settings.shop_approval_seconds, settings.shop_fraud_when_away)
    return Terms(
        settings.shop_order_deadline_seconds,
        settings.shop_undo_patience_seconds,
        settings.shop_mode.allows_faults,
        settings.shipping_countries,
        settings.shop_mail_utf8,
        fraud if settings.shop_fraud_check is Switch.ON else None,
    )


def _keep(settings: OrderSettings) -> Keep:
    return Keep(settings.shop_workflow_retention_seconds, settings.shop_late_result_seconds)


def _pace(settings: OrderSettings) -> Pace:
    return Pace(
        sweep_seconds=settings.shop_reconcile_seconds,
        scan_seconds=settings.shop_reconcile_audit_seconds,
        grace_seconds=settings.shop_reconcile_grace_seconds,
        confirm_seconds=settings.shop_reconcile_confirm_seconds,
        margin_seconds=settings.shop_stuck_margin_seconds,
        decision_seconds=settings.shop_reconcile_decision_seconds,
    )


if __name__ == "__main__":
    run(compose(load(OrderSettings)))
