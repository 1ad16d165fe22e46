"""The catalogue on a real Postgres: imported whole or not at all, seeded once, followed by revision."""

import asyncio
import time

import pytest

from inventory_service.__main__ import MIGRATIONS
from inventory_service.catalogue import Catalogue, CatalogueRejectedError
from inventory_service.catalogue_file import CatalogueFile, read_catalogue
from inventory_service.settings import InventorySettings
from inventory_service.tables import METADATA
from shared.database import create_engine, migrate
from shared.participant.errors import Refused
from shared.shop.inventory import CatalogueChanges, Imported, ProductView, StockLine
from shared.web.requests import KeyReusedError
from tests.integration.conftest import ServiceDatabase
from tests.integration.inventory.world import Inventory, a_catalogue, a_key
from tests.integration.schema import differences


def the_seed() -> CatalogueFile:
    return read_catalogue(InventorySettings.model_fields["inventory_catalogue"].default.read_bytes())


def imported(created: int, updated: int, unchanged: int, **also: int) -> Imported:
    return Imported(created=created, updated=updated, unchanged=unchanged, **also)


def a_product(sku: str, name: str, price_cents: int, available: int) -> ProductView:
    return ProductView(sku=sku, name=name, price_cents=price_cents, currency="EUR", available=available)


async def errors_of(inventory: Inventory, *lines: str) -> list[tuple[int, str]]:
    with pytest.raises(CatalogueRejectedError) as rejection:
        await inventory.import_lines(*lines)
    return [(error.line, error.message) for error in rejection.value.errors]


async def test_tables_are_described_as_the_revisions_make_them(database_url: str) -> None:
    assert await differences(database_url, METADATA) == []


async def test_import_creates_updates_and_leaves_alone(inventory: Inventory) -> None:
    assert await inventory.import_lines("A,Ant,100,EUR,5", "B,Bee,200,EUR,0") == imported(2, 0, 0)

    assert await inventory.import_lines("B,Bee,250,EUR,0", "C,Cat,300,EUR,1", "A,Ant,100,EUR,5") == imported(1, 1, 1)

    assert await inventory.catalogue.page("", 10) == [
        a_product("A", "Ant", 100, 5),
        a_product("B", "Bee", 250, 0),
        a_product("C", "Cat", 300, 1),
    ]


async def test_import_twice_changes_nothing_more(inventory: Inventory) -> None:
    lines = ("A,Ant,100,EUR,5", "B,Bee,200,EUR,7")
    await inventory.import_lines(*lines)
    receipts = await inventory.count("stock_receipts")

    assert await inventory.import_lines(*lines) == imported(0, 0, 2)

    assert await inventory.count("stock_receipts") == receipts
    assert (await inventory.catalogue.changes(0, 10)).revision == 2


async def test_what_was_sold_is_not_sold_again_by_importing_the_file_again(inventory: Inventory) -> None:
    """Three chairs, of which two are sold: a repeat of the import, or a change of price, makes no fourth."""
    await inventory.import_lines("CHAIR,Oak chair,89000,EUR,3")
    await inventory.reserve(CHAIR=2)

    assert await inventory.import_lines("CHAIR,Oak chair,89000,EUR,3") == imported(0, 0, 1, stock_ignored=1)
    assert await inventory.import_lines("CHAIR,Oak chair,95000,EUR,3") == imported(0, 1, 0, stock_ignored=1)

    assert await inventory.available() == {"CHAIR": 1}
    assert (await inventory.catalogue.product("CHAIR")) == a_product("CHAIR", "Oak chair", 95000, 1)
    with pytest.raises(Refused):
        await inventory.reserve("order-2", CHAIR=3)


async def test_stock_is_set_where_it_is_as_the_line_expects(inventory: Inventory) -> None:
    """What is set aside stays so; the difference is booked, also downwards, and a release comes on top."""
    await inventory.import_lines("A,Ant,100,EUR,10", "B,Bee,100,EUR,1")
    await inventory.reserve(A=4)

    assert await inventory.expect("A,Ant,100,EUR,2,6", "B,Bee,100,EUR,9,") == imported(
        0, 1, 1, stock_changed=1, stock_ignored=1
    )
    assert await inventory.available() == {"A": 2, "B": 1}

    await inventory.release()
    assert await inventory.available() == {"A": 6, "B": 1}


