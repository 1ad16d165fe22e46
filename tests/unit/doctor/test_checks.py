"""What the doctor concludes from its evidence."""

from dataclasses import replace
from typing import Any

import pytest

from cli.doctor.checks import judge
from cli.doctor.collect.calls import worth_probing
from cli.doctor.evidence import Case, Finding, Kind, LateOrder, Probed, Stalled, Store
from shared.participant.call_probe import ProbedCall
from shared.service.about import Revisions
from shared.shop.inference import RUN_ML_INFERENCE
from shared.shop.order import ORDER_SERVICE
from shared.shop.payment import PAYMENT, PAYMENT_SERVICE
from shared.shop.registry import CORE_APPS, SHOP
from shared.shop.shipping import BOOK_SHIPMENT, SHIPPING_SERVICE
from tests.unit.doctor.cases import STORE, a_case, a_sidecar, an_about, an_app

pytestmark = pytest.mark.unit


def kinds(case: Case) -> list[tuple[Kind, tuple[str, ...]]]:
    return [(finding.kind, finding.apps) for finding in judge(case)]


def the_finding(case: Case) -> Finding:
    (finding,) = judge(case)
    return finding


def test_a_healthy_shop_has_no_findings() -> None:
    """The doctor cries wolf for nobody."""
    assert [] == judge(a_case())


def test_an_app_of_another_system_in_the_namespace_is_left_alone() -> None:
    """It has a sidecar, and no worker that the shop knows of."""
    about = an_about(PAYMENT_SERVICE, app_id="billing", activities=("send_bill",))
    foreign = an_app(PAYMENT_SERVICE, service=about)
    foreign = replace(foreign, target=replace(foreign.target, app_id="billing", place="billing"))

    assert not foreign.has_worker
    found = [finding.kind for finding in judge(a_case(foreign)) if "billing" in finding.apps]
    assert {Kind.ACTIVITY_MISSING, Kind.WORKFLOW_MISSING}.isdisjoint(found)


def test_the_nearest_name_is_suggested_for_a_typo() -> None:
    """`Activity 'process_payment' not found on app 'payment-service'` ends with the name that is there instead."""
    about = an_about(PAYMENT_SERVICE, activities=("proces_payment", "refund_payment"))

    finding = the_finding(a_case(an_app(PAYMENT_SERVICE, service=about)))

    assert (Kind.ACTIVITY_MISSING, (PAYMENT_SERVICE,), "process_payment") == (
        finding.kind,
        finding.apps,
        finding.activity,
    )
    assert "'proces_payment'" in finding.seen
    assert "'proces_payment'" in finding.to_do


def test_a_name_of_another_contract_is_no_typo() -> None:
    """`refund_payment` is near to nothing that is missing, and is itself called."""
    about = an_about(PAYMENT_SERVICE, activities=("refund_payment",))

    finding = the_finding(a_case(an_app(PAYMENT_SERVICE, service=about)))

    assert "which no contract names" not in finding.seen
    assert "Deploy a version" in finding.to_do


def test_a_missing_workflow_is_found() -> None:
    about = an_about(ORDER_SERVICE, workflows=("order_workflow",))

    finding = the_finding(a_case(an_app(ORDER_SERVICE, service=about)))

    assert (Kind.WORKFLOW_MISSING, "order_recovery_workflow") == (finding.kind, finding.activity)


def test_what_follows_from_a_dead_service_is_not_reported() -> None:
    """No worker, no registrations: these have their cause in the same finding."""
    app = an_app(
        PAYMENT_SERVICE, service=None, service_error="doesn't run", sidecar=a_sidecar(PAYMENT_SERVICE, workers=0)
    )

    assert [(Kind.SERVICE_DOWN, (PAYMENT_SERVICE,))] == kinds(a_case(app))


