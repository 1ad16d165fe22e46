"""`shop load --orders-file`: how a file is read, and what is found wrong with what came of it."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.load.load_report import LoadResult, Refusal
from cli.load.orders_check import Before, Placed, report_lines, report_of, wrong_stock, wrong_total
from cli.load.orders_file import HEADER, FileOrder, read_orders
from cli.main import app
from cli.shop.order_body import OrderUsageError
from cli.shop_client import ShopClient
from shared.shop.inventory import ProductView
from shared.shop.order import OrderStatus
from shared.shop.views import AcceptedBody, OrderView
from tests.unit.cli.documents import an_order_view

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).parents[3]
WORLD = PROJECT / "examples" / "orders" / "world.csv"
BUYER = "ada,ada@example.org,Ada,Street 1,,Cork,,,IE"
NO_QUANTITY = "quantity must be a whole number, not"
NEWEST, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"


def a_file(folder: Path, *rows: str, header: str = ",".join(HEADER), encoding: str = "utf-8") -> Path:
    file = folder / "orders.csv"
    file.write_bytes("\r\n".join((header, *rows)).encode(encoding))
    return file


def test_rows_of_one_order_are_its_lines(tmp_path: Path) -> None:
    """What is empty isn't sent; the order's name is its key."""
    file = a_file(
        tmp_path, f"1,{BUYER},A,2", "2,bob,bob@example.org,Bob,Street 2,Flat 3,Hull,Yorks,HU1,GB,B,1", f"1,{BUYER},A,3"
    )

    [first, second] = [order.planned for order in read_orders(file)]

    assert (first.key, second.key) == ("1", "2")
    assert first.body["customer"] == {"email": "ada@example.org", "user_id": "ada"}
    assert first.body["lines"] == [{"sku": "A", "quantity": 2}, {"sku": "A", "quantity": 3}]
    assert first.body["shipping_address"] == {"name": "Ada", "line1": "Street 1", "city": "Cork", "country": "IE"}
    assert second.body["shipping_address"]["line2"] == "Flat 3"
    assert second.body["shipping_address"]["region"] == "Yorks"


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        ([], [(1, "there is no order below the first line")]),
        ([f"1,{BUYER},A"], [(2, "there must be 12 columns, not 11")]),
        ([f",{BUYER},A,1"], [(2, "order is empty")]),
        (
            [f"1,{BUYER},A,1.5", f"2,{BUYER},A,-1"],
            [(2, f"{NO_QUANTITY} '1.5'"), (3, f"{NO_QUANTITY} '-1'")],
        ),
        ([f"1,{BUYER},A,1\u200b"], [(2, f"{NO_QUANTITY} '1\\u200b', which holds U+200B")]),
        (
            [f"1,{BUYER},A,1", f"1,{BUYER.replace('Cork', 'Galway')},A,1"],
            [(3, "order '1' has another customer or address than on line 2")],
        ),
    ],
)
def test_every_error_has_its_line(tmp_path: Path, rows: list[str], errors: list[tuple[int, str]]) -> None:
    """And nothing is placed."""
    file = a_file(tmp_path, *rows)

    with pytest.raises(OrderUsageError) as refusal:
        read_orders(file)

    assert str(refusal.value).splitlines() == [
        "nothing was placed:",
        *(f"{file}:{line}: {what}" for line, what in errors),
    ]


@pytest.mark.parametrize(("header", "encoding"), [("order,sku,quantity", "utf-8"), (",".join(HEADER), "utf-16")])
def test_another_file_is_none_of_orders(tmp_path: Path, header: str, encoding: str) -> None:
    with pytest.raises(
        OrderUsageError, match=r"orders\.csv:1: (the first line must be order,customer,|this isn't UTF-8)"
    ):
        read_orders(a_file(tmp_path, f"1,{BUYER},A,1", header=header, encoding=encoding))


def test_the_mix_has_no_place_beside_a_file() -> None:
    """Its options would be ignored."""
    result = CliRunner().invoke(app, ["load", "--orders-file", str(WORLD), "--refused", "0.1"])

    assert (result.exit_code, result.stderr) == (
        2,
        "shop: --orders-file says which orders are placed: leave --refused out\n",
    )


def test_the_file_beside_has_the_world_in_it() -> None:
    """Twenty countries and more; what a parcel's address may lack is lacking somewhere."""
    orders = read_orders(WORLD)

    assert len({order.buyer["country"] for order in orders}) >= 20
    assert [order.order for order in orders if not order.buyer["postal_code"]] == ["W-1002"]
    assert any(order.buyer["line2"] for order in orders)
    assert any(order.buyer["region"] for order in orders)


def product(sku: str, price_cents: int, available: int) -> ProductView:
    return ProductView(sku=sku, name=sku, price_cents=price_cents, currency="EUR", available=available)


