"""Writes today's schemas to the golden file, unless that would break participants of another version."""

import json
import sys
from pathlib import Path

from tests.golden.asyncapi import DOCUMENT, document, text_of
from tests.golden.compare import breaking_changes
from tests.golden.schemas import GOLDEN, Schemas, schemas_golden, schemas_today


def update(golden: Path, old: Schemas, new: Schemas) -> list[str]:
    """Write `new` to the file; if it breaks `old`, write nothing and return the sentences that say why."""
    sentences = breaking_changes(old, new)
    if not sentences:
        golden.write_text(json.dumps(new, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return sentences


def main() -> int:
    """The exit status: 0 if the file is up to date now."""
    sentences = update(GOLDEN, schemas_golden(), schemas_today())
    if not sentences:
        DOCUMENT.write_text(text_of(document()), encoding="utf-8")
        sys.stdout.write(f"{GOLDEN} and {DOCUMENT} are up to date.\n")
        return 0
    sys.stderr.write("Not written, since participants of another version would fail:\n")
    sys.stderr.writelines(f"- {sentence}\n" for sentence in sentences)
    sys.stderr.write(
        "Add a new activity or type of event with messages of its own instead, and let the old one run out.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