def test_what_follows_from_a_dead_sidecar_is_not_reported() -> None:
    """Its service isn't ready without it."""
    app = an_app(PAYMENT_SERVICE, sidecar=None, sidecar_error="doesn't run", unready="The sidecar doesn't answer.")

    assert [(Kind.SIDECAR_DOWN, (PAYMENT_SERVICE,))] == kinds(a_case(app))


def test_a_service_that_does_not_say_what_it_is_is_not_down() -> None:
    """It is of a version before `GET /about`: reported as not looked at."""
    assert [] == judge(a_case(an_app(PAYMENT_SERVICE, service=None, is_silent=True)))


def test_replicas_of_an_app_are_one_app() -> None:
    """Each pod is asked; a finding of all of them names the app once."""
    pods = [an_app(PAYMENT_SERVICE, sidecar=a_sidecar(PAYMENT_SERVICE, placed=False)) for _ in range(2)]
    case = replace(a_case(), apps=(*(an_app(app_id) for app_id in (ORDER_SERVICE, SHIPPING_SERVICE)), *pods))

    assert [(Kind.PLACEMENT_AWAY, (PAYMENT_SERVICE,))] == kinds(case)


@pytest.mark.parametrize(
    ("kind", "sidecar"),
    [
        (Kind.NO_WORKER, {"workers": 0, "namespaces": frozenset()}),
        (Kind.MANY_WORKERS, {"workers": 2}),
        (Kind.WRONG_APP, {"app_id": "payments"}),
        (Kind.PLACEMENT_AWAY, {"placed": False}),
        (Kind.SCHEDULER_AWAY, {"schedulers": ()}),
        (Kind.NAMESPACE_DIFFERS, {"namespaces": frozenset({"blue"})}),
        (Kind.STORE_MISSING, {"stores": ()}),
        (Kind.STORE_DIFFERS, {"stores": (Store("paymentstore", "state.redis", "v1"),)}),
        (Kind.RUNTIME_SKEW, {"runtime": "1.17.9"}),
    ],
)
def test_one_sidecar_apart_is_one_finding(kind: Kind, sidecar: dict[str, Any]) -> None:
    app = an_app(PAYMENT_SERVICE, sidecar=a_sidecar(PAYMENT_SERVICE, **sidecar))

    assert [(kind, (PAYMENT_SERVICE,))] == kinds(a_case(app))


@pytest.mark.parametrize(
    ("kind", "service"),
    [
        (Kind.SDK_SKEW, {"sdk": "1.18.3"}),
        (Kind.TABLES_BEHIND, {"revisions": Revisions(applied="0001", known=("0001", "0002"))}),
        (Kind.TABLES_BEHIND, {"revisions": Revisions(applied=None, known=("0001", "0002"))}),
        (Kind.TABLES_AHEAD, {"revisions": Revisions(applied="0003", known=("0001", "0002"))}),
    ],
)
def test_one_service_apart_is_one_finding(kind: Kind, service: dict[str, Any]) -> None:
    app = an_app(PAYMENT_SERVICE, service=an_about(PAYMENT_SERVICE, **service))

    assert [(kind, (PAYMENT_SERVICE,))] == kinds(a_case(app))


def test_a_store_of_another_name_is_not_called_another_database() -> None:
    """Its marker has another key, and is seen by nobody."""
    others = frozenset(CORE_APPS) - {PAYMENT_SERVICE}
    sidecar = a_sidecar(PAYMENT_SERVICE, stores=(Store("paymentstore", "state.postgresql", "v2"),))
    apps = [an_app(app_id, sees_markers_of=others) for app_id in others]
    odd = an_app(PAYMENT_SERVICE, sidecar=sidecar, sees_markers_of=frozenset({PAYMENT_SERVICE}))

    assert [(Kind.STORE_DIFFERS, (PAYMENT_SERVICE,))] == kinds(a_case(*apps, odd))


