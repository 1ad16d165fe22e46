"""The stage: Postgres, placement, scheduler and broker of the shop's own description, with the two apps beside them.

`python -m examples.choosing.stage` runs it until Ctrl-C, with its state in SHOP_HOME and on the ports from
SHOP_BASE_PORT, as the shop itself would.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from devstack.postgres.passwords import load_passwords
from devstack.programs.build import ensure_broker, ensure_runtime
from devstack.settings import PROJECT_ROOT, StackSettings, load_settings
from devstack.supervisor.control import control_api
from devstack.supervisor.supervisor import Supervisor
from devstack.topology.addresses import (
    BROKER,
    PLACEMENT,
    POSTGRES,
    SCHEDULER,
    STREAMS,
    AppPorts,
    PortClaim,
    app_ports,
    sidecar_of,
)
from devstack.topology.infrastructure import sidecar
from devstack.topology.layout import database_layout
from devstack.topology.specs import HttpReady, ProcessSpec, Topology
from devstack.topology.topology import build_topology
from examples.choosing.jobs import CALLEE, CALLER
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE

INFRASTRUCTURE: Final = (POSTGRES, "database", PLACEMENT, SCHEDULER, BROKER, STREAMS)
PLACE_OF: Final = {CALLER: TASK_ORCHESTRATOR_SERVICE, CALLEE: NOTIFICATION_SERVICE}
"""Each app has the ports, and a sidecar like that, of one of the shop's, which doesn't run here."""
COMPONENTS: Final = Path(__file__).parent / "components"

# Service invocation finds an app by its name, which the shop never needs to: its workflows travel by placement.
NAMES: Final = """
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: choosing
spec:
  nameResolution:
    component: sqlite
    configuration:
      connectionString: "{database}"
"""


def journal_of(settings: StackSettings) -> Path:
    """Where the callee leaves its marks."""
    return settings.home / "choosing-book.jsonl"


def url_of(settings: StackSettings, app_id: str) -> str:
    """Where an app answers."""
    return f"http://127.0.0.1:{app_ports(settings, PLACE_OF[app_id]).http}"


def stage_of(settings: StackSettings, dapr_binaries: Path, nats_server: Path) -> Topology:
    """The infrastructure, and both apps with their sidecars."""
    whole = build_topology(settings, load_passwords(settings), dapr_binaries, nats_server=nats_server)
    kept = [spec for spec in whole.processes if spec.name in INFRASTRUCTURE]
    for app_id, module in ((CALLER, "caller"), (CALLEE, "callee")):
        ports = app_ports(settings, PLACE_OF[app_id])
        kept += [_app(settings, app_id, module, ports), _sidecar(settings, whole, dapr_binaries, app_id)]
    return Topology(tuple(kept), whole.control_port, whole.network)


def _app(settings: StackSettings, app_id: str, module: str, ports: AppPorts) -> ProcessSpec:
    return ProcessSpec(
        name=app_id,
        kind="service",
        app_id=app_id,
        command=(sys.executable, "-m", f"examples.choosing.{module}"),
        env={
            "SERVICE_HTTP_PORT": str(ports.http),
            "DAPR_HTTP_PORT": str(ports.dapr_http),
            "DAPR_GRPC_PORT": str(ports.dapr_grpc),
            "CHOOSING_BOOK": str(journal_of(settings)),
            "PYTHONPATH": str(PROJECT_ROOT),
        },
        ports=(PortClaim(ports.http, app_id),),
        ready=HttpReady(f"{url_of(settings, app_id)}/healthz"),
        starts_after=("database",),
        url=url_of(settings, app_id),
    )


def _sidecar(settings: StackSettings, whole: Topology, binaries: Path, app_id: str) -> ProcessSpec:
    """As the shop's own, under another name and with this example's components."""
    layout = database_layout(settings, load_passwords(settings), whole.network.main.address)
    model = sidecar(settings, layout, whole.network, binaries, PLACE_OF[app_id])
    own = (f"--app-id={app_id}", f"--config={_names(settings)}", f"--resources-path={COMPONENTS}")
    kept = [word for word in model.command if not word.startswith(("--app-id=", "--config="))]
    return replace(
        model,
        name=sidecar_of(app_id),
        app_id=app_id,
        command=(*kept, *own),
        # It reads the subscriptions of the app when it starts.
        starts_after=(*model.starts_after, app_id),
        stops_after=(),
    )


def _names(settings: StackSettings) -> Path:
    """The configuration by which the sidecars find each other: in a file below the state folder, not by multicast."""
    configuration = settings.home / "choosing-names.yaml"
    configuration.write_text(NAMES.format(database=settings.home / "choosing-names.db"), encoding="utf-8")
    return configuration


def main() -> None:
    """Run the stage."""
    settings = load_settings()
    topology = stage_of(settings, ensure_runtime(settings, print).folder, ensure_broker(settings, print))
    asyncio.run(Supervisor(topology, settings, print).run(control_api))


if __name__ == "__main__":
    main()
