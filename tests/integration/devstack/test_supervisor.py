"""What the supervisor promises about starting, crashing, stopping and whatever an earlier run left."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from devstack.errors import NotRunningError, StackError, StartFailedError, UnknownProcessError
from devstack.supervisor.state import read_state
from tests.integration.devstack.harness import eventually, running
from tests.integration.devstack.small import SMALL_STACK_COMMAND, SmallStack

NAMES = ("store", "front", "helper")


def test_starts_in_order_and_stops_in_reverse(stack: SmallStack) -> None:
    """What others need starts first and stops last; afterwards nothing runs and no state is left."""
    with stack.running() as supervisor:
        stack.up()
        said = stack.said
        assert said.index("store ready") < said.index("prepare ready") < said.index("front ready")
        supervisor.send_signal(signal.SIGTERM)
        eventually(lambda: supervisor.poll() is not None, "the supervisor ends")

    assert supervisor.returncode == 0
    assert stack.stop_order == ["front", "helper", "store"]
    assert stack.ports_are_free()
    assert not (stack.home / "run" / "state.json").exists()


def test_a_crashed_process_comes_back(stack: SmallStack) -> None:
    """With a new process id, soon, and it is counted."""
    with stack.running():
        stack.up()
        before = stack.client.pid("front")
        assert before is not None

        os.kill(before, signal.SIGKILL)
        eventually(lambda: stack.client.pid("front") not in {None, before}, "front is back", 3.0)

        stack.client.wait_ready("front")
        assert stack.client.status().process("front").restarts == 1
        assert stack.client.status().process("store").restarts == 0


def test_a_process_whose_log_cannot_be_opened_comes_back_when_it_can(stack: SmallStack) -> None:
    """As on a full disk, or where a fork fails for a moment: the cause passes, and nobody has to start it."""
    with stack.running():
        stack.up()
        log = stack.home / "logs" / "front.log"
        log.unlink()
        log.mkdir()
        stack.client.kill("front")
        eventually(lambda: "can't be started" in (stack.client.status().process("front").missing or ""), "it is said")
        assert stack.client.pid("front") is None

        log.rmdir()

        stack.client.wait_ready("front")


def test_a_kill_returns_when_it_is_dead(stack: SmallStack) -> None:
    """So that `wait_ready` after it can't be answered by the victim."""
    with stack.running():
        stack.up()
        before = stack.client.pid("front")
        assert before is not None

        stack.client.kill("front")

        assert not psutil.pid_exists(before)
        stack.client.wait_ready("front")


def test_a_held_process_stays_dead_until_started(stack: SmallStack) -> None:
    """Tests need a participant that is away for as long as they like."""
    with stack.running():
        stack.up()

        stack.client.hold("front")
        assert stack.client.status().process("front").state == "held"
        assert not stack.client.is_ready("front")
        assert "front" not in stack.stop_order

        stack.client.start("front")
        stack.client.wait_ready("front")


def test_a_stopped_process_is_asked_politely_and_stays_stopped(stack: SmallStack) -> None:
    """SIGTERM first; only the stack's start or its own brings it back."""
    with stack.running():
        stack.up()

        stack.client.stop("front")
        assert stack.stop_order == ["front"]
        assert stack.client.status().process("front").state == "stopped"

        stack.client.restart("front")
        stack.client.wait_ready("front")


def test_a_paused_process_is_not_ready_and_can_still_be_stopped(stack: SmallStack) -> None:
    """SIGSTOP is chaos's way of making a process hang."""
    with stack.running():
        stack.up()

        stack.client.signal("front", "SIGSTOP")
        assert not stack.client.is_ready("front")

        stack.client.stop("front")
        assert stack.stop_order == ["front"]


def test_a_stubborn_process_is_killed_in_time(stack: SmallStack) -> None:
    """A stop ends, whatever the process does."""
    with stack.running("stubborn"):
        stack.up()

        stack.client.stop("front")

        assert stack.client.status().process("front").state == "stopped"


def test_a_process_that_dies_at_once_fails_the_start(stack: SmallStack) -> None:
    """The message holds the end of its log, and what had started is stopped."""
    with stack.running("dies") as supervisor:
        eventually(lambda: supervisor.poll() is not None, "the supervisor ends")

    assert supervisor.returncode == 1
    assert "front ended with exit code 1" in stack.said
    assert "it can't find what it needs" in stack.said
    assert stack.stop_order[-1] == "store"
    assert stack.ports_are_free()


def test_a_process_that_never_gets_ready_fails_the_start(stack: SmallStack) -> None:
    """With what its readiness check answered last."""
    with stack.running("never-ready") as supervisor:
        eventually(lambda: supervisor.poll() is not None, "the supervisor ends")

    assert "front was not ready after 2 s" in stack.said
    assert "answers 503" in stack.said
    assert stack.ports_are_free()