def test_a_sidecar_that_is_not_ready_says_why() -> None:
    finding = the_finding(a_case(an_app(PAYMENT_SERVICE, unhealthy="dapr is not ready: [grpc-api-server]")))

    assert (Kind.NOT_READY, (PAYMENT_SERVICE,)) == (finding.kind, finding.apps)
    assert "grpc-api-server" in finding.seen


def test_a_sidecar_that_waits_for_the_scheduler_is_one_finding() -> None:
    """It isn't healthy without; that follows."""
    app = an_app(
        PAYMENT_SERVICE, sidecar=a_sidecar(PAYMENT_SERVICE, schedulers=()), unhealthy="dapr is not ready: [scheduler]"
    )

    assert [(Kind.SCHEDULER_AWAY, (PAYMENT_SERVICE,))] == kinds(a_case(app))


def test_a_service_says_itself_why_it_is_not_ready() -> None:
    finding = the_finding(a_case(an_app(PAYMENT_SERVICE, unready="The database doesn't answer: x.")))

    assert Kind.NOT_READY == finding.kind
    assert "The database doesn't answer" in finding.seen


def test_placement_that_is_away_for_all_is_one_finding() -> None:
    """Not one for each sidecar: the cause is placement itself."""
    apps = [an_app(app_id, sidecar=a_sidecar(app_id, placed=False)) for app_id in CORE_APPS]

    finding = the_finding(a_case(*apps))

    assert CORE_APPS == finding.apps
    assert "shop start placement" in finding.to_do


def test_databases_apart_are_distinguished_by_markers_alone() -> None:
    """The same component name and type in all metadata, and yet two databases."""
    others = frozenset(CORE_APPS) - {PAYMENT_SERVICE}
    apps = [an_app(app_id, sees_markers_of=others) for app_id in others]

    assert [(Kind.STORE_APART, (PAYMENT_SERVICE,))] == kinds(
        a_case(*apps, an_app(PAYMENT_SERVICE, sees_markers_of=frozenset({PAYMENT_SERVICE})))
    )


def test_markers_that_nobody_shares_prove_nothing() -> None:
    """A component without `keyPrefix: name` keeps the keys of apps apart in one database, too."""
    apps = [an_app(app_id, sees_markers_of=frozenset({app_id})) for app_id in CORE_APPS]

    assert [(Kind.STORE_UNPROVEN, CORE_APPS)] == kinds(a_case(*apps))


def test_a_store_that_takes_nothing_is_one_finding() -> None:
    apps = [an_app(app_id, store_error="answers 500", sees_markers_of=frozenset()) for app_id in CORE_APPS]

    assert [(Kind.STORE_UNUSABLE, tuple(sorted(CORE_APPS)))] == kinds(a_case(*apps))


def test_the_doctors_own_clock_may_be_wrong() -> None:
    """All apps are an hour ahead of it; only what they are apart from one another counts."""
    apps = [an_app(app_id, clock_ahead_seconds=3600.0) for app_id in CORE_APPS]

    assert [] == judge(a_case(*apps))
    assert [(Kind.CLOCK_SKEW, (SHIPPING_SERVICE,))] == kinds(
        a_case(*apps, an_app(SHIPPING_SERVICE, clock_ahead_seconds=3570.0))
    )


def test_a_slow_answer_makes_no_clock_wrong() -> None:
    """An answer that took eight seconds tells a clock by four seconds only."""
    slow = an_app(SHIPPING_SERVICE, clock_ahead_seconds=4.0, clock_doubt_seconds=4.0)

    assert [] == judge(a_case(slow))


