"""A short run of chaos with a fixed seed: kills, pauses and partitions under load."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.programs.build import ensure_runtime
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.supervisor.own_stack import own_environment

# It cuts a host off, kills a sidecar and a service, and shuts Postgres down, in a little more than a minute.
SEED = 8
MINUTES = 1.2


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="saga-shop-chaos-"))
    # Where root must become another user to run Postgres, that user has to reach the data.
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


# Beyond the run's own limits (two minutes to recover, five for the orders to end), so that it can say what is missing.
@pytest.mark.timeout(1100)
def test_a_short_run_loses_and_doubles_nothing(home: Path) -> None:
    """Every order ends, conservation holds, the shop recovers from each fault, and nothing of the run is left."""
    runtime = ensure_runtime(load_settings(), print)
    environment = own_environment({"SHOP_HOME": str(home), "DAPR_BIN_DIR": str(runtime.folder)})
    arguments = ("chaos", "--seed", str(SEED), "--minutes", str(MINUTES), "--json")
    run = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["holds"]
    assert report["conservation"]["holds"]
    assert len(report["faults"]) >= 3
    assert report["ends"]["completed"] > report["orders"] / 2
    assert not list((home / "chaos").iterdir())