async def test_a_line_that_expects_another_stock_refuses_the_file(inventory: Inventory) -> None:
    await inventory.import_lines("A,Ant,100,EUR,10", "B,Bee,100,EUR,10")
    await inventory.reserve(A=4)

    with pytest.raises(CatalogueRejectedError) as rejection:
        await inventory.expect("B,Bee,100,EUR,5,10", "A,Ant,100,EUR,2,10", "NEW,New,100,EUR,2,1")

    assert [(error.line, error.message) for error in rejection.value.errors] == [
        (3, "stock of A is 6, not 10 as expected"),
        (4, "stock of NEW is 0, not 1 as expected"),
    ]
    assert await inventory.available() == {"A": 6, "B": 10}


async def test_a_delivery_is_added_once_per_key(inventory: Inventory) -> None:
    """Also if its answer was lost, or several send it at once; another file under its key is turned away."""
    await inventory.import_lines("A,Ant,100,EUR,10")
    await inventory.reserve(A=4)

    answers = await asyncio.gather(*(inventory.deliver("note-1", "A,Ant,100,EUR,5", "B,Bee,1,EUR,2") for _ in range(4)))
    answer = imported(1, 1, 0, stock_changed=1)
    assert sorted(answers, key=lambda one: one.repeated) == [
        answer,
        *[answer.model_copy(update={"repeated": True})] * 3,
    ]
    assert await inventory.available() == {"A": 11, "B": 2}
    with pytest.raises(KeyReusedError, match="another delivery"):
        await inventory.deliver("note-1", "A,Ant,100,EUR,6")

    assert await inventory.deliver("note-2", "A,Ant,100,EUR,5") == imported(0, 1, 0, stock_changed=1)
    assert await inventory.available() == {"A": 16, "B": 2}


async def test_a_delivery_with_an_error_leaves_its_key_unused(inventory: Inventory) -> None:
    with pytest.raises(CatalogueRejectedError):
        await inventory.deliver("note-1", "A,Ant,0,EUR,5")

    assert await inventory.deliver("note-1", "A,Ant,100,EUR,5") == imported(1, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        "sku;name;price_cents;currency;stock\nA;Ant 1\u00a0kg;100;EUR;5\n",
        "sep=;\r\nsku;name;price_cents;currency;stock\r\nA;Ant 1\u202fkg;100;EUR;5\r\n",
        "\ufeffsku,\u00a0name,price_cents ,currency,stock\nA,Ant 1\u3000kg,\u00a0100,EUR,5\n",
        'sku\tname\tprice_cents\tcurrency\tstock\n"A"\tAnt 1 kg\t100\tEUR\t5',
        "sku,name,price_cents,currency,stock\rA,Ant 1 kg,100,EUR,5\r",
        '"sep=;"\rsku;name;price_cents;currency;stock\rA;Ant 1 kg;100;EUR;5\r;;;;\r',
        "sep=,,,,\nsku,name,price_cents,currency,stock\nA,Ant 1 kg,100,EUR,5\n,,,,\n",
        "\n \r\nsku;name;price_cents;currency;stock\nA;Ant 1 kg;100;EUR;5",
    ],
)
async def test_what_spreadsheets_write_is_taken(inventory: Inventory, content: str) -> None:
    await inventory.catalogue.import_file(read_catalogue(content.encode()))

    assert await inventory.catalogue.page("", 9) == [a_product("A", "Ant 1 kg", 100, 5)]


@pytest.mark.parametrize(
    "name",
    ["👨\u200d👩\u200d👧 tent", "\u0645\u06cc\u200c\u062e", "\u0dc1\u0dca\u200d\u0dbb", "Cut\u200bter", "\U0001fae9"],
)
async def test_a_name_is_taken_as_customers_names_are(inventory: Inventory, name: str) -> None:
    await inventory.import_lines(f"A,{name},100,EUR,5")

    assert await inventory.catalogue.page("", 9) == [a_product("A", name, 100, 5)]


@pytest.mark.parametrize("letter", ["\u202e", "\x07", "\u2028", "\u2066"])
async def test_a_letter_that_nobody_sees_is_named(inventory: Inventory, letter: str) -> None:
    [(line, message)] = await errors_of(inventory, f"A,Ant{letter}s,100,EUR,5")

    assert (line, message) == (2, f"name holds U+{ord(letter):04X}, which can't be printed")