def test_a_policy_that_refuses_is_reported_with_all_that_it_refuses() -> None:
    calls = [
        Probed(
            ORDER_SERVICE,
            ProbedCall(app_id=PAYMENT_SERVICE, activity=name, error_type="WorkflowAccessPolicyDenied", error="denied"),
        )
        for name in ("process_payment", "refund_payment")
    ]
    case = a_case(
        an_app(PAYMENT_SERVICE, sidecar=a_sidecar(PAYMENT_SERVICE, policies=("payment-acl",))), probed=tuple(calls)
    )

    finding = the_finding(case)

    assert (Kind.ACCESS_DENIED, (PAYMENT_SERVICE,)) == (finding.kind, finding.apps)
    for part in ("process_payment, refund_payment", ORDER_SERVICE, "payment-acl"):
        assert part in finding.seen


def test_a_call_that_fails_otherwise_is_reported_as_it_failed() -> None:
    call = ProbedCall(
        app_id=PAYMENT_SERVICE, activity="process_payment", error_type="TimeoutError", error="no answer within 5 s"
    )

    finding = the_finding(a_case(probed=(Probed(ORDER_SERVICE, call),)))

    assert (Kind.CALL_FAILED, "process_payment") == (finding.kind, finding.activity)
    assert "no answer within 5 s" in finding.seen


@pytest.mark.parametrize(
    ("workflow", "advice"), [("SUSPENDED", "/resume"), ("RUNNING", "shop show"), ("FAILED", "shop reconcile")]
)
def test_a_late_order_is_reported_with_its_step(workflow: str, advice: str) -> None:
    order = LateOrder("o1", "in_progress", 12.0, "book_shipment", SHIPPING_SERVICE, "no carrier", workflow)

    finding = the_finding(a_case(late=(order,)))

    assert (Kind.LATE_ORDER, (SHIPPING_SERVICE,), "book_shipment") == (finding.kind, finding.apps, finding.activity)
    for part in ("o1", "12 s", "no carrier", workflow):
        assert part in finding.seen
    assert advice in finding.to_do


def test_a_workflow_that_does_not_end_points_to_the_scheduler() -> None:
    """All else was looked at, and is well."""
    finding = the_finding(a_case(stalled=(Stalled(ORDER_SERVICE, "doesn't end within 10 s"),)))

    assert Kind.WORKFLOWS_STAND_STILL == finding.kind
    assert "shop logs scheduler" in finding.to_do


def test_a_scheduler_at_whose_address_nobody_listens_is_away() -> None:
    """The sidecar's metadata goes on telling its address."""
    apps = [an_app(app_id, deaf_schedulers=("127.0.0.1:21006",)) for app_id in CORE_APPS]

    assert [(Kind.SCHEDULER_AWAY, CORE_APPS)] == kinds(a_case(*apps))


def test_an_app_that_must_be_there_and_has_no_pod_is_missing() -> None:
    assert [(Kind.APP_MISSING, ("audit-service",))] == kinds(
        a_case(expected=frozenset({ORDER_SERVICE, "audit-service"}))
    )


def test_only_calls_that_nothing_speaks_against_are_probed() -> None:
    """A probe of a dead app would only wait; a missing activity is found already."""
    down = a_case(
        an_app(PAYMENT_SERVICE, service=None),
        an_app(SHIPPING_SERVICE, service=an_about(SHIPPING_SERVICE, activities=("cancel_shipment",))),
    )

    probes = worth_probing(down.apps, judge(down))

    missing = {contract.activity for contract in PAYMENT.contracts} | {
        BOOK_SHIPMENT.activity,
        RUN_ML_INFERENCE.activity,
    }
    (called,) = probes.values()
    assert {ORDER_SERVICE} == probes.keys()
    assert {call.activity for call in SHOP.app(ORDER_SERVICE).calls} - missing == {call.activity for call in called}


def test_no_call_is_probed_while_the_scheduler_is_away() -> None:
    apps = [an_app(app_id, sidecar=a_sidecar(app_id, schedulers=())) for app_id in CORE_APPS]
    case = a_case(*apps)

    assert {} == worth_probing(case.apps, judge(case))


def test_stores_are_named_with_type_and_version() -> None:
    assert "statestore (state.postgresql v2)" == str(STORE)
