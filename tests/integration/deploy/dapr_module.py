"""The source of the pinned Dapr release, whose chart holds the definitions of its resources."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from devstack.programs.go_build import RUNTIME_FOLDER, find_go
from devstack.settings import load_settings

MODULE = "github.com/dapr/dapr"
Schema = dict[str, Any]


def custom_resources() -> Path:
    """The folder of Dapr's definitions; the module is fetched, unless it is there."""
    go = find_go(load_settings().home, print)
    answer = subprocess.run(
        [go.command, "mod", "download", "-json", MODULE],
        cwd=RUNTIME_FOLDER,
        env=dict(go.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(answer.stdout)["Dir"]) / "charts" / "dapr" / "crds"


def schemas(folder: Path) -> dict[str, Schema]:
    """What each kind of resource may hold, and nothing else."""
    found = {}
    for file in folder.glob("*.yaml"):
        for definition in yaml.safe_load_all(file.read_text()):
            for version in definition["spec"]["versions"] if definition else ():
                found[definition["spec"]["names"]["kind"]] = _strict(version["schema"]["openAPIV3Schema"])
    return found


def _strict(schema: Schema) -> Schema:
    """As the API server reads it with `--validate=strict`: a field that it doesn't know is an error."""
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _strict(schema[key])
    if "properties" in schema:
        schema["properties"] = {name: _strict(one) for name, one in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    return schema
