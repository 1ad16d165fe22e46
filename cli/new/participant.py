"""Another participant of the order saga, from one template: its service, its declaration, its tests, its step.

Everything else follows from the registry. Files that exist are edited by what they mean (their syntax trees).
"""

import ast
import keyword
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from devstack.errors import StackError, unknown_name
from devstack.settings import LONGEST_DATABASE_NAME
from shared.shop import order
from shared.shop.order import ORDER_STEPS
from shared.shop.registry import SHOP

TEMPLATE: Final = Path(__file__).parent / "template"
LONGEST_NAME: Final = 63 - LONGEST_DATABASE_NAME - len("__service")
"""Of a login role's 63 bytes, `<database>_<name>_service`."""
LONGEST_ACTIVITY: Final = 32
NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ACTIVITY: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
SERVICES: Final = re.compile(r'(?:    "\w+",\n)*    "order_service",\n(?:    "\w+",\n)*')


class NotWrittenError(StackError):
    """The participant can't be written; nothing was."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class NewParticipant:
    """The names of a participant that doesn't exist yet.

    Raises:
        NotWrittenError: one of them is no such name, or taken.
    """

    name: str
    do: str
    undo: str
    after: str

    def __post_init__(self) -> None:
        """Check them."""
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise NotWrittenError(
                f"{self.name!r} can't be a name: small letters and digits, words joined by '-', at most {LONGEST_NAME}"
            )
        if keyword.iskeyword(self.name) or Path(order.__file__).with_name(f"{self.module}.py").exists():
            raise NotWrittenError(f"the name {self.name!r} is taken")
        for activity in (self.do, self.undo):
            if not ACTIVITY.fullmatch(activity) or len(activity) > LONGEST_ACTIVITY:
                raise NotWrittenError(
                    f"{activity!r} can't be an activity: verb_noun, at most {LONGEST_ACTIVITY} letters"
                )
        taken = {contract.activity for contract in SHOP.contracts}
        if self.do == self.undo or taken & {self.do, self.undo}:
            raise NotWrittenError(f"an activity's name is unique: {self.do}, {self.undo} or both exist already")
        steps = [step.activity for step in ORDER_STEPS]
        if self.after not in steps:
            raise NotWrittenError(unknown_name(self.after, steps, "step"))

    @property
    def app_id(self) -> str:
        return f"{self.name}-service"

    @property
    def package(self) -> str:
        return self.app_id.replace("-", "_")

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def names(self) -> dict[str, str]:
        """What the template's placeholders stand for."""
        names = {"name": self.name.replace("-", " "), "app_id": self.app_id, "package": self.package}
        for word, value in {"module": self.module, "do": self.do, "undo": self.undo}.items():
            in_camel = "".join(part.capitalize() for part in value.split("_"))
            names |= {word: value, word.capitalize(): in_camel, word.upper(): value.upper()}
        return names


def write(new: NewParticipant, root: Path) -> Sequence[str]:
    """Write the participant into the project at `root`; the paths that changed.

    Raises:
        NotWrittenError: the tree has changes that aren't committed, or isn't as the edits expect it.
    """
    if changes := _run(root, "git", "status", "--porcelain"):
        raise NotWrittenError(f"the tree has uncommitted changes; commit or stash them first:\n{changes.rstrip()}")
    files = {**_rendered(new), **_edited(new, root)}
    for path in files.keys() - {*EDITS, PYPROJECT}:
        # A package hides the module of its name.
        if (root / path).exists() or (root / path).parent.with_suffix(".py").exists():
            raise NotWrittenError(f"{path} can't be written: there is one of that name already")
    code = "".join(file.read_text() for file in (*TEMPLATE.rglob("*.tmpl"), *(root / path for path in EDITS)))
    for word in ("MODULE", "DO", "UNDO", "Do", "Undo"):
        if re.search(rf"\b{new.names[word]}\b", code):
            raise NotWrittenError(f"{new.names[word]} means something else already: choose another name")
    try:
        _write(files, root)
    except BaseException:
        # There was nothing uncommitted, so that whatever is there now is ours.
        _run(root, "git", "reset", "--quiet", "--hard")
        _run(root, "git", "clean", "--quiet", "-fd")
        raise
    return [line[3:] for line in _run(root, "git", "status", "--porcelain", "-uall").splitlines()]


