"""What multi-app workflows require: one namespace, one state store, and apps under the names of the contracts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.doctor.targets import CLUSTER_APPS, Pod
from devstack.topology.infrastructure import COMPONENTS
from shared.shop.registry import SHOP
from tests.integration.deploy.manifests import NAMESPACE, PREPARE, Manifests

pytestmark = pytest.mark.integration

CALLERS = {app.app_id: callers for app in SHOP.apps if (callers := {caller.app_id for caller in SHOP.callers_of(app)})}


def local(name: str) -> dict[str, Any]:
    """The resource of the local stack."""
    found: dict[str, Any] = yaml.safe_load((COMPONENTS / f"{name}.yaml").read_text())
    return found


def test_everything_lives_in_one_namespace(all_manifests: dict[str, Manifests]) -> None:
    """An app id alone says whom a workflow calls; another namespace would have another app of the same id."""
    for name, manifests in all_manifests.items():
        places = {one["metadata"].get("namespace") for one in manifests.documents if one["kind"] != "Namespace"}
        assert {NAMESPACE} == places, name
        expected = set() if name == PREPARE else {NAMESPACE}
        assert expected == set(manifests.of_kind("Namespace"))


def test_there_is_one_state_store_and_every_app_has_it(manifests: Manifests) -> None:
    """A parent and its child in another app share their history; a second actor store would part them."""
    stores = [one for one in manifests.of_kind("Component").values() if one["spec"]["type"].startswith("state.")]

    (store,) = stores
    assert "scopes" not in store
    assert {"name": "actorStateStore", "value": "true"} in store["spec"]["metadata"]
    assert local("statestore")["metadata"]["name"] == store["metadata"]["name"]


def test_every_app_that_a_workflow_calls_is_deployed_under_its_id(manifests: Manifests) -> None:
    """Dapr routes by string: an app id that differs by a letter waits for ever."""
    called = {contract.app_id for contract in SHOP.contracts} | {contract.app_id for contract in SHOP.children}

    assert called <= set(manifests.sidecars)


def test_the_doctor_can_ask_every_app(manifests: Manifests) -> None:
    """It finds each by its pod's annotation, at the port that its service has."""
    asked = {}
    for name, pod in manifests.sidecars.items():
        metadata = {**pod["metadata"], "name": name}
        asked[name] = Pod.read({"metadata": metadata, "spec": pod["spec"], "status": {"phase": "Running"}})

    assert asked == {name: Pod(name, name, 8080) for name in manifests.sidecars}
    assert set(asked) >= CLUSTER_APPS


def test_components_differ_from_the_local_ones_by_their_secrets_only(manifests: Manifests) -> None:
    """What was measured locally holds in the cluster."""
    for name in ("statestore", "pubsub"):
        here, there = local(name), manifests.of_kind("Component")[name]
        assert without_secrets(here["spec"]) == without_secrets(there["spec"])
        assert here.get("scopes") == there.get("scopes")
        assert there["auth"] == {"secretStore": "kubernetes"}


def test_resiliency_is_the_local_one_in_this_namespace(manifests: Manifests) -> None:
    """The types of actors carry the namespace; a target that names another does nothing, and says nothing."""
    (there,) = manifests.of_kind("Resiliency").values()
    here = yaml.safe_load(
        re.sub(
            r"dapr\.internal\.default\.",
            f"dapr.internal.{NAMESPACE}.",
            Path(COMPONENTS / "resiliency.yaml").read_text(),
        )
    )

    assert here["spec"] == there["spec"]


def test_every_sidecar_takes_the_configuration(manifests: Manifests) -> None:
    """A name that doesn't exist keeps a sidecar from starting."""
    (configuration,) = manifests.of_kind("Configuration")

    assert {configuration} == {pod["metadata"]["annotations"]["dapr.io/config"] for pod in manifests.sidecars.values()}


def test_policies_admit_what_the_contracts_say_and_no_more(manifests: Manifests) -> None:
    """A new activity, or a new caller, is refused in the cluster until its policy says so."""
    policies = manifests.of_kind("WorkflowAccessPolicy")

    assert CALLERS
    assert set(CALLERS) == set(policies)
    for app_id, policy in policies.items():
        assert [app_id] == policy["scopes"]
        (rule,) = policy["spec"]["rules"]
        assert CALLERS[app_id] == {caller["appID"] for caller in rule["callers"]}
        children = {one.workflow for one in SHOP.app(app_id).children}
        if children:
            assert children == {one["name"] for one in rule["workflows"]}
        else:
            activities = {contract.activity for contract in SHOP.app(app_id).contracts}
            assert activities == {one["name"] for one in rule["activities"]}


def test_callers_have_no_policy(manifests: Manifests) -> None:
    """Results come back as events, which Dapr 1.18 refuses wherever a policy holds."""
    callers = set().union(*CALLERS.values())

    assert callers.isdisjoint(
        scope for one in manifests.of_kind("WorkflowAccessPolicy").values() for scope in one["scopes"]
    )


def without_secrets(spec: dict[str, Any]) -> dict[str, Any]:
    """A component's specification, in which secrets are only said to be some."""
    metadata = [{**item, "secretKeyRef": "…"} if "secretKeyRef" in item else item for item in spec["metadata"]]
    return {**spec, "metadata": metadata}
