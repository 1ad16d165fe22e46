"""Hosts as network namespaces: made, cut, healed, and gone at the end whatever ended the supervisor."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devstack.errors import UnknownHostError
from devstack.network import INTERFACES, NAMED_NAMESPACES, missing_for_namespaces, token_of
from devstack.supervisor.state import end_leftovers
from tests.integration.devstack.harness import PROJECT, eventually
from tests.integration.devstack.small import SmallStack

MISSING = missing_for_namespaces(Path(__file__))
needs_namespaces = pytest.mark.skipif(MISSING is not None, reason=f"no network namespaces: {MISSING}")


@pytest.fixture
def hosts(home: Path) -> SmallStack:
    """The small stack, whose `front` lives on a host of its own."""
    return SmallStack(home, "namespaces")


def traces(home: Path) -> list[str]:
    """What exists in the kernel for the stack of this state folder."""
    token = token_of(home)
    places = (*NAMED_NAMESPACES.glob(f"*{token}*"), *INTERFACES.glob(f"*{token}*"))
    return [place.name for place in places]


@needs_namespaces
def test_a_host_is_cut_and_healed_while_its_process_lives_on(hosts: SmallStack) -> None:
    """The supervisor doesn't take a process for dead because it can't be reached."""
    with hosts.running():
        hosts.up()
        pid = hosts.client.pid("front")
        assert [("main", False), ("front", False)] == [(host.name, host.cut) for host in hosts.client.hosts()]

        hosts.client.partition("front")
        assert not hosts.client.is_ready("front")
        assert not answers(hosts)
        assert [("main", False), ("front", True)] == [(host.name, host.cut) for host in hosts.client.hosts()]

        hosts.client.heal("front")
        hosts.client.wait_ready("front")
        assert answers(hosts)
        assert pid == hosts.client.pid("front")


@needs_namespaces
def test_the_main_host_can_be_cut_too(hosts: SmallStack) -> None:
    """Its own processes are still asked, those of the others can't be."""
    with hosts.running():
        hosts.up()

        hosts.client.partition("main")

        assert hosts.client.is_ready("store")
        assert not hosts.client.is_ready("front")


@needs_namespaces
def test_a_stop_removes_the_hosts(hosts: SmallStack) -> None:
    """Also when one is cut at that moment."""
    with hosts.running() as supervisor:
        hosts.up()
        assert traces(hosts.home)
        hosts.client.partition("front")
        hosts.client.shutdown()
        eventually(lambda: supervisor.poll() is not None, "the supervisor is reaped")

    assert not traces(hosts.home)


@needs_namespaces
def test_hosts_that_a_killed_supervisor_left_are_removed(hosts: SmallStack) -> None:
    """By `shop down`, and by the next start, which then makes its own."""
    with hosts.running() as supervisor:
        hosts.up()
        left = hosts.processes()
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        assert traces(hosts.home)

        assert {"front", f"shop-{token_of(hosts.home)}-front"} <= set(end_leftovers(hosts.home))
        assert not traces(hosts.home)
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)

    with hosts.running() as supervisor:
        hosts.up()
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        with hosts.running():
            hosts.up()
            assert answers(hosts)


def test_a_stack_on_one_host_has_nothing_to_cut(stack: SmallStack) -> None:
    """The sentence says how to start one that has."""
    with stack.running():
        stack.up()
        assert stack.client.hosts() == ()
        with pytest.raises(UnknownHostError, match="SHOP_NETWORK=namespaces"):
            stack.client.partition("front")


def test_a_pause_reaches_the_children_of_a_process(stack: SmallStack) -> None:
    """Each child of Postgres leads a group of its own; a server whose backends go on isn't paused."""
    with stack.running("has-a-child"):
        stack.up()
        pid = stack.client.pid("front")
        assert pid is not None
        (child,) = psutil.Process(pid).children()
        assert os.getpgid(child.pid) != os.getpgid(pid)

        stack.client.signal("front", "SIGSTOP")
        eventually(lambda: child.status() == psutil.STATUS_STOPPED, "the child is paused")

        stack.client.signal("front", "SIGCONT")
        eventually(lambda: child.status() != psutil.STATUS_STOPPED, "it goes on")


def answers(hosts: SmallStack) -> bool:
    """Whether `front` answers somebody on the main host."""
    url = hosts.client.urls()["front"]
    asks = f"import urllib.request; urllib.request.urlopen({url!r}, timeout=1)"
    return subprocess.run([sys.executable, "-c", asks], cwd=PROJECT, capture_output=True, check=False).returncode == 0
