"""Runs another process in the place of one of a running stack's own."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from devstack.programs.build import ensure_runtime
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.stack import topology_of
from devstack.topology.specs import ProcessSpec
from tests.e2e.conftest import PROJECT

READY_SECONDS = 180.0
"""A sidecar whose worker went in the middle of a turn may take in no other; it is replaced after a minute."""


def spec_of(settings: StackSettings, name: str) -> ProcessSpec:
    """How the stack runs this process."""
    return topology_of(settings, ensure_runtime(load_settings(), print)).process(name)


@contextmanager
def beside(
    settings: StackSettings, name: str, command: Sequence[str], variables: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run this command with the environment of a process of the stack, and with these variables changed."""
    log = settings.logs / f"{name}-other.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **spec_of(settings, name).env, **(variables or {})},
            stdout=stream,
            stderr=stream,
        )
    try:
        yield
    finally:
        # As what it stands for was ended: a polite end takes as long as what it does.
        process.kill()
        process.wait()


@contextmanager
def instead_of(
    stack: StackClient,
    settings: StackSettings,
    name: str,
    command: Sequence[str],
    variables: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """As `beside`, while the stack's own process is held; it is back and ready after the block."""
    stack.hold(name)
    try:
        with beside(settings, name, command, variables):
            yield
    finally:
        stack.start(name)
        stack.wait_ready(name, timeout_seconds=READY_SECONDS)
