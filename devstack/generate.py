"""Writes the files that follow from the registry of apps: `make generate`. They are committed, and equal by test."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devstack.cluster.manifests import manifests
from devstack.dapr_cli.resources import resources
from devstack.settings import PROJECT_ROOT, load_settings
from shared.contracts.app import Registry

MADE: Final = "# Made from the registry of apps by `make generate`: don't edit it, a test compares the two.\n"


def documents(registry: Registry) -> Mapping[Path, str]:
    """Each generated file with its text."""
    return {file: MADE + text for file, text in {**resources(registry), **manifests(registry)}.items()}


if __name__ == "__main__":
    for file, text in documents(load_settings().registry).items():
        file.write_text(text)
        sys.stdout.write(f"{file.relative_to(PROJECT_ROOT)}\n")