def before(**changes: Any) -> Before:  # noqa: ANN401 - of two types
    values: dict[str, Any] = {"products": {"A": product("A", 100, 10)}, "newest": order(accepted_at=NEWEST)}
    return Before(**{**values, **changes})


def order(**changes: object) -> OrderView:
    lines = [{"sku": "A", "name": "Ant", "quantity": 2, "unit_price_cents": 100}]
    usual: dict[str, object] = {"total_cents": 200, "lines": lines, "accepted_at": LATER, "ended_at": LATER}
    return an_order_view(**{**usual, **changes})


def placed(accepted_for: int = 200, **changes: object) -> Placed:
    said = FileOrder("1", "ada", {}, 2, [("A", 2)])
    return Placed(said, AcceptedBody(order_id="ord-1", total_cents=accepted_for, currency="EUR"), order(**changes))


def test_totals_are_checked_to_the_cent() -> None:
    assert wrong_total(placed(), before()) == []
    assert wrong_total(placed(accepted_for=199), before()) == [
        "1: its lines come to 2.00 EUR, it was accepted for 1.99 EUR, it has 2.00 EUR"
    ]
    assert wrong_total(placed(total_cents=201), before()) == [
        "1: its lines come to 2.00 EUR, it was accepted for 2.00 EUR, it has 2.01 EUR"
    ]


def test_a_price_is_what_the_catalogue_showed() -> None:
    """But for a repeat: prices may have changed since."""
    dearer = before(products={"A": product("A", 150, 10)})

    assert wrong_total(placed(), dearer) == ["1: A has another price than the catalogue showed"]
    assert wrong_total(placed(accepted_at=NEWEST), dearer) == []


def test_units_are_those_of_the_file() -> None:
    lines = [{"sku": "A", "name": "Ant", "quantity": 3, "unit_price_cents": 100}]

    assert wrong_total(placed(lines=lines), before()) == ["1: the shop has 3 A, the file 2 A"]


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({}, {2}),
        ({"status": "compensated"}, {0}),
        ({"status": "needs_attention", "ended_at": None}, {0, 1, 2}),
        ({"accepted_at": NEWEST, "ended_at": NEWEST}, {0}),
        ({"accepted_at": NEWEST}, {0, 1, 2}),
        ({"accepted_at": NEWEST, "status": "cancelled"}, {-2, -1, 0}),
        ({"accepted_at": NEWEST, "status": "in_progress", "ended_at": None}, {-2, -1, 0, 1, 2}),
    ],
    ids=["new", "undone", "parked", "repeat", "open repeat", "undone repeat", "running repeat"],
)
def test_stock_is_checked_to_the_unit(changes: dict[str, Any], right: set[int]) -> None:
    """As far as the orders say: one that was open when we began may have taken its units before."""
    wrong = {units for units in range(-4, 5) if wrong_stock([placed(**changes)], {"A": units}, before())}

    assert wrong == set(range(-4, 5)) - right


def test_a_unit_that_no_order_of_the_file_explains_is_wrong() -> None:
    assert wrong_stock([], {"A": 1}, before()) == ["A: 1 sold, not 0"]


def test_the_report_groups_what_was_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the shop's sentence; that alone is no failure."""
    monkeypatch.setattr(ShopClient, "order", lambda *_: order())
    monkeypatch.setattr(ShopClient, "products", lambda _: iter([product("A", 100, 8)]))
    orders = [FileOrder(name, "ada", {}, 2, [("A", 2)]) for name in "1234"]
    result = LoadResult(
        accepted={"1": placed().answer},
        refusals=[Refusal("2", 422, "Not there."), Refusal("3", 422, "Not there.")],
        errors=["4: away"],
    )

    report = report_of(ShopClient("http://shop"), orders, result, before())

    assert report_lines(report) == [
        "orders       4, of which 1 accepted (0 of them repeats)",
        "ends         1 completed",
        "completed    2.00 EUR, 2 units sold",
        "turned away  2 (2, 3): Not there.",
        "error        4: away",
    ]
    assert not report.holds
    report.errors.clear()
    assert report.holds
    assert report.as_json()["turned_away"][0] == {"order": "2", "status": 422, "why": "Not there."}


def test_an_order_without_an_end_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShopClient, "order", lambda *_: order(status=OrderStatus.IN_PROGRESS, ended_at=None))
    monkeypatch.setattr(ShopClient, "products", lambda _: iter([product("A", 100, 8)]))

    report = report_of(
        ShopClient("http://shop"), [placed().said], LoadResult(accepted={"1": placed().answer}), before()
    )

    assert not report.holds
    assert "in_progress  1" in report_lines(report)
