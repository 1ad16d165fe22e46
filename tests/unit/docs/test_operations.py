"""docs/operations.md names every metric, and how many connections each process may take."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from devstack.settings import PROJECT_ROOT
from shared.shop.registry import SHOP

pytestmark = pytest.mark.unit

PAGE: Final = (PROJECT_ROOT / "docs" / "operations.md").read_text()
PROGRAMS: Final = SHOP.schemas
METRICS: Final = {"Counter", "Gauge", "Histogram", "Summary"}


def test_every_metric_is_documented() -> None:
    """One that is added, renamed or removed has its row."""
    documented = set(re.findall(r"^\| `(shop_\w+)` \| ", PAGE, re.MULTILINE))

    assert set(metrics()) == documented


def test_how_many_connections_a_process_takes() -> None:
    """Each pool may open as many again as it keeps, or as many as it says."""
    rows = re.findall(r"^\| ([a-z-]+) \| (\d+) \| (\d*) \| *$|^\| ([a-z-]+) \| (\d+) \| \|$", PAGE, re.MULTILINE)
    (other,) = map(int, re.findall(r"^\| any other service \| (\d+) \|", PAGE, re.MULTILINE))
    documented = {SHOP.app(name or lone).package: int(own or alone) for name, own, _, lone, alone in rows}

    assert documented.keys() <= set(PROGRAMS)
    assert {program: sum(pools(program)) for program in PROGRAMS} == dict.fromkeys(PROGRAMS, other) | documented


def test_every_sidecar_takes_what_is_documented() -> None:
    """The state store's own pool."""
    assert {str(sidecars_pool())} == set(re.findall(r"^\| [a-z -]+ \| \d+ \| (\d+) \|$", PAGE, re.MULTILINE))


def metrics() -> Iterator[str]:
    """The metrics as Prometheus shows them."""
    for file in PROJECT_ROOT.glob("*/**/*.py"):
        if file.relative_to(PROJECT_ROOT).parts[0] not in {*PROGRAMS, "shared", "local_mailbox"}:
            continue
        for call in calls(file):
            name = call.args[0] if call.args else None
            if called(call) in METRICS and isinstance(name, ast.Constant):
                yield str(name.value) + ("_total" if called(call) == "Counter" else "")


def pools(program: str) -> Iterator[int]:
    """What the pools keep that a program makes; those of a moment, as for migrations, don't count."""
    file = PROJECT_ROOT / program / "__main__.py"
    for call in calls(file):
        if called(call) == "create_engine":
            given = {word.arg: word.value for word in call.keywords}
            kept = number(given["pool_size"], program) if "pool_size" in given else 10
            yield kept + (number(given["overflow"], program) if "overflow" in given else kept)


def number(value: ast.expr, program: str) -> int:
    if isinstance(value, ast.Name):
        return int(getattr(importlib.import_module(f"{program}.__main__"), value.id))
    return int(ast.literal_eval(value))


def sidecars_pool() -> int:
    component = yaml.safe_load((PROJECT_ROOT / "components" / "statestore.yaml").read_text())
    return int(next(one["value"] for one in component["spec"]["metadata"] if one["name"] == "maxConns"))


def calls(file: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]


def called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
