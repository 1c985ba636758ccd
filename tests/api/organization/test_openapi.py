"""The Admin API in the OpenAPI document."""

from typing import Any

import pytest

from tests import openapi
from tests.api.organization.conftest import absolute
from tests.api.organization.endpoints import EXAMPLES, endpoints, parts, route

OPERATION_IDS = {
    ("admin-api-keys", "get"): "admin-api-keys-list",
    ("admin-api-keys", "post"): "admin-api-keys-create",
    ("admin-api-key", "get"): "admin-api-keys-get",
    ("admin-api-key", "delete"): "admin-api-keys-delete",
    ("audit-logs", "get"): "list-audit-logs",
    ("usage-completions", "get"): "usage-completions",
    ("usage-embeddings", "get"): "usage-embeddings",
    ("usage-moderations", "get"): "usage-moderations",
    ("usage-images", "get"): "usage-images",
    ("usage-audio-speeches", "get"): "usage-audio-speeches",
    ("usage-audio-transcriptions", "get"): "usage-audio-transcriptions",
    ("usage-vector-stores", "get"): "usage-vector-stores",
    ("usage-code-interpreter-sessions", "get"): "usage-code-interpreter-sessions",
    ("usage-file-search-calls", "get"): "usage-file-search-calls",
    ("usage-web-search-calls", "get"): "usage-web-search-calls",
    ("usage-costs", "get"): "usage-costs",
    ("organization-spend-limit", "get"): "Getorganizationspendlimit",
    ("organization-spend-limit", "post"): "Updateorganizationspendlimit",
    ("organization-spend-limit", "delete"): "Deleteorganizationspendlimit",
    ("organization-spend-alerts", "get"): "list-organization-spend-alerts",
    ("organization-spend-alerts", "post"): "create-organization-spend-alert",
    ("organization-spend-alert", "get"): "retrieve-organization-spend-alert",
    ("organization-spend-alert", "post"): "update-organization-spend-alert",
    ("organization-spend-alert", "delete"): "delete-organization-spend-alert",
    ("organization-data-retention", "get"): "retrieve-organization-data-retention",
    ("organization-data-retention", "post"): "update-organization-data-retention",
    ("users", "get"): "list-users",
    ("user", "get"): "retrieve-user",
    ("user", "post"): "modify-user",
    ("user", "delete"): "delete-user",
    ("user-roles", "get"): "list-user-role-assignments",
    ("user-roles", "post"): "assign-user-role",
    ("user-role", "get"): "retrieve-user-role",
    ("user-role", "delete"): "unassign-user-role",
    ("invites", "get"): "list-invites",
    ("invites", "post"): "inviteUser",
    ("invite", "get"): "retrieve-invite",
    ("invite", "delete"): "delete-invite",
    ("roles", "get"): "list-roles",
    ("role", "get"): "retrieve-role",
    ("project-roles", "get"): "list-project-roles",
    ("project-role", "get"): "retrieve-project-role",
    ("project-user-roles", "get"): "list-project-user-role-assignments",
    ("project-user-roles", "post"): "assign-project-user-role",
    ("project-user-role", "get"): "retrieve-project-user-role",
    ("project-user-role", "delete"): "unassign-project-user-role",
    ("projects", "get"): "list-projects",
    ("projects", "post"): "create-project",
    ("project", "get"): "retrieve-project",
    ("project", "post"): "modify-project",
    ("project-archive", "post"): "archive-project",
    ("project-users", "get"): "list-project-users",
    ("project-users", "post"): "create-project-user",
    ("project-user", "get"): "retrieve-project-user",
    ("project-user", "post"): "modify-project-user",
    ("project-user", "delete"): "delete-project-user",
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
    ("project-spend-alerts", "get"): "list-project-spend-alerts",
    ("project-spend-alerts", "post"): "create-project-spend-alert",
    ("project-spend-alert", "get"): "retrieve-project-spend-alert",
    ("project-spend-alert", "post"): "update-project-spend-alert",
    ("project-spend-alert", "delete"): "delete-project-spend-alert",
    ("project-data-retention", "get"): "retrieve-project-data-retention",
    ("project-data-retention", "post"): "update-project-data-retention",
    ("model-permissions", "get"): "retrieve-project-model-permissions",
    ("model-permissions", "post"): "update-project-model-permissions",
    ("model-permissions", "delete"): "delete-project-model-permissions",
}
"""Those of OpenAI's specification."""
ENDPOINTS = list(endpoints())


def operation(name: str, method: str) -> dict[str, Any]:
    template = absolute(route(name)).replace("<str:", "{").replace(">", "}")
    found: dict[str, Any] = openapi.document()["paths"][template][method]
    return found


def test_nothing_else_of_the_admin_api_is_in_the_document() -> None:
    told = {
        (path, method)
        for path, methods in openapi.document()["paths"].items()
        for method in methods
        if path.startswith(openapi.ADMINISTRATION)
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
