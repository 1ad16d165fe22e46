"""dapr.yaml: that of the Dapr CLI's users, and nothing but the topology."""

from dataclasses import replace
from pathlib import Path

import pytest

from devstack.dapr_cli.run_file import RUN_FILE, cli_folder, run_file, sidecar_environment
from devstack.postgres.passwords import password_names
from devstack.programs.build import DaprRuntime
from devstack.settings import StackSettings
from devstack.topology.addresses import sidecar_of
from devstack.topology.specs import Topology
from devstack.topology.topology import build_topology
from shared.shop.order import ORDER_SERVICE
from shared.shop.registry import APPS, SHOP

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}


def a_topology(monkeypatch: pytest.MonkeyPatch) -> Topology:
    """That of somebody who has moved nothing."""
    for field in StackSettings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)
    return build_topology(StackSettings(), PASSWORDS, Path("/dapr"))


def test_the_file_is_that_of_the_topology(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes the one reads how to change the other."""
    assert run_file(a_topology(monkeypatch)) == RUN_FILE.read_text(), (
        "dapr.yaml is out of date: .venv/bin/shop dapr-run-file > dapr.yaml"
    )


def test_it_starts_every_app_and_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    text = run_file(a_topology(monkeypatch))

    assert all(f"  - appID: {app_id}\n" in text for app_id in APPS)
    assert "secret-" not in text
    assert str(Path.cwd()) not in text


def test_a_flag_without_a_place_is_no_silent_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidecar that is started with one more flag calls for a decision about dapr.yaml."""
    topology = a_topology(monkeypatch)
    sidecar = topology.process(sidecar_of(ORDER_SERVICE))
    changed = replace(sidecar, command=(*sidecar.command, "--app-max-concurrency=3"))
    processes = tuple(changed if spec is sidecar else spec for spec in topology.processes)

    with pytest.raises(ValueError, match="app-max-concurrency"):
        run_file(replace(topology, processes=processes))


def test_what_the_sidecars_need_beside_the_file_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment serves all of them, so none may need another value than the next."""
    topology = a_topology(monkeypatch)
    environment = sidecar_environment(topology)

    assert topology.app_ids
    for app_id in topology.app_ids:
        assert dict(topology.process(sidecar_of(app_id)).env).items() <= environment.items()


def test_the_cli_finds_our_runtime_and_again_a_newer_one(tmp_path: Path) -> None:
    """It takes daprd from a folder of its own making, and hangs when the configuration there is missing."""
    for version in ("1.18.2", "1.19.0"):
        runtime = tmp_path / version
        runtime.mkdir()
        (runtime / "daprd").touch()

        folder = cli_folder(tmp_path, DaprRuntime(runtime, version, "a test"))

        assert runtime / "daprd" == (folder / ".dapr" / "bin" / "daprd").resolve()
        assert (folder / ".dapr" / "config.yaml").exists()
        assert (folder / ".dapr" / "components").is_dir()
