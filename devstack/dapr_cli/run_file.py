"""The multi-app run file of the Dapr CLI, made from the topology: `dapr run -f .` starts the same apps."""

import os
from collections.abc import Mapping
from pathlib import Path

from devstack.programs.build import DaprRuntime
from devstack.settings import PROJECT_ROOT
from devstack.topology.addresses import sidecar_of
from devstack.topology.specs import ProcessSpec, Topology

RUN_FILE = PROJECT_ROOT / "dapr.yaml"
HEADER = """\
# For users of the Dapr CLI: docs/dapr-run.md. Made from devstack/topology/topology.py by
#   .venv/bin/shop dapr-run-file > dapr.yaml
# so don't edit it; a test compares the two.
"""
# How the run file names a flag of daprd.
COMMON = {
    "resources-path": "resourcesPath",
    "config": "configFilePath",
    "placement-host-address": "placementHostAddress",
    "scheduler-host-address": "schedulerHostAddress",
    "dapr-listen-addresses": "apiListenAddresses",
}
PER_APP = {
    "dapr-http-port": "daprHTTPPort",
    "dapr-grpc-port": "daprGRPCPort",
    "metrics-port": "metricsPort",
    "app-port": "appPort",
    "app-protocol": "appProtocol",
}
# The first is written apart; the Dapr CLI knows no name for the others.
ELSEWHERE = frozenset(
    {"app-id", "dapr-internal-grpc-listen-address", "metrics-listen-address", "dapr-graceful-shutdown-seconds"}
)
# What the sidecars need and no file may hold.
FOR_SIDECARS = ("STATESTORE_CONNECTION_STRING", "NATS_URL", "DAPR_HOST_IP")


def run_file(topology: Topology) -> str:
    """The text of dapr.yaml for this topology; its paths are relative to the file."""
    sidecars = [topology.process(sidecar_of(app_id)) for app_id in topology.app_ids]
    common = {COMMON[name]: value for name, value in _flags(sidecars[0]).items() if name in COMMON}
    lines = ["version: 1", "common:", *(f"  {key}: {value}" for key, value in common.items()), "apps:"]
    for sidecar in sidecars:
        lines += [
            f"  - appID: {sidecar.app_id}",
            "    appDirPath: .",
            f"    command: [.venv/bin/python, -m, devstack.dapr_cli.launch, {sidecar.app_id}]",
            *(f"    {PER_APP[name]}: {value}" for name, value in _flags(sidecar).items() if name in PER_APP),
        ]
    return HEADER + "\n".join(lines) + "\n"


def sidecar_environment(topology: Topology) -> dict[str, str]:
    """What must be in the environment of `dapr run`, so that the sidecars have it."""
    variables: dict[str, str] = {}
    for app_id in topology.app_ids:
        env = topology.process(sidecar_of(app_id)).env
        variables |= {name: env[name] for name in FOR_SIDECARS if name in env}
    return variables


def cli_folder(home: Path, runtime: DaprRuntime) -> Path:
    """A folder for DAPR_RUNTIME_PATH that holds this runtime, as the Dapr CLI expects it."""
    folder = home / "dapr-cli"
    programs = folder / ".dapr" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (folder / ".dapr" / "components").mkdir(exist_ok=True)
    # Without the file daprd dies and the CLI waits for ever, though another configuration is given.
    (folder / ".dapr" / "config.yaml").touch()
    draft = programs / f".daprd.{os.getpid()}"
    draft.symlink_to(runtime.folder / "daprd")
    draft.replace(programs / "daprd")
    return folder


def _flags(sidecar: ProcessSpec) -> Mapping[str, str]:
    """The flags of a sidecar; one that nobody has thought of is an error, so that the file lacks nothing in silence."""
    flags = dict(argument.removeprefix("--").split("=", 1) for argument in sidecar.command[1:])
    unknown = set(flags) - set(COMMON) - set(PER_APP) - ELSEWHERE
    if unknown:
        raise ValueError(f"dapr.yaml has no place for {', '.join(sorted(unknown))}: add it to {__file__}")
    return {name: _relative(value) for name, value in flags.items()}


def _relative(value: str) -> str:
    return f"./{Path(value).relative_to(PROJECT_ROOT)}" if value.startswith(str(PROJECT_ROOT)) else value
