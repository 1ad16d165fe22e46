"""Renders each overlay once."""

from pathlib import Path

import pytest

from devstack.settings import load_settings
from tests.integration.deploy.dapr_module import Schema, custom_resources, schemas
from tests.integration.deploy.manifests import OVERLAYS, PREPARE, Manifests, rendered
from tests.programs.kustomize import Command, ensure_kustomize


@pytest.fixture(scope="session")
def kustomize() -> Command:
    """What renders, built if need be."""
    return ensure_kustomize(load_settings(), print)


@pytest.fixture(scope="session")
def all_manifests(kustomize: Command) -> dict[str, Manifests]:
    """Every overlay, and the Job that prepares."""
    return {name: rendered(kustomize, name) for name in (*OVERLAYS, PREPARE)}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, all_manifests: dict[str, Manifests]) -> Manifests:
    """One overlay after the other."""
    return all_manifests[str(request.param)]


@pytest.fixture(scope="session")
def dapr_definitions() -> Path:
    """The folder of the definitions of Dapr's resources."""
    return custom_resources()


@pytest.fixture(scope="session")
def dapr_schemas(dapr_definitions: Path) -> dict[str, Schema]:
    """The schemas of Dapr's resources."""
    return schemas(dapr_definitions)