def test_an_interrupted_start_stops_what_had_started(stack: SmallStack) -> None:
    """Ctrl-C in the middle leaves nothing running."""
    with stack.running("never-ready") as supervisor:
        eventually(lambda: stack.log.exists() and "helper ready" in stack.said, "it is half started")
        supervisor.send_signal(signal.SIGINT)
        eventually(lambda: supervisor.poll() is not None, "the supervisor ends")

    assert supervisor.returncode == 0
    assert "was not ready" not in stack.said
    assert stack.ports_are_free()


def test_a_second_supervisor_is_refused(stack: SmallStack) -> None:
    """The first goes on."""
    with stack.running():
        stack.up()
        with running(SMALL_STACK_COMMAND, stack.environment, stack.home / "second.log") as second:
            eventually(lambda: second.poll() is not None, "the second ends")

        assert second.returncode == 1
        assert "already runs" in (stack.home / "second.log").read_text()
        stack.client.wait_ready()


def test_what_a_killed_supervisor_left_is_ended_at_the_next_start(stack: SmallStack) -> None:
    """By id and start time together; the new stack then has the ports."""
    with stack.running() as supervisor:
        stack.up()
        left = stack.processes()
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        assert all(process.is_running() for process in left)
        with pytest.raises(NotRunningError):
            stack.client.status()

        with stack.running():
            stack.up()
            assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)
            assert "front: ended what an earlier run left" in stack.said


def test_a_start_after_everything_was_killed(stack: SmallStack) -> None:
    """Stale state is no obstacle."""
    with stack.running() as supervisor:
        stack.up()
        left = stack.processes()
        os.killpg(supervisor.pid, signal.SIGKILL)
        for process in left:
            process.kill()
        supervisor.wait()

        with stack.running():
            stack.up()


def test_a_stranger_with_a_used_again_process_id_is_spared(stack: SmallStack) -> None:
    """The state file names this test's own process, with another start time."""
    stack.home.joinpath("run").mkdir()
    with stack.running() as supervisor:
        stack.up()
        state_file = stack.home / "run" / "state.json"
        text = state_file.read_text()
        before = stack.client.pid("front")
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        stack.end_orphans()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
            state_file.write_text(text.replace(f'"pid": {before},', f'"pid": {stranger.pid},'))
            with stack.running():
                stack.up()
                assert stranger.poll() is None
            assert stranger.stdin is not None
            stranger.stdin.close()


def test_a_taken_port_stops_the_start_before_it_begins(stack: SmallStack) -> None:
    """The message names it; nothing was started."""
    with socket.create_server(("127.0.0.1", stack.base_port + 2)), stack.running() as supervisor:
        eventually(lambda: supervisor.poll() is not None, "the supervisor ends")

    assert f"port {stack.base_port + 2}, wanted for front, is held by process {os.getpid()}" in stack.said
    assert "ready" not in stack.said


def test_the_control_api_wants_its_token(stack: SmallStack) -> None:
    """Other users of the machine can reach the port, but can't read the state file."""
    with stack.running():
        stack.up()
        state_file = stack.home / "run" / "state.json"
        assert state_file.stat().st_mode & 0o077 == 0
        text = state_file.read_text()
        state = read_state(state_file)
        assert state is not None
        state_file.write_text(text.replace(state.token, "guessed"))

        with pytest.raises(StackError, match="token"):
            stack.client.status()


def test_wrong_orders_get_a_sentence(stack: SmallStack) -> None:
    """Unknown names and signals, and a kill of what doesn't run."""
    with stack.running():
        stack.up()
        with pytest.raises(UnknownProcessError, match="did you mean front"):
            stack.client.stop("frant")
        with pytest.raises(StackError, match="no signal 'SIGNONE'"):
            stack.client.signal("front", "SIGNONE")
        stack.client.stop("front")
        with pytest.raises(StackError, match="doesn't run"):
            stack.client.kill("front")
        with pytest.raises(StartFailedError, match="front was not ready after 0 s: it is stopped"):
            stack.client.wait_ready("front", timeout_seconds=0.0)


def test_shutdown_by_the_client_waits_for_the_end(stack: SmallStack) -> None:
    """As `shop down` does."""
    with stack.running() as supervisor:
        stack.up()

        stack.client.shutdown()

        eventually(lambda: supervisor.poll() is not None, "the supervisor is reaped")
        assert stack.ports_are_free()


def test_status_measures_every_process(stack: SmallStack) -> None:
    """Memory and processor time of each, and their sum with the supervisor's own."""
    with stack.running():
        stack.up()

        status = stack.client.status()

        assert {"store", "prepare", "front", "helper"} == {row.name for row in status.processes}
        assert all(status.process(name).memory_bytes > 1_000_000 for name in NAMES)
        assert status.memory_bytes > sum(row.memory_bytes for row in status.processes)
        assert status.process("prepare").state == "finished"
