"""The stack's own life: a user's own Postgres, one command at a time, a sudden end of everything, and a clean one."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.postgres.passwords import load_passwords
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.state import StackState
from devstack.topology.layout import database_layout
from tests.e2e.conftest import shop_command, stack_environment
from tests.e2e.shop import eventually

WORLD = PROJECT_ROOT / "examples" / "orders" / "world.csv"


@pytest.fixture
def own_postgres(stack: StackClient, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a second stack that keeps its data in a Postgres that isn't its own."""
    first = load_settings(home=stack.home, base_port=int(environment["SHOP_BASE_PORT"]), database_url=None)
    url = database_layout(first, load_passwords(first)).url_of_database("webshop")
    with tempfile.TemporaryDirectory(prefix="saga-shop-e2e-") as home:
        variables = stack_environment(Path(home), DATABASE_URL=url)
        yield variables
        shop_command(variables, "down")


def test_a_stack_on_the_users_own_postgres_survives_the_death_of_everything(own_postgres: dict[str, str]) -> None:
    """`shop up`, order, kill -9 of all that runs, `shop up` again: the data is kept, and nothing is left at the end."""
    home = Path(own_postgres["SHOP_HOME"])
    client = StackClient(home)
    assert 0 == shop_command(own_postgres, "up", "--detach", "--only", "core").returncode
    order = json.loads(shop_command(own_postgres, "order", "--json").stdout)
    assert order["status"] == "completed"
    assert "postgres" not in {row.name for row in client.status().processes}
    again = shop_command(own_postgres, "up", "--detach", "--only", "core")
    assert 0 == again.returncode, again.stderr

    for pid in _pids(client.state()):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: (not client.is_running()) or None, "the supervisor is dead")
    restarted = shop_command(own_postgres, "up", "--detach", "--only", "core")

    assert 0 == restarted.returncode, restarted.stdout + restarted.stderr
    shown = json.loads(shop_command(own_postgres, "show", order["order_id"], "--json").stdout)
    assert order["steps"] == shown["steps"]
    assert 0 == shop_command(own_postgres, "conservation").returncode
    state = client.state()
    assert 0 == shop_command(own_postgres, "down").returncode
    assert [] == [identity for identity in state.processes.values() if identity.find() is not None]


def _pids(state: StackState) -> list[int]:
    """The supervisor first, so that it restarts nothing."""
    return [state.supervisor.pid, *(identity.pid for identity in state.processes.values() if identity.find())]


def test_importing_a_catalogue_is_all_or_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """Errors come by line and nothing is imported; a good file can be ordered from at once."""
    good = tmp_path / "good.csv"
    bad = tmp_path / "bad.csv"
    header = "sku,name,price_cents,currency,stock\n"
    good.write_text(header + "".join(f"NEW-{number},New {number},100,EUR,5\n" for number in range(2000)))
    bad.write_text(header + "OK-1,Fine,100,EUR,5\nBAD-1,Free,0,EUR,5\nBAD-2,Less,100,EUR,-1\n")

    refused = shop_command(environment, "catalogue", "import", str(bad))
    imported = shop_command(environment, "catalogue", "import", str(good))
    ordered = shop_command(environment, "order", "--sku", "NEW-1999", "--json")
    half = shop_command(environment, "order", "--sku", "OK-1", "--json")

    assert 0 != refused.returncode
    assert "3" in refused.stdout + refused.stderr
    assert "4" in refused.stdout + refused.stderr
    assert 0 == imported.returncode, imported.stdout + imported.stderr
    assert "completed" == json.loads(ordered.stdout)["status"]
    assert 0 != half.returncode


def test_load_with_refusals_and_lost_replies_ends_and_conserves(environment: dict[str, str]) -> None:
    """200 orders at once, 10 % refused and 10 % with faults: all end, and conservation holds."""
    command = ("load", "--orders", "200", "--clients", "200", "--refused", "0.1", "--faults", "0.1", "--json")

    run = shop_command(environment, *command)

    assert 0 == run.returncode, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["conservation"]["holds"]


def test_real_orders_are_placed_from_a_file_and_placed_again(environment: dict[str, str]) -> None:
    """Totals are right to the cent and stock to the unit; the second time all are repeats, and nothing moves."""
    command = ("load", "--orders-file", str(WORLD), "--json")

    reports = []
    for _ in range(2):
        run = shop_command(environment, *command)
        assert run.returncode == 0, run.stdout + run.stderr
        reports.append(json.loads(run.stdout))

    first, second = reports
    assert first["ends"] == second["ends"] == {"completed": 25}
    assert (first["repeats"], second["repeats"]) == (0, 25)
    [turned_away] = first["turned_away"]
    assert (turned_away["order"], turned_away["status"]) == ("W-1026", 422)
    assert "we don't ship to VE" in turned_away["why"]
    assert (first["units_sold"], second["units_sold"]) == (69, 0)
    assert first["completed_cents"] == second["completed_cents"] == {"EUR": 146_850}
