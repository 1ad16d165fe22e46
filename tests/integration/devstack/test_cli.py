"""What the commands about the stack say and answer, over the small stack."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.devstack.harness import PROJECT, eventually
from tests.integration.devstack.small import SmallStack


def shop(stack: SmallStack, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `shop` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=PROJECT,
        env={**os.environ, **stack.environment, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_status_is_a_table_for_people_and_json_for_programs(stack: SmallStack) -> None:
    """Both name every process and the total."""
    with stack.running():
        stack.up()

        table = shop(stack, "status").stdout
        answer = json.loads(shop(stack, "status", "--json").stdout)

    assert all(name in table for name in ("store", "prepare", "front", "helper", "supervisor", "total"))
    assert [row["name"] for row in answer["processes"]] == ["store", "prepare", "front", "helper"]
    assert answer["totals"]["memory_bytes"] > 0


def test_a_stack_that_does_not_run_is_said_to_be_so(stack: SmallStack) -> None:
    """With an exit code of its own, and no stack trace."""
    answer = shop(stack, "status")

    assert answer.returncode == 3
    assert answer.stderr == "shop: the stack doesn't run; start it with `shop up`\n"
    assert shop(stack, "down").returncode == 0


def test_processes_are_stopped_started_and_killed_by_name(stack: SmallStack) -> None:
    """Each command returns when it is done."""
    with stack.running():
        stack.up()

        assert shop(stack, "stop", "front").stdout == "front stopped\n"
        assert shop(stack, "start", "front").stdout == "front ready\n"
        assert shop(stack, "kill", "front").stdout == "front killed\nfront ready\n"
        assert "stays dead" in shop(stack, "kill", "front", "--hold").stdout
        assert stack.client.status().process("front").state == "held"
        assert shop(stack, "restart", "front").stdout == "front ready\n"


def test_an_unknown_name_gets_the_nearest_one(stack: SmallStack) -> None:
    """From the supervisor as from the log folder."""
    with stack.running():
        stack.up()

        for verb in ("stop", "logs"):
            answer = shop(stack, verb, "frnt")
            assert answer.returncode == 2
            assert answer.stderr == "shop: there is no process 'frnt'; did you mean front?\n"


def test_logs_follow_a_process_over_its_restarts(stack: SmallStack) -> None:
    """Until Ctrl-C, which is no error."""
    with stack.running():
        stack.up()
        command = [sys.executable, "-m", "cli", "logs", "front", "-n", "1"]
        seen = stack.home / "seen.txt"
        with seen.open("w") as stream:
            follower = subprocess.Popen(
                command, cwd=PROJECT, env={**os.environ, **stack.environment}, stdout=stream, stderr=stream
            )
        try:
            eventually(lambda: "a line of its log" in seen.read_text(), "the last line is shown")
            stack.client.kill("front")
            eventually(lambda: seen.read_text().count("a line of its log") == 2, "the new line is shown")
        finally:
            follower.send_signal(signal.SIGINT)
            follower.wait()
        assert follower.returncode == 0

        shown = shop(stack, "logs", "front", "--no-follow", "-n", "1")
        assert shown.stdout == "a line of its log\n"


def test_addresses(stack: SmallStack) -> None:
    """Name and URL, for people and for programs."""
    with stack.running():
        stack.up()

        answer = json.loads(shop(stack, "addresses", "--json").stdout)

    assert answer["front"] == f"http://127.0.0.1:{stack.base_port + 2}"


def test_down_stops_the_stack(stack: SmallStack) -> None:
    """And returns when nothing runs any more."""
    with stack.running() as supervisor:
        stack.up()

        assert shop(stack, "down").stdout == "stopped; the data is kept\n"

        assert stack.ports_are_free()
        eventually(lambda: supervisor.poll() is not None, "the supervisor is reaped")


def test_down_ends_what_a_killed_stack_left(stack: SmallStack) -> None:
    """Without a supervisor to ask."""
    with stack.running() as supervisor:
        stack.up()
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()

        answer = shop(stack, "down")

    assert answer.stdout == "ended what a killed stack had left: store, front, helper\n"
    assert stack.ports_are_free()


def test_a_second_up_says_where_the_first_one_is(stack: SmallStack) -> None:
    """In the foreground that is a failure; who wanted it detached and ready has it."""
    with stack.running():
        stack.up()

        foreground = shop(stack, "up")
        detached = shop(stack, "up", "--detach")
        other_mode = shop(stack, "up", "--detach", "--demo")

    assert foreground.returncode == 1
    assert "the stack already runs (production mode, up) at http://127.0.0.1:" in foreground.stderr
    assert detached.returncode == 0
    assert other_mode.returncode == 1
    assert "`shop down` first" in other_mode.stderr


def test_wrong_settings_are_one_message(stack: SmallStack, tmp_path: Path) -> None:
    """Before anything is done."""
    answer = shop(stack, "up", SHOP_MODE="prod", SHOP_HOME=str(tmp_path / "none"))

    assert answer.returncode == 2
    assert "SHOP_MODE=prod" in answer.stderr
    assert not (tmp_path / "none").exists()