@pytest.mark.parametrize(
    ("before", "line"),
    [("", 2), ("sep=;\n", 3), ("sep=;\r\n", 3), ("sep=;\r", 3), ("\n", 3), ("\r\n \r\nsep=;\r\n", 5)],
)
def test_lines_are_counted_as_the_file_has_them(before: str, line: int) -> None:
    """Also below blank ones and one that only says how the fields are separated."""
    [error] = read_catalogue(f"{before}sku;name;price_cents;currency;stock\nA;Ant;0;EUR;5".encode()).errors

    assert error.line == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A\u200b,Ant,100,EUR,5", "'A\\u200b', which holds U+200B"),
        ("A,\u200b,100,EUR,5", "name must have a character that can be seen"),
        ("A,Ant,1\u200b00,EUR,5", "'1\\u200b00', which holds U+200B"),
        ("A,Ant,100,EUR\u2060,5", "'EUR\\u2060', which holds U+2060"),
        ("A,Ant,100,EUR,\u200e5", "'\\u200e5', which holds U+200E"),
    ],
)
async def test_what_nobody_sees_in_a_number_is_named(inventory: Inventory, line: str, message: str) -> None:
    [(number, found)] = await errors_of(inventory, line)

    assert number == 2
    assert found.endswith(message)


async def test_of_two_imports_that_expect_the_same_stock_one_is_refused(inventory: Inventory) -> None:
    """Each was made of what its writer had seen."""
    await inventory.import_lines("A,Ant,100,EUR,10")

    answers = await asyncio.gather(
        inventory.expect("A,Ant,100,EUR,12,10"), inventory.expect("A,Ant,100,EUR,15,10"), return_exceptions=True
    )

    assert [type(one) for one in answers if isinstance(one, Exception)] == [CatalogueRejectedError]
    [won] = [one for one in answers if isinstance(one, Imported)]
    assert won == imported(0, 1, 0, stock_changed=1)
    assert await inventory.available() in ({"A": 12}, {"A": 15})


async def test_a_repeated_import_beside_sales_makes_no_unit(inventory: Inventory) -> None:
    """Sixty orders for fifty units, and the file again and again: fifty are sold."""
    lines = ("A,Ant,100,EUR,50",)
    await inventory.import_lines(*lines)

    async def order(number: int) -> bool:
        try:
            await inventory.reserve(f"order-{number}", A=1)
        except Refused:
            return False
        return True

    async def import_again() -> None:
        for price in range(20):
            await inventory.import_lines(f"A,Ant,{100 + price},EUR,50", *lines[1:])

    *sold, _ = await asyncio.gather(*(order(number) for number in range(60)), import_again())

    assert sold.count(True) == 50
    assert await inventory.available() == {"A": 0}


async def test_every_error_has_its_line_and_nothing_is_imported(inventory: Inventory) -> None:
    await inventory.import_lines("KNOWN,Known,100,EUR,5")

    errors = await errors_of(
        inventory,
        "GOOD,Good,100,EUR,5",
        "SHORT,Short,100,EUR",
        ",Nameless,100,EUR,5",
        "GOOD,Again,100,EUR,5",
        "FREE,Free,0,EUR,5",
        "FRACTION,Fraction,1.50,EUR,5",
        "MONEY,Money,100,eur,5",
        "KNOWN,Known,100,USD,5",
        "NEGATIVE,Negative,100,EUR,-1",
        "HALF,Half,100,EUR,0.5",
        f"LONG,{'x' * 201},100,EUR,5",
        "NO NAME,,100,EUR,5",
        "HUGE,Huge,1000000001,EUR,1000000001",
        "LONGER,Longer,100,EUR,5,6",
    )

    assert [line for line, _ in errors] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 14, 14, 15]
    sentences = dict(errors)
    assert sentences[3] == "there must be 5 columns, not 4"
    assert sentences[4] == "sku is empty"
    assert sentences[5] == "sku GOOD stands on line 2 already"
    assert sentences[7] == "price_cents must be a whole number from 1 to 1000000000, not '1.50'"
    assert sentences[9] == "currency of KNOWN is EUR in this shop, not USD"
    assert sentences[12] == "name may have 200 characters, not 201"
    assert await inventory.available() == {"KNOWN": 5}
    assert await inventory.count("stock_receipts") == 1
    assert (await inventory.catalogue.changes(0, 10)).revision == 1


async def test_twenty_thousand_lines_in_seconds(inventory: Inventory) -> None:
    """Created, and then updated in place; what was created can be ordered at once."""
    number_of_lines = 20_000
    started = time.monotonic()
    for price, expected in ((100, imported(number_of_lines, 0, 0)), (101, imported(0, number_of_lines, 0))):
        lines = (f"BULK-{number:05},Product {number},{price},EUR,{number % 7 + 1}" for number in range(number_of_lines))
        assert await inventory.import_lines(*lines) == expected

    assert time.monotonic() - started < 30
    await inventory.stock.reserve(a_key(), [StockLine(sku="BULK-19999", quantity=1)])


