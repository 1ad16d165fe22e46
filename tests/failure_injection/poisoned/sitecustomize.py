"""On the PYTHONPATH of a stack: code that dies of some orders, as only a bug would. Python imports it at each start.

A fault plan makes activities die; this is for what no plan reaches: a workflow's own code, and a consumer of events.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

# Whoever is called so is deadly: as the recipient of a parcel to the workflow, as a user to the mails.
DEADLY = "Poison"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _poison_workflow(module: ModuleType) -> None:
    real = vars(module)["BookShipment"]

    def book_shipment(**fields: Any) -> Any:  # noqa: ANN401 - of any message
        if fields["address"].name == DEADLY:
            _die()
        return real(**fields)

    vars(module)["BookShipment"] = book_shipment


def _poison_mail(module: ModuleType) -> None:
    real = vars(module)["letter"]

    def letter(kind: Any, order: Any) -> Any:  # noqa: ANN401 - as it is there
        if order.customer.user_id == DEADLY:
            _die()
        return real(kind, order)

    vars(module)["letter"] = letter


POISONED: dict[str, Callable[[ModuleType], None]] = {
    "order_service.workflow": _poison_workflow,
    "notification_service.order_mails": _poison_mail,
}


class Poisoner(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a module as it is, and then poisons it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del target
        if name not in POISONED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            POISONED[name](module)

        vars(spec.loader)["exec_module"] = exec_module
        return spec


sys.meta_path.insert(0, Poisoner())
