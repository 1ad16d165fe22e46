"""What the doctor reads: metadata of sidecars, pods, and targets given by hand."""

from typing import Any

import pytest

from cli.doctor.evidence import Sidecar
from cli.doctor.targets import Pod, Target, given_targets
from devstack.errors import SettingsError

pytestmark = pytest.mark.unit


def test_a_sidecar_without_a_worker_says_little() -> None:
    """Neither workflows nor actor types stand in the metadata then."""
    sidecar = Sidecar.read({"id": "payment-service", "runtimeVersion": "1.18.2", "actorRuntime": {}})

    assert (0, False, (), frozenset(), ()) == (
        sidecar.workers,
        sidecar.placed,
        sidecar.schedulers,
        sidecar.namespaces,
        sidecar.stores,
    )


def test_the_namespace_is_read_from_actor_types() -> None:
    """App ids may hold dots."""
    types = ["dapr.internal.blue.payment.v2.workflow", "dapr.internal.blue.payment.v2.activity", "MyActor"]

    sidecar = Sidecar.read({"actorRuntime": {"activeActors": [{"type": one} for one in types]}})

    assert frozenset({"blue"}) == sidecar.namespaces


def test_targets_are_given_by_ports_or_addresses() -> None:
    given = given_targets(["payment-service=8081:3501", "order-service=http://a:1,http://a:2/"])

    assert [
        Target("payment-service", "payment-service", "http://127.0.0.1:8081", "http://127.0.0.1:3501"),
        Target("order-service", "order-service", "http://a:1", "http://a:2"),
    ] == given


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("payment-service", "must look like"),
        ("payment-service=8081", "must look like"),
        ("payment-servce=1:2", "did you mean payment-service?"),
        ("payment-service=web:2", "'web' is neither"),
    ],
)
def test_a_target_that_cannot_be_read_is_explained(word: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence.replace("?", r"\?")):
        given_targets([word])


def a_pod(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a document
    return {
        "metadata": {"name": "payment-1", "annotations": {"dapr.io/app-id": "payment-service"}},
        "spec": {
            "containers": [
                {"name": "daprd", "ports": [{"containerPort": 3500}]},
                {"name": "app", "ports": [{"containerPort": 9000, "name": "x"}, {"containerPort": 80, "name": "http"}]},
            ]
        },
        "status": {"phase": "Running"},
        **changes,
    }


def test_a_pod_is_asked_at_its_http_port() -> None:
    assert Pod("payment-1", "payment-service", 80) == Pod.read(a_pod())


@pytest.mark.parametrize(
    "changes",
    [
        {"status": {"phase": "Pending"}},
        {"metadata": {"name": "postgres-0"}},
        {"metadata": {"name": "p", "annotations": {"dapr.io/app-id": "p"}, "deletionTimestamp": "now"}},
        {"spec": {"containers": [{"name": "app"}]}},
    ],
)
def test_pods_that_cannot_be_asked_are_left_out(changes: dict[str, Any]) -> None:
    assert Pod.read(a_pod(**changes)) is None