def _write(files: Mapping[str, str], root: Path) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    python = [path for path in files if path.endswith(".py")]
    _run(root, sys.executable, "-m", "ruff", "check", "--quiet", "--select", "I", "--fix", *python)
    _run(root, sys.executable, "-m", "ruff", "format", "--quiet", *python)
    _run(root, sys.executable, "-m", "devstack.generate")
    _run(root, sys.executable, "-m", "tests.golden")


def _rendered(new: NewParticipant) -> Mapping[str, str]:
    files = {}
    for file in sorted(TEMPLATE.rglob("*.tmpl")):
        path = str(file.relative_to(TEMPLATE)).removesuffix(".tmpl")
        path = path.replace("PACKAGE", new.package).replace("MODULE", new.module)
        files[path] = Template(file.read_text()).substitute(new.names)
    return files


def _last_app(tree: ast.Module, _: str) -> ast.AST:
    (apps,) = (node for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) > 1)
    return apps.elts[-1]


def _step_to_undo(tree: ast.Module, step: str) -> ast.AST:
    steps = next(node for node in tree.body if "ORDER_STEPS: " in ast.unparse(node))
    return next(node for node in ast.walk(steps) if isinstance(node, ast.Name) and node.id == step)


def _statement(tree: ast.Module, step: str) -> ast.AST:
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    statements = (statement for function in functions for statement in function.body)
    return next(one for one in statements if f"saga.step({step}," in ast.unparse(one))


# By file: behind what (given its tree and the constant of the step before), which code, and what that imports.
EDITS: Final[Mapping[str, tuple[Callable[[ast.Module, str], ast.AST], str, str]]] = {
    "shared/shop/registry.py": (_last_app, ", $MODULE", "$MODULE"),
    "shared/shop/order.py": (_step_to_undo, ", $DO", "$DO"),
    # For runs that begin from now on: those under way replay as they were.
    "order_service/workflow.py": (
        _statement,
        "\n    if saga.patched($DO.activity):\n        yield from saga.step($DO, $Do())",
        "$DO, $Do",
    ),
}
PYPROJECT: Final = "pyproject.toml"


def _edited(new: NewParticipant, root: Path) -> Mapping[str, str]:
    try:
        code = {path: _edit((root / path).read_text(), new, *edit) for path, edit in EDITS.items()}
    except (StopIteration, ValueError) as error:
        raise NotWrittenError("the saga isn't written as this command expects it; see docs/your-own-saga.md") from error
    return {**code, PYPROJECT: _lists_of_services((root / PYPROJECT).read_text(), new)}


def _edit(text: str, new: NewParticipant, find: Callable[[ast.Module, str], ast.AST], what: str, imported: str) -> str:
    step = next(one for one in ORDER_STEPS if one.activity == new.after)
    constant = next(name for name, value in vars(order).items() if value is step)
    text = _insert(text, find(ast.parse(text), constant), Template(what).substitute(new.names))
    last = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)][-1]
    return _insert(text, last, Template(f"\nfrom shared.shop.$module import {imported}").substitute(new.names))


def _insert(text: str, after: ast.AST, what: str) -> str:
    lines = text.splitlines(keepends=True)
    line, column = getattr(after, "end_lineno", 0), getattr(after, "end_col_offset", 0)
    place = sum(map(len, lines[: line - 1])) + column
    return text[:place] + what + text[place:]


def _lists_of_services(text: str, new: NewParticipant) -> str:
    """Its package, in each of import-linter's lists of all services, which are sorted."""

    def with_it(block: re.Match[str]) -> str:
        lines = block[0].splitlines(keepends=True)
        if '    "payment_gateway",\n' not in lines:
            return block[0]
        line = f'    "{new.package}",\n'
        first = lines.index('    "audit_service",\n')
        return "".join([*lines[:first], *sorted([*lines[first:], line])])

    return SERVICES.sub(with_it, text)


def _run(root: Path, *command: str) -> str:
    """What a command printed.

    Raises:
        NotWrittenError: it failed, or there is no such program.
    """
    # What names another stack must not end up in the generated files.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    try:
        ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    except FileNotFoundError:
        raise NotWrittenError(f"this needs {command[0]}, which isn't here") from None
    except subprocess.CalledProcessError as error:
        raise NotWrittenError(f"`{' '.join(command[:4])}` failed: {(error.stderr or error.stdout).strip()}") from error
    return ended.stdout
