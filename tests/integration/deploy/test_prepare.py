"""The Job's steps, carried out on a real Postgres with the secrets that `shop secrets` makes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devstack.cluster.secrets import cluster_secrets
from devstack.postgres.passwords import load_passwords
from devstack.settings import PROJECT_ROOT, load_settings
from tests.integration.deploy.manifests import PREPARE, Manifests, containers

pytestmark = pytest.mark.integration

Secrets = dict[str, dict[str, str]]


@pytest.fixture
def secrets(tmp_path: Path, postgres_url: str) -> Secrets:
    """For a database that doesn't exist yet."""
    url = f"{postgres_url.rpartition('/')[0]}/shop_in_a_cluster"
    made = cluster_secrets(load_settings(home=tmp_path, database_url=url), load_passwords(load_settings(home=tmp_path)))
    return {one["metadata"]["name"]: one["stringData"] for one in made["items"]}


def carry_out(step: dict[str, Any], secrets: Secrets, mounted: Path) -> None:
    """As the pod would: only the step's own variables, and its volume where they say."""
    variables = {}
    for variable in step["env"]:
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        variables[variable["name"]] = secrets[reference["name"]][reference["key"]] if reference else variable["value"]
    if "SHOP_HOME" in variables:
        assert [variables["SHOP_HOME"]] == [mount["mountPath"] for mount in step["volumeMounts"]]
        variables["SHOP_HOME"] = str(mounted)
    answer = subprocess.run(
        [sys.executable, "-m", *step["args"]],
        cwd=PROJECT_ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


async def test_the_steps_prepare_the_database(
    tmp_path: Path, secrets: Secrets, all_manifests: dict[str, Manifests]
) -> None:
    """Every service can log in afterwards and finds its tables; the audit's writer only appends."""
    (pod,) = all_manifests[PREPARE].pods.values()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "secrets.json").write_text(secrets["prepare"]["passwords"])
    # All but the last, which needs a broker: tests/integration/broker.
    steps = containers(pod)[:-1]

    for step in steps:
        carry_out(step, secrets, mounted)

    assert ["secrets.json"] == [file.name for file in mounted.iterdir()]
    migrated = {name: values["database-url"] for name, values in secrets.items() if "database-url" in values}
    for name in migrated.keys() - {PREPARE, "audit-service"}:
        assert await asks(migrated[name], "SELECT count(*) FROM alembic_version") == 1, name
    audit = migrated["audit-service"]
    assert await asks(audit, "SELECT count(*) FROM audit_records") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asks(audit, "DELETE FROM audit_records")
    assert await asks(secrets["statestore"]["connection-string"], "SELECT 1") == 1
    auditor = secrets["order-service"]["auditor-database-url"]
    assert await asks(auditor, "SELECT count(*) FROM orders") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asks(auditor, "SELECT token FROM charges")


async def asks(url: str, question: str) -> object:
    """The answer of one role's session."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
