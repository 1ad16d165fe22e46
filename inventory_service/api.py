"""The inventory's HTTP surface: the products on sale, their changes, and the import of a catalogue."""

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import Final

from aiohttp import web

from inventory_service.catalogue import Catalogue, CatalogueRejectedError
from inventory_service.catalogue_file import is_sku, read_catalogue
from shared.shop.inventory import ProductPage
from shared.web.http import answer, idempotency_key_of
from shared.web.paging import bad_query, cut, number_in
from shared.web.problems import REQUEST_STATUSES, ProblemError, answering, body_of

MAX_CATALOGUE_BYTES: Final = 64 * 1024 * 1024
MAX_ERRORS_SHOWN: Final = 100
PAGE_LIMIT: Final = 50
MAX_PAGE_LIMIT: Final = 500
CHANGES_LIMIT: Final = 1000
MAX_CHANGES_LIMIT: Final = 10_000
MAX_REVISION: Final = 2**63 - 1


def inventory_routes(catalogue: Catalogue) -> list[web.RouteDef]:
    """The inventory's routes."""

    async def products(request: web.Request) -> web.Response:
        cursor = request.query.get("cursor", "")
        if cursor and not is_sku(cursor):
            raise bad_query("cursor must be the next_cursor of an earlier page.")
        limit = number_in(request.query, "limit", PAGE_LIMIT, lowest=1, highest=MAX_PAGE_LIMIT)
        items, last = cut(await catalogue.page(cursor, limit + 1), limit)
        following = None if last is None else last.sku
        return answer(ProductPage(items=items, next_cursor=following))

    async def product(request: web.Request) -> web.Response:
        sku = request.match_info["sku"]
        found = await catalogue.product(sku) if is_sku(sku) else None
        if found is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no product {sku[:64]!a}.")
        return answer(found)

    async def changes(request: web.Request) -> web.Response:
        since = number_in(request.query, "since", 0, lowest=0, highest=MAX_REVISION)
        limit = number_in(request.query, "limit", CHANGES_LIMIT, lowest=1, highest=MAX_CHANGES_LIMIT)
        return answer(await catalogue.changes(since, limit))

    async def import_catalogue(request: web.Request) -> web.Response:
        if request.content_type != "text/csv":
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the catalogue with Content-Type: text/csv.")
        # A large file takes a second to read, and other requests shouldn't wait for it.
        content = await body_of(request)
        file = await asyncio.to_thread(read_catalogue, content)
        is_delivery = "Idempotency-Key" in request.headers
        try:
            if is_delivery:
                imported = await catalogue.deliver(idempotency_key_of(request, "delivery"), file, content)
            else:
                imported = await catalogue.import_file(file)
        except CatalogueRejectedError as rejection:
            raise _rejected(rejection) from rejection
        return answer(imported)

    routes = [
        web.get("/products", products),
        web.get("/products/{sku}", product),
        web.get("/catalogue/changes", changes),
        web.post("/catalogue", import_catalogue),
    ]
    return answering(REQUEST_STATUSES, routes)


def _rejected(rejection: CatalogueRejectedError) -> ProblemError:
    count = len(rejection.errors)
    found = "1 error" if count == 1 else f"{count} errors"
    first = rejection.errors[0]
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"The catalogue has {found}, the first on line {first.line}: {first.message}. Nothing was imported.",
        error_count=count,
        errors=[asdict(error) for error in rejection.errors[:MAX_ERRORS_SHOWN]],
    )
