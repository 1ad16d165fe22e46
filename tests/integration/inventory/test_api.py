"""The inventory's HTTP surface over a real Postgres."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inventory_service.api import MAX_CATALOGUE_BYTES, inventory_routes
from tests.integration.api import Client, client_of
from tests.integration.inventory.world import HEADER, Inventory, a_catalogue

FIRST_LINE = f"the first line must be {HEADER}, with or without expected_stock at its end"


@pytest.fixture
async def client(inventory: Inventory) -> AsyncIterator[Client]:
    routes = inventory_routes(inventory.catalogue)
    async with client_of(routes, max_body_bytes=MAX_CATALOGUE_BYTES) as client:
        yield client


async def get(client: Client, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    async with client.get(path) as response:
        assert response.status == status
        if status != 200:
            assert response.content_type == "application/problem+json"
        return await response.json()


async def post(client: Client, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
    sent = {"Content-Type": "text/csv"} | (headers or {})
    async with client.post("/catalogue", data=body, headers=sent) as response:
        assert response.status == status
        return await response.json()


async def test_products_are_paged_by_sku(client: Client, inventory: Inventory) -> None:
    """Every product comes exactly once, and the last page says that it is the last."""
    await inventory.stocked(**{f"S{number}": number for number in range(5)})
    pages, cursor = [], ""
    while cursor is not None:
        page = await get(client, f"/products?limit=2&cursor={cursor}")
        pages.append([item["sku"] for item in page["items"]])
        cursor = page["next_cursor"]

    assert pages == [["S0", "S1"], ["S2", "S3"], ["S4"]]


async def test_a_full_last_page_is_the_last(client: Client, inventory: Inventory) -> None:
    await inventory.stocked(A=1, B=1)

    assert (await get(client, "/products?limit=2"))["next_cursor"] is None


async def test_product_has_the_fields_of_the_contract(client: Client, inventory: Inventory) -> None:
    await inventory.stocked(A=3)
    expected = {"sku": "A", "name": "Product A", "price_cents": 1000, "currency": "EUR", "available": 3}

    assert await get(client, "/products") == {"items": [expected], "next_cursor": None}
    assert await get(client, "/products/A") == expected


@pytest.mark.parametrize("sku", ["GHOST", "%00", "%ED%A0%80", "x" * 1000, "a%20b"])
async def test_unknown_product_is_404(client: Client, sku: str) -> None:
    problem = await get(client, f"/products/{sku}", 404)

    assert problem["detail"].startswith("There is no product ")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=0", "limit must be a whole number from 1 to 500, not '0'."),
        ("limit=501", "limit must be a whole number from 1 to 500, not '501'."),
        ("limit=ten", "limit must be a whole number from 1 to 500, not 'ten'."),
        ("limit=", "limit must be a whole number from 1 to 500, not ''."),
        ("limit=%C2%B2", "limit must be a whole number from 1 to 500, not '\\xb2'."),
        ("cursor=%00", "cursor must be the next_cursor of an earlier page."),
        ("cursor=a%20b", "cursor must be the next_cursor of an earlier page."),
    ],
)
async def test_bad_page_is_422(client: Client, query: str, sentence: str) -> None:
    assert (await get(client, f"/products?{query}", 422))["detail"] == sentence


async def test_changes_are_followed_by_revision(client: Client, inventory: Inventory) -> None:
    await inventory.stocked(A=1, B=1, C=1)

    page = await get(client, "/catalogue/changes?since=0&limit=2")
    assert [(item["sku"], item["revision"]) for item in page["items"]] == [("A", 1), ("B", 2)]
    assert page["revision"] == 2
    assert set(page["items"][0]) == {"sku", "name", "price_cents", "currency", "revision"}

    page = await get(client, f"/catalogue/changes?since={page['revision']}")
    assert [item["sku"] for item in page["items"]] == ["C"]
    assert await get(client, "/catalogue/changes?since=3") == {"items": [], "revision": 3}


@pytest.mark.parametrize("query", ["since=-1", "since=x", f"since={2**63}", "limit=0", "limit=10001"])
async def test_bad_question_for_changes_is_422(client: Client, query: str) -> None:
    await get(client, f"/catalogue/changes?{query}", 422)


async def test_import_answers_with_its_counts(client: Client) -> None:
    """Also with a byte order mark, Windows line ends, quotes, blank lines and spaces around the fields."""
    body = b'\xef\xbb\xbfsku,name,price_cents,currency,stock\r\nA,"Ant, small",100,EUR,5\r\n\r\n B , Bee ,200,EUR,0\r\n'

    assert await post(client, body) == {
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "stock_changed": 0,
        "stock_ignored": 0,
        "repeated": False,
    }
    assert (await get(client, "/products/A"))["name"] == "Ant, small"
    assert (await get(client, "/products/B"))["name"] == "Bee"


async def test_a_delivery_is_an_import_with_a_key(client: Client) -> None:
    """Its repeat has the same answer; another file under its key is a conflict."""
    await post(client, a_catalogue("A,Ant,100,EUR,5"))
    delivery = a_catalogue("A,Ant,100,EUR,7")
    key = {"Idempotency-Key": "note-1"}

    for _ in range(2):
        assert (await post(client, delivery, headers=key))["updated"] == 1
        assert (await get(client, "/products/A"))["available"] == 12
    conflict = await post(client, a_catalogue("A,Ant,100,EUR,8"), 409, headers=key)

    assert conflict["detail"].startswith("This Idempotency-Key was used for another delivery")


async def test_import_reports_each_error_by_its_line(client: Client, inventory: Inventory) -> None:
    problem = await post(client, a_catalogue("A,Ant,100,EUR,5", '"B\nB",Bee,200,EUR,1', "C,Cat,-1,EUR,5"), 422)

    assert problem["error_count"] == 2
    assert [error["line"] for error in problem["errors"]] == [3, 5]
    assert problem["detail"].startswith("The catalogue has 2 errors, the first on line 3: sku must be ")
    assert problem["detail"].endswith("Nothing was imported.")
    assert await inventory.count("products") == 0


async def test_import_shows_the_first_hundred_errors(client: Client) -> None:
    problem = await post(client, a_catalogue(*(f"S{number},Name,0,EUR,1" for number in range(250))), 422)

    assert problem["error_count"] == 250
    assert [error["line"] for error in problem["errors"]] == list(range(2, 102))


@pytest.mark.parametrize(
    ("body", "line", "sentence"),
    [
        (
            b"",
            1,
            f"{FIRST_LINE}; column 1 must be sku, not ''",
        ),
        (b"sku|name|price_cents|currency|stock\n", 1, "the first line must be"),
        (b"sku,name,price_cents,currency,stock\n", 1, "there is no product below the first line"),
        (a_catalogue("A,Ant,100,EUR,5", "B,Caf\u00e9,1,EUR,1").decode().encode("latin-1"), 3, "this isn't UTF-8 text"),
        (a_catalogue('A,"Ant" small,100,EUR,5'), 2, "this isn't CSV"),
        (a_catalogue('A,"Ant,100,EUR,5'), 2, "this isn't CSV"),
        (a_catalogue("A,Ant\x00,100,EUR,5"), 2, "name holds U+0000, which can't be printed"),
        (b"\x00\x00\x00", 1, "this isn't text, or text in UTF-16: save it as CSV in UTF-8"),
        (a_catalogue("A,Ant,100,EUR,5").decode().encode("utf-16-le"), 1, "this isn't text, or text in UTF-16"),
        (a_catalogue("A,Ant,100,EUR,5").decode().encode("utf-16"), 1, "this isn't UTF-8 text: save it as CSV in UTF-8"),
        (
            a_catalogue(header="sku,name,price\u200b_cents,currency,stock"),
            1,
            f"{FIRST_LINE}; column 3 must be price_cents, not 'price\\u200b_cents', which holds U+200B",
        ),
        (a_catalogue(header="sku,name"), 1, f"{FIRST_LINE}; there are 2 columns"),
    ],
    ids=[
        "empty",
        "bars",
        "no products",
        "latin-1",
        "stray quote",
        "open quote",
        "nul",
        "binary",
        "utf-16",
        "utf-16 bom",
        "unseen",
        "short",
    ],
)
async def test_unreadable_file_is_422(client: Client, body: bytes, line: int, sentence: str) -> None:
    (error,) = (await post(client, body, 422))["errors"]

    assert (error["line"], error["message"][: len(sentence)]) == (line, sentence)


async def test_other_content_types_are_turned_away(client: Client) -> None:
    problem = await post(client, a_catalogue("A,Ant,100,EUR,5"), 415, headers={"Content-Type": "application/json"})

    assert problem["detail"] == "Send the catalogue with Content-Type: text/csv."


async def test_too_large_a_file_is_413(client: Client, inventory: Inventory) -> None:
    """Counted after decompression."""
    bomb = gzip.compress(b"x" * (MAX_CATALOGUE_BYTES + 1))

    problem = await post(client, bomb, 413, headers={"Content-Encoding": "gzip"})

    assert "larger than this address takes" in problem["detail"]
    assert await inventory.count("products") == 0
