"""What `shop catalogue import` sends and says."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.shop import catalogue
from cli.shop_client import ShopClient

pytestmark = pytest.mark.unit

FILE = b"sku,name,price_cents,currency,stock\nA,Ant,100,EUR,5\n"


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, Any], *options: str
) -> tuple[dict[str, str], list[str]]:
    """The headers that are sent, and the lines that are printed for this answer."""
    headers: dict[str, str] = {}

    def call(_: ShopClient, method: str, path: str, body: bytes, sent: dict[str, str]) -> dict[str, Any]:
        assert (method, path, body) == ("POST", "/catalogue", FILE)
        headers.update(sent)
        return {"created": 0, "updated": 0, "unchanged": 0, **answer}

    monkeypatch.setattr(catalogue, "service_url", lambda name: f"http://{name}")
    monkeypatch.setattr(ShopClient, "call", call)
    file = tmp_path / "products.csv"
    file.write_bytes(FILE)
    result = CliRunner().invoke(app, ["catalogue", "import", str(file), *options])
    assert result.exit_code == 0, result.output
    return headers, [line.removeprefix(f"{file}: ") for line in result.stdout.splitlines()]


def test_a_stock_that_was_left_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    headers, lines = run(monkeypatch, tmp_path, {"updated": 3, "stock_changed": 1, "stock_ignored": 2})

    assert headers == {"Content-Type": "text/csv"}
    assert lines == [
        "0 created, 3 updated (1 of them with another stock), 0 unchanged",
        "the stock of 2 was left as it is: add a delivery with --delivery KEY",
    ]


def test_a_delivery_that_was_added_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    headers, lines = run(monkeypatch, tmp_path, {"created": 1, "repeated": True}, "--delivery", "note-7")

    assert headers == {"Content-Type": "text/csv", "Idempotency-Key": "note-7"}
    assert lines == [
        "1 created, 0 updated, 0 unchanged",
        "that was when delivery note-7 was added; nothing was changed now",
    ]
