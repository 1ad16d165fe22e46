"""The topology's promises: ports, order, secrets, and the components that name its apps."""

import re
from pathlib import Path

import pytest

from devstack.errors import UnknownProcessError
from devstack.postgres.passwords import password_names
from devstack.settings import FIRST_EPHEMERAL_PORT, load_settings, port_block_size
from devstack.topology.specs import ProcessSpec, SidecarReady, Topology
from devstack.topology.topology import build_topology
from shared.shop.registry import CORE_APPS, SHOP
from tests.unit.devstack import small_registry

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}


def a_topology(tmp_path: Path, **settings: object) -> Topology:
    return build_topology(load_settings(home=tmp_path, **settings), PASSWORDS, Path("/dapr"))


def test_no_port_is_wanted_twice_and_none_is_ephemeral(tmp_path: Path) -> None:
    """Linux would hand an ephemeral port to some client before the server gets it."""
    ports = [claim.number for claim in a_topology(tmp_path).ports]

    assert sorted(set(ports)) == sorted(ports)
    assert max(ports) < FIRST_EPHEMERAL_PORT


def test_the_last_block_that_settings_allow_fits(tmp_path: Path) -> None:
    """SHOP_BASE_PORT's bound and the offsets belong together."""
    ports = [
        claim.number for claim in a_topology(tmp_path, base_port=FIRST_EPHEMERAL_PORT - port_block_size(SHOP)).ports
    ]

    assert max(ports) < FIRST_EPHEMERAL_PORT


def test_every_app_has_a_service_and_a_sidecar_that_know_each_other(tmp_path: Path) -> None:
    """The service gets its own sidecar's ports."""
    topology = a_topology(tmp_path)
    for app_id in CORE_APPS:
        service, sidecar = topology.process(app_id), topology.process(f"{app_id}-daprd")
        assert f"--dapr-grpc-port={service.env['DAPR_GRPC_PORT']}" in sidecar.command
        assert f"--dapr-http-port={service.env['DAPR_HTTP_PORT']}" in sidecar.command
        assert f"--app-id={app_id}" in sidecar.command
        assert SidecarReady(f"http://127.0.0.1:{service.env['DAPR_HTTP_PORT']}/v1.0/metadata") == sidecar.ready


def test_a_service_and_its_sidecar_start_at_the_same_time(tmp_path: Path) -> None:
    """Each is ready only with the other, so neither may wait for it."""
    topology = a_topology(tmp_path)
    for app_id in CORE_APPS:
        assert f"{app_id}-daprd" not in topology.process(app_id).starts_after
        assert app_id not in topology.process(f"{app_id}-daprd").starts_after


def test_a_service_stops_before_its_sidecar_and_the_database_last(tmp_path: Path) -> None:
    """A draining service hands in its last results."""
    topology = a_topology(tmp_path)

    assert "order-service" in topology.stopped_before("order-service-daprd")
    assert {"order-service-daprd"} <= set(topology.stopped_before("scheduler"))
    assert {"database"} == set(topology.stopped_before("postgres"))
    assert {*CORE_APPS, "payment-gateway"} <= set(topology.stopped_before("database"))


def test_a_sidecar_returns_at_another_address(tmp_path: Path) -> None:
    """The others would wait up to two minutes before they try the old one again."""
    sidecar = a_topology(tmp_path).process("payment-service-daprd")

    first, second = sidecar.command_at(0), sidecar.command_at(1)

    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]
    assert sidecar.command_at(len(sidecar.turns)) == first


def test_no_command_line_holds_a_secret(tmp_path: Path) -> None:
    """Every user of the machine can read command lines."""
    processes = a_topology(tmp_path).processes

    assert processes
    for spec in processes:
        assert "secret-" not in " ".join(spec.command)
        assert "secret-" not in repr(spec)


def test_each_service_gets_the_password_of_its_own_role_only(tmp_path: Path) -> None:
    """The order service also audits, with a role that reads only."""
    topology = a_topology(tmp_path)
    allowed = {
        "order-service": {PASSWORDS["order_service"], PASSWORDS["auditor"]},
        "payment-service": {PASSWORDS["payment_service"]},
        "inventory-service": {PASSWORDS["inventory_service"]},
        "shipping-service": {PASSWORDS["shipping_service"]},
        "payment-gateway": {PASSWORDS["payment_gateway"]},
        "audit-schema": {PASSWORDS["audit_service"]},
        "audit-service": {PASSWORDS["audit_writer"]},
    }
    for name, passwords in allowed.items():
        assert passwords == _secrets_in(topology.process(name))
    for app_id in CORE_APPS:
        assert {PASSWORDS["dapr"]} == _secrets_in(topology.process(f"{app_id}-daprd"))


def test_the_users_database_replaces_the_embedded_one(tmp_path: Path) -> None:
    """Roles, databases and options follow from the administrator's URL."""
    topology = a_topology(tmp_path, database_url="postgresql://admin:x@db:6432/webshop?sslmode=require")

    assert "postgres" not in topology.names
    assert topology.process("database").starts_after == ()
    shipping = topology.process("shipping-service").env["SERVICE_DATABASE_URL"]
    place = "db:6432/webshop?sslmode=require"
    assert f"postgresql://webshop_shipping_service:{PASSWORDS['shipping_service']}@{place}" == shipping
    state = topology.process("order-service-daprd").env["STATESTORE_CONNECTION_STRING"]
    assert f"postgresql://webshop_dapr:{PASSWORDS['dapr']}@db:6432/webshop_dapr?sslmode=require" == state


def test_another_registry_has_a_stack_of_its_own(tmp_path: Path) -> None:
    """Without the shop's gateway, mailbox, broker and audit, which none of its apps uses."""
    settings = load_settings(home=tmp_path, registry_name=small_registry.NAME)
    passwords = dict.fromkeys(password_names(small_registry.SMALL), "secret")

    topology = build_topology(settings, passwords, Path("/dapr"))

    apps = ("flight-service", "flight-service-daprd")
    assert ("postgres", "database", "placement", "scheduler", *apps) == topology.names
    assert settings.api_port in {claim.number for claim in topology.process("flight-service").ports}


def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path) -> None:
    """A typing error costs no look at the documentation."""
    with pytest.raises(UnknownProcessError, match="did you mean payment-service"):
        a_topology(tmp_path).process("payment-servce")


def test_a_group_is_a_part_of_the_stack(tmp_path: Path) -> None:
    """`--only core` starts it."""
    topology = a_topology(tmp_path)

    core = topology.only(["core"])

    assert [name for name in topology.names if name not in core.names] == [
        "mailbox",
        "broker",
        "streams",
        "audit-schema",
        "notification-service",
        "notification-service-daprd",
        "ml-inference-service",
        "ml-inference-service-daprd",
        "audit-service",
        "audit-service-daprd",
        "task-orchestrator-service",
        "task-orchestrator-service-daprd",
        "event-relay",
        "event-relay-daprd",
    ]


def _secrets_in(spec: ProcessSpec) -> set[str]:
    return set(re.findall(r"secret-\d\d", " ".join(spec.env.values())))
