"""The repair part of the shop's HTTP contract."""

import json
from collections.abc import Iterator
from typing import cast
from urllib.parse import quote

from cli.shop_client import ShopClient, read
from shared.shop.views import AttentionView, RepairList, RepairView


class RepairClient(ShopClient):
    """A client of these routes."""

    def waiting(self) -> Iterator[AttentionView]:
        """All orders that need attention, oldest first."""
        return (read(AttentionView, one) for one in self.pages("/attention"))

    def decide(self, order_id: str, body: dict[str, str], key: str) -> str:
        """Decide, and give the decision's id."""
        answer = self.call("POST", _repairs(order_id), json.dumps(body), {"Idempotency-Key": key})
        return cast("str", answer["repair_id"])

    def repairs(self, order_id: str) -> list[RepairView]:
        """All decisions about the order, oldest first."""
        return read(RepairList, self.call("GET", _repairs(order_id))).items


def _repairs(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}/repairs"
