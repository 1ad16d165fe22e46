"""The routes of every service, as its source declares them: a new one is asked by the tests without being listed."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[3]
SHARED: Final = "shared"
"""What all apps have."""
NAMED_OTHERWISE: Final = {"local_mailbox": "mailbox"}
_METHODS: Final = {"get": "GET", "post": "POST", "add_get": "GET", "add_post": "POST"}


def routes() -> dict[str, set[tuple[str, str]]]:
    """Method and path by the service's name; those of `shared` under that name."""
    found: dict[str, set[tuple[str, str]]] = {}
    for folder in sorted(PROJECT.iterdir()):
        if (folder / "__main__.py").exists() or folder.name == SHARED:
            name = NAMED_OTHERWISE.get(folder.name, folder.name.replace("_", "-"))
            if declared := {route for file in folder.rglob("*.py") for route in _declared(file)}:
                found[name] = declared
    return found


def _declared(file: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            of = node.func.value
            if (isinstance(of, ast.Name) and of.id == "web") or (isinstance(of, ast.Attribute) and of.attr == "router"):
                yield _METHODS[node.func.attr], _path(node.args[0], file)


def _path(argument: ast.expr, file: Path) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    assert isinstance(argument, ast.Name), f"{file}: a path is a literal or a constant of its module"
    module = ".".join(file.relative_to(PROJECT).with_suffix("").parts)
    return str(getattr(importlib.import_module(module), argument.id))
