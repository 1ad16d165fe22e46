"""A fresh stack for a benchmark, on free ports, with its state below `.shop/bench`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cli.output import say
from devstack.build import ensure_broker, ensure_runtime
from devstack.client import StackClient
from devstack.ports import free_block
from devstack.settings import PORT_BLOCK_SIZE, PROJECT_ROOT, StackSettings, load_settings

OF_THE_USER: Final = {"DATABASE_URL", "NATS_URL"}
"""The bed has a database and a broker of its own."""


@dataclass(frozen=True)
class Bed:
    """A running stack."""

    settings: StackSettings
    variables: Mapping[str, str]
    """What its services are told besides."""

    @property
    def stack(self) -> StackClient:
        return StackClient(self.settings.home)

    def run(self, *arguments: str) -> str:
        """`shop` on it."""
        inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_USER}
        return subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "cli", *arguments],
            cwd=PROJECT_ROOT,
            env={**inherited, **self.settings.environment(), **self.variables},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def load(self, orders: int, clients: int, seed: int) -> dict[str, Any]:
        """Place the orders and wait for their ends."""
        knobs = ("--orders", str(orders), "--clients", str(clients), "--seed", str(seed), "--json")
        summary: dict[str, Any] = json.loads(self.run("load", *knobs))
        return summary


@contextmanager
def bed(name: str, *groups: str, **variables: str) -> Iterator[Bed]:
    """A fresh stack of these groups (all, if none is named), up and ready; it is down after the block."""
    home = PROJECT_ROOT / ".shop" / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    own, base = load_settings(), free_block(PORT_BLOCK_SIZE + 1)
    binaries = {"dapr_bin_dir": ensure_runtime(own, say).folder, "nats_server": ensure_broker(own, say)}
    settings = load_settings(home=home, api_port=base, base_port=base + 1, database_url=None, nats_url=None, **binaries)
    fresh = Bed(settings, variables)
    try:
        fresh.run("up", "--detach", *(word for group in groups for word in ("--only", group)))
        yield fresh
    finally:
        fresh.run("down")