async def test_orders_go_on_while_imports_run(inventory: Inventory) -> None:
    """Each import finds some other stock; whatever it books, no unit is lost or doubled (checked after the test)."""
    await inventory.stocked(A=1000, B=1000)

    async def order(number: int) -> None:
        await inventory.reserve(f"order-{number}", A=1, B=2)
        if number % 2:
            await inventory.release(f"order-{number}")

    async def recount() -> None:
        for units in (500, 700, 900):
            await inventory.stocked(A=units, B=units)

    await asyncio.gather(*(order(number) for number in range(60)), recount())

    statuses = list((await inventory.reservations()).values())
    assert (statuses.count("active"), statuses.count("released")) == (30, 30)


async def test_changes_come_in_the_order_of_their_revisions(inventory: Inventory) -> None:
    await inventory.import_lines("B,Bee,200,EUR,1", "A,Ant,100,EUR,1")
    await inventory.import_lines("A,Ant,100,EUR,9", "B,Bee,250,EUR,1")

    changes = await inventory.catalogue.changes(0, 10)

    assert [(one.sku, one.price_cents, one.revision) for one in changes.items] == [("A", 100, 2), ("B", 250, 3)]
    assert changes.revision == 3
    assert await inventory.catalogue.changes(3, 10) == CatalogueChanges(items=[], revision=3)


async def test_parallel_imports_hide_no_change_from_a_follower(inventory: Inventory) -> None:
    """Who always goes on from the last revision seen ends with every product, whatever is imported meanwhile."""
    seen: dict[str, int] = {}
    imports = asyncio.gather(
        *(
            inventory.import_lines(*(f"P{number}-{line},Product,{number + 1},EUR,1" for line in range(20)))
            for number in range(20)
        )
    )
    since, done = 0, False
    while not done:
        done = imports.done()
        changes = await inventory.catalogue.changes(since, 7)
        since = changes.revision
        seen |= {item.sku: item.price_cents for item in changes.items}
        done = done and not changes.items

    await imports
    assert seen == {f"P{number}-{line}": number + 1 for number in range(20) for line in range(20)}


async def test_the_seed_is_a_believable_shop(inventory: Inventory) -> None:
    """At least 60 products of one currency; most can bear a load test, and a few are scarce."""
    file = the_seed()
    assert file.errors == ()
    assert await inventory.catalogue.seed(file) == imported(len(file.lines), 0, 0)

    products = await inventory.catalogue.page("", 1000)

    assert len(products) >= 60
    assert {product.currency for product in products} == {"EUR"}
    scarce = [product for product in products if product.available < 1000]
    assert 1 <= len(scarce) <= 6
    assert all(product.sku.startswith("LTD-") for product in scarce)


async def test_a_second_start_restores_no_stock(inventory: Inventory) -> None:
    seed = read_catalogue(a_catalogue("A,Ant,100,EUR,5"))
    await inventory.catalogue.seed(seed)
    await inventory.reserve(A=5)

    assert await inventory.catalogue.seed(seed) is None

    assert await inventory.available() == {"A": 0}
    with pytest.raises(Refused):
        await inventory.reserve("order-2", A=1)


async def test_replicas_that_start_at_once_seed_once(service_database: ServiceDatabase) -> None:
    """Each migrates and seeds, as a starting service does."""
    url = service_database("inventory_service")

    async def start() -> Imported | None:
        database = create_engine(url, application_name="replica")
        try:
            await migrate(url, MIGRATIONS)
            return await Catalogue(database).seed(the_seed())
        finally:
            await database.dispose()

    seeded = await asyncio.gather(*(start() for _ in range(4)))

    assert sorted(imported is not None for imported in seeded) == [False, False, False, True]


async def test_a_seed_with_errors_can_be_repaired(inventory: Inventory) -> None:
    """A start that fails leaves no marker: the next one seeds."""
    with pytest.raises(CatalogueRejectedError):
        await inventory.catalogue.seed(read_catalogue(a_catalogue("A,Ant,0,EUR,5")))

    assert await inventory.catalogue.seed(read_catalogue(a_catalogue("A,Ant,1,EUR,5"))) == imported(1, 0, 0)
