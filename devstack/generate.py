"""Writes the files that follow from the registry of apps: `make generate`. They are committed, and equal by test."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devstack.cluster.manifests import manifests
from devstack.dapr_cli.resources import resources
from devstack.dapr_cli.run_file import RUN_FILE, run_file
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.supervisor.stack import planned_topology
from shared.contracts.app import Registry

MADE: Final = "# Made from the registry of apps by `make generate`: don't edit it, a test compares the two.\n"


def documents(registry: Registry) -> Mapping[Path, str]:
    """Each generated file with its text."""
    return {file: MADE + text for file, text in {**resources(registry), **manifests(registry)}.items()}


if __name__ == "__main__":
    settings = load_settings()
    files = {**documents(settings.registry), RUN_FILE: run_file(planned_topology(settings))}
    for file, text in files.items():
        file.write_text(text)
        sys.stdout.write(f"{file.relative_to(PROJECT_ROOT)}\n")
