"""Does the matrix notice? Breaks the product on purpose, in copies, and runs named cells of the matrix on each.

`make mutations` (or `python -m tests.failure_injection.mutations [NAME...]`) ends with 0 only if every break turned all
its cells red, and the same cells are green on a copy that isn't broken.
"""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.programs.build import ensure_runtime
from devstack.settings import PROJECT_ROOT, load_settings

NOT_COPIED: Final = (".shop", ".venv", ".git", "__pycache__", ".hypothesis", "*.egg-info")
RUN_SECONDS: Final = 400
MATRIX: Final = "tests/failure_injection/test_matrix.py"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One deliberate break: an edit of one file, and the cells that must notice it."""

    name: str
    file: str
    before: str
    after: str
    cells: tuple[str, ...]

    def apply(self, tree: Path) -> None:
        """Edit the file in this copy.

        Raises:
            ValueError: the code has moved, so that the edit doesn't fit exactly once.
        """
        file = tree / self.file
        code = file.read_text()
        if code.count(self.before) != 1:
            raise ValueError(f"{self.name}: its place in {self.file} isn't there any more; adapt {__name__}")
        file.write_text(code.replace(self.before, self.after))


MUTATIONS: Final = (
    Mutation(
        name="no tombstone",
        file="shared/participant/fence.py",
        before="""\
            await settle(tx, key, StepState.UNDONE, undo_answer=answer.model_dump(mode="json"))
            return answer
""",
        after="""\
            await settle(tx, key, StepState.UNDONE, undo_answer=answer.model_dump(mode="json"))
            if done is None:
                await tx.execute(SAGA_STEPS.delete().where(*_is(key)))
            return answer
""",
        cells=("reserve_stock-do-delay_late", "book_shipment-do-delay_late"),
    ),
    Mutation(
        name="no fence",
        file="shared/participant/fence.py",
        before="if await claim(tx, key, StepState.DONE):",
        after="if await claim(tx, key, StepState.DONE) or True:",
        cells=("reserve_stock-do-lose_reply", "book_shipment-do-duplicate", "book_shipment-do-crash_after"),
    ),
    Mutation(
        name="undo registered after do",
        file="shared/saga/saga.py",
        before="""\
        if pending is not None:
            self._undos.append(pending)
        attempted = yield from self._caller.call(do, do.activity, request, StepKind.DO)
""",
        after="""\
        attempted = yield from self._caller.call(do, do.activity, request, StepKind.DO)
        if pending is not None and attempted.outcome in (StepOutcome.DONE, StepOutcome.REFUSED):
            self._undos.append(pending)
""",
        cells=("process_payment-do-lose_reply_always", "reserve_stock-do-lose_reply_always"),
    ),
    Mutation(
        name="failing undo stops the rest",
        file="shared/saga/compensation.py",
        before="""\
                stuck.append(ended)
""",
        after="""\
                stuck.append(ended)
                break
""",
        cells=("cancel_shipment-undo-refuse", "refund_payment-undo-refuse"),
    ),
)
ALL_CELLS: Final = tuple(sorted({cell for mutation in MUTATIONS for cell in mutation.cells}))


def copied_to(tree: Path) -> Path:
    """Copy the project to this folder."""
    shutil.copytree(PROJECT_ROOT, tree, ignore=shutil.ignore_patterns(*NOT_COPIED))
    return tree


@contextmanager
def copied(name: str) -> Iterator[Path]:
    """A copy of the project under the state folder, removed at the end."""
    tree = load_settings().home / "mutations" / name.replace(" ", "-")
    shutil.rmtree(tree, ignore_errors=True)
    try:
        yield copied_to(tree)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def run_tests(tree: Path, tests: Sequence[str], **more: str) -> dict[str, str]:
    """Run these tests in a copy: "green", "red", or "error" (it couldn't be run) by test name; `more` are variables."""
    report = tree / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", f"--junitxml={report}", *tests]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        command, cwd=tree, env={**inherited, **more}, capture_output=True, text=True, check=False, timeout=RUN_SECONDS
    )
    if not report.exists():
        raise RuntimeError(f"pytest did not run in {tree}:\n{run.stdout}{run.stderr}")
    outcomes: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "error" if "error" in kinds else "red" if "failure" in kinds else "green"
        name = case.attrib["name"]
        outcomes[name] = outcome if outcomes.get(name, "green") == "green" else outcomes[name]
    return outcomes


def run_cells(tree: Path, cells: Sequence[str]) -> dict[str, str]:
    """Run these cells of the matrix in a copy, on a stack of its own; outcome by cell."""
    binaries = ensure_runtime(load_settings(), _say).folder
    tests = [f"{MATRIX}::test_cell[{cell}]" for cell in cells]
    outcomes = run_tests(tree, tests, DAPR_BIN_DIR=str(binaries))
    return {cell: outcomes.get(f"test_cell[{cell}]", "not run") for cell in cells}


def main(names: Sequence[str]) -> int:
    """Check all mutations, or those named; the exit code."""
    unknown = set(names) - {mutation.name for mutation in MUTATIONS}
    if unknown:
        _say(f"there is no mutation {', '.join(sorted(unknown))}; there are: {', '.join(m.name for m in MUTATIONS)}")
        return 2
    chosen = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    cells = sorted({cell for mutation in chosen for cell in mutation.cells})
    with copied("unbroken") as tree:
        noticed = _shown("unbroken", run_cells(tree, cells), wanted="green")
    for mutation in chosen:
        with copied(mutation.name) as tree:
            mutation.apply(tree)
            noticed &= _shown(mutation.name, run_cells(tree, mutation.cells), wanted="red")
    _say("every break was noticed" if noticed else "NOT every break was noticed")
    return 0 if noticed else 1


def _shown(name: str, outcomes: dict[str, str], wanted: str) -> bool:
    _say(f"{name}:")
    for cell, outcome in outcomes.items():
        _say(f"  {outcome:8}{cell}{'' if outcome == wanted else f'   <- should be {wanted}'}")
    return set(outcomes.values()) == {wanted}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
