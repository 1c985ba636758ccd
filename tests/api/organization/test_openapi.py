"""The Admin API in the OpenAPI document."""

from typing import Any

import pytest

from tests import openapi
from tests.api.organization.endpoints import EXAMPLES, endpoints, parts, patterns

OPERATION_IDS = {
    ("admin-api-keys", "get"): "admin-api-keys-list",
    ("admin-api-keys", "post"): "admin-api-keys-create",
    ("admin-api-key", "get"): "admin-api-keys-get",
    ("admin-api-key", "delete"): "admin-api-keys-delete",
    ("audit-logs", "get"): "list-audit-logs",
    ("organization-spend-limit", "get"): "Getorganizationspendlimit",
    ("organization-spend-limit", "post"): "Updateorganizationspendlimit",
    ("organization-spend-limit", "delete"): "Deleteorganizationspendlimit",
    ("projects", "get"): "list-projects",
    ("projects", "post"): "create-project",
    ("project", "get"): "retrieve-project",
    ("project", "post"): "modify-project",
    ("project-archive", "post"): "archive-project",
    ("service-accounts", "get"): "list-project-service-accounts",
    ("service-accounts", "post"): "create-project-service-account",
    ("service-account", "get"): "retrieve-project-service-account",
    ("service-account", "post"): "update-project-service-account",
    ("service-account", "delete"): "delete-project-service-account",
    ("service-account-keys", "post"): "CreateanAPIkeyforaserviceaccount",
    ("project-api-keys", "get"): "list-project-api-keys",
    ("project-api-key", "get"): "retrieve-project-api-key",
    ("project-api-key", "delete"): "delete-project-api-key",
    ("rate-limits", "get"): "list-project-rate-limits",
    ("rate-limit", "post"): "update-project-rate-limits",
    ("project-spend-limit", "get"): "Getprojectspendlimit",
    ("project-spend-limit", "post"): "Updateprojectspendlimit",
    ("project-spend-limit", "delete"): "Deleteprojectspendlimit",
    ("model-permissions", "get"): "retrieve-project-model-permissions",
    ("model-permissions", "post"): "update-project-model-permissions",
    ("model-permissions", "delete"): "delete-project-model-permissions",
}
"""Those of OpenAI's specification."""
ENDPOINTS = list(endpoints())


def operation(name: str, method: str) -> dict[str, Any]:
    template = f"/v1/organization/{patterns()[name].pattern}".replace("<str:", "{").replace(">", "}")
    found: dict[str, Any] = openapi.document()["paths"][template][method]
    return found


def test_nothing_else_of_the_admin_api_is_in_the_document() -> None:
    told = {
        (path, method)
        for path, methods in openapi.document()["paths"].items()
        for method in methods
        if path.startswith("/v1/organization")
    }
    assert len(told) == len(ENDPOINTS) == len(OPERATION_IDS)


@pytest.mark.parametrize(("name", "method"), ENDPOINTS, ids=[f"{method}-{name}" for name, method in ENDPOINTS])
def test_an_endpoint_is_described_under_its_operation_id_with_what_it_takes_and_gives(name: str, method: str) -> None:
    described = operation(name, method)
    assert described["operationId"] == OPERATION_IDS[name, method]
    assert described["tags"] == ["Administration"]
    in_path = [each["name"] for each in described["parameters"] if each.get("in") == "path"] if parts(name) else []
    assert sorted(in_path) == sorted(parts(name))
    body = EXAMPLES[name, method].body
    assert ("requestBody" in described) == (body is not None)
    statuses = set(described["responses"])
    assert {"200", "400", "401", "403", "405", "413", "500", "503"} <= statuses
    assert ("415" in statuses) == (body is not None)
    assert ("404" in statuses) >= bool(parts(name))
    for response in described["responses"].values():
        whole = openapi.resolved(response)
        content = whole["content"]["application/json"]
        assert whole["description"]
        assert content["examples"]
