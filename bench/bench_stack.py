"""A fresh stack for a benchmark, on free ports, with its state below `.shop/bench`."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cli.output import say
from devstack.programs.build import ensure_broker
from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment, own_settings


@dataclass(frozen=True)
class BenchStack:
    """A running stack."""

    settings: StackSettings
    variables: Mapping[str, str]
    """Further environment variables of its services."""

    @property
    def stack(self) -> StackClient:
        return StackClient(self.settings.home)

    def run(self, *arguments: str) -> str:
        """`shop` on it."""
        return subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "cli", *arguments],
            cwd=PROJECT_ROOT,
            env=own_environment({**self.settings.environment(), **self.variables}),
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
def bench_stack(name: str, *groups: str, **variables: str) -> Iterator[BenchStack]:
    """A fresh stack of these groups (all, if none is named), up and ready; it is down after the block."""
    home = PROJECT_ROOT / ".shop" / "bench" / name
    shutil.rmtree(home, ignore_errors=True)
    settings = fresh_settings(home, say, nats_server=ensure_broker(own_settings(), say))
    fresh = BenchStack(settings, variables)
    try:
        fresh.run("up", "--detach", *(word for group in groups for word in ("--only", group)))
        yield fresh
    finally:
        fresh.run("down")
