"""Ports, logs, process identities, names."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from devstack.errors import PortTakenError
from devstack.settings import FIRST_EPHEMERAL_PORT, load_settings
from devstack.supervisor.logs import LARGEST_LOG_BYTES, bound, open_log, tail
from devstack.supervisor.process import describe_exit, inherited_environment, pause_before_restart
from devstack.supervisor.state import ProcessIdentity, read_state, start_time
from devstack.topology.addresses import TEST_SHARE, PortClaim, block_starts, check_free, free_block, is_free
from devstack.topology.specs import Finished, ProcessSpec, Topology

pytestmark = pytest.mark.unit


def test_a_taken_port_is_explained() -> None:
    """The message names the port, what wants it, who holds it, and what moves it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(PortTakenError) as caught:
            check_free([PortClaim(port, "the order API", "SHOP_API_PORT")])

    message = str(caught.value)
    assert f"port {port}, wanted for the order API" in message
    assert f"process {os.getpid()}" in message
    assert "SHOP_API_PORT" in message


def test_a_free_block_is_free() -> None:
    """Tests that run side by side each get their own."""
    first = free_block(20)

    assert all(is_free(port) for port in range(first, first + 20))


@pytest.mark.parametrize("size", [1, 10, 120, 121])
def test_a_free_block_may_begin_a_stack(size: int) -> None:
    """Also a small one: the first and the last that can be drawn are accepted as SHOP_BASE_PORT."""
    starts = block_starts(size)

    bases = [
        load_settings(base_port=base, api_port=9999, database_url=None).base_port for base in (min(starts), max(starts))
    ]

    assert bases == [min(starts), max(starts)]


def test_test_runs_side_by_side_draw_from_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that one has drawn and not yet bound is free to the other."""
    monkeypatch.setenv(TEST_SHARE, "0/2")
    ports_of_one = {start + offset for start in block_starts(121) for offset in range(121)}
    monkeypatch.setenv(TEST_SHARE, "1/2")
    ports_of_the_other = {start + offset for start in block_starts(1) for offset in range(120)}

    assert ports_of_one.isdisjoint(ports_of_the_other)
    assert max(ports_of_the_other) < FIRST_EPHEMERAL_PORT


def test_a_log_is_its_owners(tmp_path: Path) -> None:
    """It may hold what nobody thought of."""
    log = tmp_path / "logs" / "some.log"
    with open_log(log):
        pass

    assert (log.stat().st_mode & 0o777, log.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_log_is_bounded_at_each_start(tmp_path: Path) -> None:
    """The former log stays readable under another name."""
    log = tmp_path / "logs" / "x.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))

    with open_log(log) as stream:
        stream.write(b"hello\n")

    assert log.stat().st_size < 100
    assert (log.parent / "x.log.1").stat().st_size == LARGEST_LOG_BYTES + 1


def test_a_log_is_bounded_while_its_process_goes_on_writing(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with open_log(log) as stream:
        stream.write(b"x" * (LARGEST_LOG_BYTES + 1))
        stream.flush()

        bound(log)
        stream.write(b"goes on\n")
        stream.flush()
        bound(log)

    assert log.read_text() == "goes on\n"
    assert (tmp_path / "x.log.1").stat().st_size > LARGEST_LOG_BYTES
    bound(tmp_path / "none.log")


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(1, 0.2), (3, 0.2), (4, 0.5), (5, 1.0), (6, 2.0), (7, 4.0), (8, 5.0), (10_000, 5.0)]
)
def test_the_first_restarts_are_immediate_and_then_it_backs_off(deaths: int, seconds: float) -> None:
    """What dies on and on would take the machine from the others."""
    assert pause_before_restart(deaths) == seconds


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    """Its last lines; nothing when there is no log."""
    (tmp_path / "x.log").write_text("one\ntwo\nthree\n")

    assert tail(tmp_path / "x.log", 2) == "two\nthree"
    assert tail(tmp_path / "x.log", 0) == ""
    assert tail(tmp_path / "none.log", 2) == ""


def test_a_process_id_alone_proves_nothing() -> None:
    """Ids are used again: only id and start time together name a process."""
    me = psutil.Process()
    started = start_time(me.pid)

    assert me == ProcessIdentity(me.pid, started).find()
    assert ProcessIdentity(me.pid, started + 1).find() is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"phase": 1}', '{"processes": {"a": 1}}'])
def test_a_state_file_that_makes_no_sense_is_no_state(tmp_path: Path, content: str) -> None:
    """A crash in the middle of anything can't block the next start."""
    (tmp_path / "state.json").write_text(content)

    assert read_state(tmp_path / "state.json") is None


def test_what_the_services_inherit() -> None:
    """Not the administrator's URL, not another sidecar's address, and no proxy for loopback."""
    inherited = inherited_environment(
        {"PATH": "/bin", "DATABASE_URL": "x", "PGPASSWORD": "x", "DAPR_HTTP_ENDPOINT": "x", "no_proxy": "example.org"}
    )

    expected = {
        "PATH": "/bin",
        "no_proxy": "example.org,127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    assert expected == inherited


def test_an_end_by_signal_is_named() -> None:
    """SIGKILL reads better than -9."""
    assert describe_exit(-9) == "SIGKILL"
    assert describe_exit(3) == "exit code 3"


def test_a_topology_lists_what_is_needed_first() -> None:
    """A process can't wait for one that nobody starts."""
    lonely = ProcessSpec("a", "task", ("true",), Finished(), starts_after=("b",))

    with pytest.raises(ValueError, match="a starts after"):
        Topology((lonely,), PortClaim(1, "control"))
