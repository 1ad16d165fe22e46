"""What a dev loop reads of the stack: nothing secret, and for each process the files that concern it."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres.passwords import password_names
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.topology.outline import DOCS, label_of, outline, watches
from devstack.topology.specs import Topology
from devstack.topology.topology import build_topology
from shared.shop.payment import PAYMENT_SERVICE
from shared.shop.registry import SHOP

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}


def a_topology(tmp_path: Path) -> Topology:
    return build_topology(load_settings(home=tmp_path), PASSWORDS, Path("/dapr"))


def test_a_service_is_restarted_by_all_that_it_imports(tmp_path: Path) -> None:
    """Its own package and what it shares with others: code that is watched by nobody would stay old in silence."""
    services = [spec for spec in a_topology(tmp_path).processes if spec.kind == "service"]

    assert services
    for spec in services:
        package = spec.command[-1]
        assert imported_by(PROJECT_ROOT / package) <= set(watches(spec)), spec.name


def test_no_service_is_restarted_by_anothers_code(tmp_path: Path) -> None:
    """Only the sidecars' resources and the shared package concern several."""
    watched = [watches(spec) for spec in a_topology(tmp_path).processes if spec.kind == "service"]
    packages = [path for paths in watched for path in paths if path != "shared"]

    assert len(packages) == len(set(packages))
    assert ("payment_service", "shared") == watches(a_topology(tmp_path).process(PAYMENT_SERVICE))


def test_all_that_is_watched_and_linked_exists(tmp_path: Path) -> None:
    paths = [path for spec in a_topology(tmp_path).processes for path in watches(spec)]
    documents = [f"docs/{name}" for names in DOCS.values() for name in names]

    assert [] == [path for path in (*paths, *documents) if not (PROJECT_ROOT / path).exists()]


def test_every_process_is_outlined_without_passwords(tmp_path: Path) -> None:
    """The outline ends up in other programs' logs and pages."""
    settings = load_settings(home=tmp_path)
    outlined = outline(a_topology(tmp_path), settings)

    assert list(a_topology(tmp_path).names) == [row["name"] for row in outlined["processes"]]
    assert "secret-" not in json.dumps(outlined)
    taken = {claim.number for claim in a_topology(tmp_path).ports}
    assert outlined["docs_port"] not in taken
    assert outlined["control_port"] in taken


def test_a_failing_order_may_break_each_step(tmp_path: Path) -> None:
    """A button offers them."""
    outlined = outline(a_topology(tmp_path), load_settings(home=tmp_path))

    assert {"reserve_stock", "process_payment", "book_shipment"} <= set(outlined["order_steps"])


def test_what_all_groups_need_is_shown_apart(tmp_path: Path) -> None:
    labels = {spec.name: label_of(spec, SHOP) for spec in a_topology(tmp_path).processes}

    assert "infrastructure" == labels["placement"]
    assert "events" == labels["broker"]
    assert "tasks" == labels["mailbox"]
    assert "core" == labels["payment-service-daprd"]


def imported_by(package: Path) -> set[str]:
    """The project's packages that the modules of a package import."""
    names = {name for file in package.rglob("*.py") for name in imports_of(file)}
    return {name for name in names if (PROJECT_ROOT / name / "__init__.py").exists()}


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
