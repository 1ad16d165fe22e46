"""A file of the state folder that another user made, such as root by a sudo too many."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", [["up"], ["status"], ["down"], ["addresses"], ["logs", "order-service"]])
def test_it_is_one_sentence_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    """No traceback, whatever was asked for."""
    theirs = tmp_path / "run" / "state.json"
    theirs.parent.mkdir()
    monkeypatch.setenv("SHOP_HOME", str(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(theirs))

    for name in ("read_text", "open", "mkdir", "stat", "iterdir"):
        monkeypatch.setattr(Path, name, refuse)
    result = CliRunner().invoke(app, command)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"shop: {theirs} can't be used: {theirs.parent} belongs to ")
    assert "sudo chown -R " in result.stderr
