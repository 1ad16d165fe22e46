"""What runs in the cluster is what the local stack runs, with settings that the services accept."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devstack.generate import documents
from devstack.postgres.passwords import password_names
from devstack.settings import load_settings
from devstack.topology.specs import Topology
from devstack.topology.topology import build_topology
from shared.contracts.app import App, Registry
from shared.service.settings import HttpSettings
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.groups import CORE
from shared.shop.registry import APPS, SHOP
from shared.shop.shipping import SHIPPING_SERVICE
from shared.webhooks import write_secret
from tests.integration.deploy.manifests import Document, Manifests, only_container
from tests.programs.kustomize import DEPLOY, Command, render

pytestmark = pytest.mark.integration

PROGRAMS: Final = tuple(app.app_id for app in SHOP.apps)
# What Dapr's injector adds to each container of a pod that it gives a sidecar.
INJECTED: Final = {"DAPR_HTTP_PORT": "3500", "DAPR_GRPC_PORT": "50001"}
# Said by the image, or the same by default.
LOCAL_ONLY: Final = {"PYTHONUNBUFFERED", "DAPR_HOST"}
MORE_THAN_LOCAL: Final = {"ML_PROVIDER"}
SECRETS: Final = {
    "database-url": "postgresql://shop_role:secret@postgres.example:5432/shop",
    "auditor-database-url": "postgresql://shop_auditor:secret@postgres.example:5432/shop",
    "smtp-url": "smtps://user:secret@mail.example:465",
    "push-webhook-secret": write_secret(b"a secret of twenty-four b"),
}


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    """The local stack."""
    passwords = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}
    return build_topology(load_settings(home=tmp_path), passwords, Path("/dapr"))


def settings_of(name: str) -> type[HttpSettings]:
    """What a service loads: the one settings class that its composition root knows."""
    known = vars(import_module(f"{SHOP.app(name).package}.__main__")).values()
    (found,) = (one for one in known if isinstance(one, type) and issubclass(one, HttpSettings))
    return found


def environment(pod: Document, config: dict[str, str]) -> dict[str, str]:
    """The variables of a pod's one container, with secrets of which only the form is right."""
    return {variable["name"]: _value(variable, config) for variable in only_container(pod)["env"]}


def _value(variable: dict[str, Any], config: dict[str, str]) -> str:
    if "value" in variable:
        return str(variable["value"])
    source = variable["valueFrom"]
    if "configMapKeyRef" in source:
        return config[source["configMapKeyRef"]["key"]]
    return SECRETS[source["secretKeyRef"]["key"]]


def test_the_apps_are_the_topologys(manifests: Manifests) -> None:
    """All have a sidecar under the app id that contracts and components know, and the gateway has none."""
    assert sorted(APPS) == sorted(manifests.sidecars)
    assert PAYMENT_GATEWAY in set(manifests.pods) - set(manifests.sidecars)
    for app_id, pod in manifests.sidecars.items():
        assert manifests.pods[app_id] is pod
        assert [SHOP.app(app_id).package] == only_container(pod)["args"]


def test_each_has_the_variables_that_it_has_locally(manifests: Manifests, topology: Topology) -> None:
    """A variable that is added on one side only is noticed."""
    for name in PROGRAMS:
        local = set(topology.process(name).env) - LOCAL_ONLY - set(INJECTED)
        there = set(environment(manifests.pods[name], manifests.config)) - MORE_THAN_LOCAL
        assert local == there, name


def test_each_service_accepts_its_settings(manifests: Manifests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missing or wrong, and no variable is one that the service doesn't read."""
    for name in PROGRAMS:
        settings_type = settings_of(name)
        variables = environment(manifests.pods[name], manifests.config)
        assert {variable.lower() for variable in variables} <= set(settings_type.model_fields), name
        with monkeypatch.context() as patch:
            for variable, value in {**variables, **(INJECTED if name in APPS else {})}.items():
                patch.setenv(variable, value)
            settings = settings_type()
        assert settings.service_http_host == "0.0.0.0"


def test_ports_agree(manifests: Manifests) -> None:
    """Container, Service, probes and the sidecar's deliveries all mean the port that the service listens at."""
    for name in PROGRAMS:
        pod, service = manifests.pods[name], manifests.of_kind("Service")[name]
        (port,) = only_container(pod)["ports"]
        assert str(port["containerPort"]) == environment(pod, manifests.config)["SERVICE_HTTP_PORT"]
        (exposed,) = service["spec"]["ports"]
        assert (port["name"], port["containerPort"]) == (exposed["targetPort"], exposed["port"])
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_events_are_delivered_to_their_consumers_only(manifests: Manifests) -> None:
    """As locally: the sidecars of the core apps never load the broker's component."""
    with_port = {
        app_id for app_id, pod in manifests.sidecars.items() if "dapr.io/app-port" in pod["metadata"]["annotations"]
    }
    labelled = {app_id for app_id, pod in manifests.sidecars.items() if "saga-shop/events" in pod["metadata"]["labels"]}

    assert set(SHOP.event_apps) == with_port == labelled
    assert SHOP.event_apps
    for app_id in SHOP.event_apps:
        annotations = manifests.sidecars[app_id]["metadata"]["annotations"]
        assert annotations["dapr.io/app-port"] == "8080"


def test_fault_plans_are_refused_in_production(all_manifests: dict[str, Manifests]) -> None:
    """Only the demo takes them."""
    modes = {name: all_manifests[name].config["mode"] for name in ("demo", "production", "gpu")}

    assert {"demo": "demo", "production": "production", "gpu": "production"} == modes


def test_other_services_are_called_by_names_that_exist(manifests: Manifests) -> None:
    """Each URL within the cluster names a Service and its port."""
    services = {
        f"{name}:{port['port']}"
        for name, service in manifests.of_kind("Service").items()
        for port in service["spec"]["ports"]
    }
    urls = [
        value
        for name in PROGRAMS
        for value in environment(manifests.pods[name], manifests.config).values()
        if value.startswith("http://") and "." not in value
    ]

    assert len(urls) >= 3
    assert {url.removeprefix("http://").partition("/")[0] for url in urls} <= services


def test_a_further_participant_is_deployed_as_the_others(tmp_path: Path, kustomize: Command) -> None:
    """By its declaration alone: nobody edits a file below `deploy/`."""
    deploy = shutil.copytree(DEPLOY, tmp_path / "deploy")
    further_app = App(app_id="bakery-service", group=CORE)
    for file, text in documents(Registry((*SHOP.apps, further_app))).items():
        if file.is_relative_to(DEPLOY):
            (deploy / file.relative_to(DEPLOY)).write_text(text)

    as_shipping = render(kustomize, deploy / "overlays" / "production").replace("bakery", "shipping")

    both = [one for one in yaml.safe_load_all(as_shipping) if one["metadata"]["name"] == SHIPPING_SERVICE]
    for kind in ("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        shipping, further = (one for one in both if one["kind"] == kind)
        assert shipping == further
