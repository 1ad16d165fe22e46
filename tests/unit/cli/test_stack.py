"""What `shop up` looks at before it starts anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("more", [(), ("--detach",), ("--only", "events")])
def test_an_unknown_group_is_named_before_the_runtime_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    """Building it can take ten minutes."""
    monkeypatch.setenv("SHOP_HOME", str(tmp_path))
    monkeypatch.setenv("DAPR_BIN_DIR", str(tmp_path / "nothing"))

    result = CliRunner().invoke(app, ["up", *more, "--only", "cores"])

    assert (2, "shop: there is no group of processes 'cores'; did you mean core?\n") == (
        result.exit_code,
        result.stderr,
    )
