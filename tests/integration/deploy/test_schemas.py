"""Kubernetes and Dapr would take every manifest as it is."""

import json
from copy import deepcopy

import jsonschema
import kubernetes_validate
import pytest

from tests.integration.deploy.dapr_module import Schema
from tests.integration.deploy.manifests import Document, Manifests

pytestmark = pytest.mark.integration

# The oldest that has all we use: `sleep` before the end, native sidecars, the safe sysctls.
OLDEST_KUBERNETES = "1.30"


def check(document: Document, dapr_schemas: dict[str, Schema]) -> None:
    """Raise if it would be refused."""
    if document["apiVersion"].startswith("dapr.io/"):
        jsonschema.validate(document, dapr_schemas[document["kind"]])
        return
    kubernetes_validate.validate(document, OLDEST_KUBERNETES, strict=True)


def test_every_document_fits_its_schema(all_manifests: dict[str, Manifests], dapr_schemas: dict[str, Schema]) -> None:
    """No unknown field, no wrong type, nothing missing."""
    # Most stand in several overlays.
    distinct = {json.dumps(one): one for manifests in all_manifests.values() for one in manifests.documents}

    assert distinct
    for document in distinct.values():
        check(document, dapr_schemas)


def test_no_two_documents_are_the_same_object(manifests: Manifests) -> None:
    """The second would silently overwrite the first."""
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests.documents]

    assert sorted(set(names)) == sorted(names)


def test_a_port_in_quotes_is_noticed(all_manifests: dict[str, Manifests], dapr_schemas: dict[str, Schema]) -> None:
    """The check of Kubernetes' own kinds can fail."""
    broken = deepcopy(all_manifests["demo"].of_kind("Deployment")["order-service"])
    broken["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = "8080"

    with pytest.raises(kubernetes_validate.ValidationError, match="'8080' is not of type"):
        check(broken, dapr_schemas)


def test_a_misspelt_field_of_a_component_is_noticed(
    all_manifests: dict[str, Manifests], dapr_schemas: dict[str, Schema]
) -> None:
    """The check of Dapr's kinds can fail."""
    broken = deepcopy(all_manifests["demo"].of_kind("Component")["statestore"])
    broken["spec"]["metadata"][1]["valu"] = broken["spec"]["metadata"][1].pop("value")

    with pytest.raises(jsonschema.ValidationError, match="'valu' was unexpected"):
        check(broken, dapr_schemas)
