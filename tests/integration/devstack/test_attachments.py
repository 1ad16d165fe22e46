"""What a dev loop relies on: a process runs as long as a client is attached, and nothing outlives the dev loop."""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

from tests.integration.devstack.harness import PROJECT, eventually, running
from tests.integration.devstack.small import SMALL_STACK_COMMAND, SmallStack

ON_DEMAND = "--on-demand"


@contextmanager
def attached(stack: SmallStack, *names: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Clients of these processes; they leave in the end."""
    clients = [
        subprocess.Popen(
            [sys.executable, "-S", "-m", "devstack.tilt.attach", name],
            cwd=PROJECT,
            env=stack.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    try:
        yield clients
    finally:
        for client in clients:
            client.terminate()
            client.communicate(timeout=30)


def test_what_has_a_client_runs_and_nothing_else(stack: SmallStack) -> None:
    """It is ready by a probe that needs no token, and stops when its client has left."""
    with stack.running(ON_DEMAND):
        stack.up()
        with attached(stack, "store"):
            eventually(lambda: probe(stack, "/ready/store") == 200, "the store is ready")
            assert probe(stack, "/ready") == 200
            assert probe(stack, "/ready/front") == 503
            assert probe(stack, "/status") == 401
        eventually(lambda: stack.client.pid("store") is None, "the store has stopped")

    assert stack.stop_order == ["store"]


def test_the_next_client_gets_it_started_anew(stack: SmallStack) -> None:
    """Once, in another process, which doesn't end because the former client has left."""
    with stack.running(ON_DEMAND):
        stack.up()
        with attached(stack, "store"):
            eventually(lambda: probe(stack, "/ready/store") == 200, "the store is ready")
            first = stack.client.pid("store")
        with attached(stack, "store"):
            eventually(lambda: stack.client.pid("store") not in {first, None}, "another process is the store")
            second = stack.client.pid("store")
            with attached(stack, "prepare", "helper"):
                # All that takes longer than a leaving client is waited for.
                eventually(lambda: probe(stack, "/ready/helper") == 200, "the helper is ready")
            eventually(lambda: stack.client.pid("helper") is None, "the helper has stopped")
            assert second == stack.client.pid("store")


def test_it_waits_for_those_that_it_starts_after(stack: SmallStack) -> None:
    """Whatever the order in which they are asked for."""
    with stack.running(ON_DEMAND):
        stack.up()
        with attached(stack, "front", "prepare"):
            eventually(lambda: probe(stack, "/ready/front") == 503, "the front is asked for")
            assert stack.client.pid("front") is None
            with attached(stack, "store"):
                eventually(lambda: probe(stack, "/ready/front") == 200, "the front is ready")


def test_a_task_ends_well_and_a_broken_service_with_its_reason(stack: SmallStack) -> None:
    """So that a dev loop is green or red, with the log to read."""
    with stack.running(ON_DEMAND, "dies"):
        stack.up()
        with attached(stack, "store", "prepare", "front") as (_, prepare, front):
            assert prepare.wait(30) == 0
            said, _ = front.communicate(timeout=30)
            assert front.returncode == 1
            assert "front ended with exit code 1" in said
            assert stack.client.pid("front") is None


def test_a_supervisor_that_is_started_anew_is_found_again(stack: SmallStack) -> None:
    """Clients stay, and what they are attached to runs under the next one."""
    with attached(stack, "store"):
        for _ in range(2):
            with stack.running(ON_DEMAND):
                stack.up()
                eventually(lambda: probe(stack, "/ready/store") == 200, "the store is ready")


def test_it_ends_with_its_parent_however_that_died(stack: SmallStack) -> None:
    """A killed dev loop can't say that it is gone."""
    in_a_shell = ["sh", "-c", '"$@" & wait', "sh", *SMALL_STACK_COMMAND, ON_DEMAND]
    with running(in_a_shell, stack.environment, stack.log) as shell:
        eventually(lambda: stack.phase == "up", "the supervisor is up")
        with attached(stack, "store"):
            eventually(lambda: probe(stack, "/ready/store") == 200, "the store is ready")
            shell.send_signal(signal.SIGKILL)
            eventually(lambda: stack.phase is None, "the supervisor has ended")

    assert stack.stop_order == ["store"]
    assert stack.ports_are_free()


def probe(stack: SmallStack, path: str) -> int:
    """The status of a plain GET, as a readiness probe sends it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{stack.base_port}{path}", timeout=10) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code
