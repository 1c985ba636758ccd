"""The OpenAPI document: complete, valid, as committed, and true of what the server takes and sends."""

from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from drf_spectacular.renderers import OpenApiYamlRenderer
from openapi_spec_validator import OpenAPIV30SpecValidator

from tests import openapi
from tests.api.streams import chunks_of, events_of

SNAPSHOT = Path(__file__).resolve().parents[2] / "openapi.yaml"
EVERY = {operation["operationId"]: (method, path, operation) for method, path, operation in openapi.operations()}
# The Admin API has tests of its own, in tests/api/organization/test_openapi.py, and so has OFREP, in
# tests/features/test_ofrep_openapi.py. What stands under /api is asked for in
# the tests of its endpoints: here, as of everything, what the document says of it.
ELSEWHERE = (*openapi.ADMINISTRATION, "/api/", "/ofrep/")
OPERATIONS = {name: each for name, each in EVERY.items() if not each[1].startswith(ELSEWHERE)}
UNDER_API = {name: each for name, each in EVERY.items() if each[1].startswith("/api/")}
INFERENCE = {"createChatCompletion", "createResponse", "createCompletion", "createEmbedding", "createModeration"}
NO_KEY = {"getHealthz", "getHealth", "getReadiness"}
ERRORS = {
    **{name: {400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 502, 503, 504} for name in INFERENCE},
    "listModels": {400, 401, 403, 405, 413, 429, 500, 503},
    "retrieveModel": {400, 401, 403, 404, 405, 413, 429, 500, 503},
    **{name: {400, 405, 413, 500} for name in NO_KEY},
    "getMetrics": {400, 401, 403, 405, 413, 429, 500, 503},
}
REQUEST_EXAMPLES = [
    pytest.param(path, example, id=f"{name}-{title}")
    for name, (_, path, operation) in OPERATIONS.items()
    if "requestBody" in operation
    for title, example in openapi.examples(operation["requestBody"]["content"]["application/json"]).items()
]


def contents(operation: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Status, media type and content of every answer of an operation that has a body."""
    return [
        (status, media_type, content)
        for status, response in operation["responses"].items()
        for media_type, content in openapi.resolved(response).get("content", {}).items()
    ]


def schema_of(path: str, method: str, status: int, media_type: str = "application/json") -> dict[str, Any]:
    response = openapi.resolved(openapi.document()["paths"][path][method]["responses"][str(status)])
    return response["content"][media_type]["schema"]


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV30SpecValidator(openapi.document()).validate()
    assert openapi.document()["openapi"] == "3.0.3"


def test_the_committed_snapshot_is_what_the_server_serves(anonymous: httpx.Client) -> None:
    served = anonymous.get("/openapi.json")
    assert served.status_code == 200
    assert yaml.safe_load(SNAPSHOT.read_text()) == served.json(), "The document changed: run `make schema`."
    rendered = OpenApiYamlRenderer().render(openapi.document(), renderer_context={})
    assert SNAPSHOT.read_bytes() == rendered, "The document changed: run `make schema`."


def test_a_current_copy_of_the_document_is_not_sent_again(anonymous: httpx.Client) -> None:
    tag = anonymous.get("/openapi.json", headers={"Accept-Encoding": "identity"}).headers["etag"]
    again = anonymous.get("/openapi.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert anonymous.get("/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_every_endpoint_is_described_under_openais_operation_ids() -> None:
    assert {name: (method, path) for name, (method, path, _) in OPERATIONS.items()} == {
        "createChatCompletion": ("post", "/v1/chat/completions"),
        "createResponse": ("post", "/v1/responses"),
        "createCompletion": ("post", "/v1/completions"),
        "createEmbedding": ("post", "/v1/embeddings"),
        "createModeration": ("post", "/v1/moderations"),
        "listModels": ("get", "/v1/models"),
        "retrieveModel": ("get", "/v1/models/{model_id}"),
        "getHealthz": ("get", "/healthz"),
        "getHealth": ("get", "/health"),
        "getReadiness": ("get", "/readyz"),
        "getMetrics": ("get", "/metrics"),
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_tells_each_error_it_can_give(name: str) -> None:
    operation = OPERATIONS[name][2]
    for status in ERRORS[name]:
        response = openapi.resolved(operation["responses"][str(status)])
        content = response["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorResponse"}
        assert openapi.examples(content)
        assert response["description"]
    told = {int(status) for status in operation["responses"] if int(status) >= 400}
    assert told == ERRORS[name] | ({503} if name == "getReadiness" else set())


@pytest.mark.parametrize("name", EVERY)
def test_every_operation_has_a_table_of_errors_that_fits_what_it_takes(name: str) -> None:
    """Whatever is added, under any path: no error without its envelope, its description and an example."""
    _, path, operation = EVERY[name]
    told = {int(status): openapi.resolved(response) for status, response in operation["responses"].items()}
    least = {400, 405, 413, 500}
    if operation.get("security"):
        least |= {401, 503}
    if path.startswith("/api/"):
        least |= {401, 429, 503}
    if "requestBody" in operation:
        least |= {415}
    if "{" in path:
        least |= {404}
    assert least <= set(told)
    assert any(status < 300 for status in told)
    for status in (status for status in told if status >= 400):
        if (name, status) == ("getReadiness", 503):
            continue  # says what is not ready
        content = told[status]["content"]["application/json"]
        form = "FlagEvaluationFailure" if path.startswith("/ofrep/") else "ErrorResponse"
        assert content["schema"] == {"$ref": f"#/components/schemas/{form}"}
        assert openapi.examples(content)
        assert told[status]["description"]


@pytest.mark.parametrize("name", UNDER_API)
def test_what_stands_under_api_says_who_may_call_and_how_much_is_left(name: str) -> None:
    _, path, operation = UNDER_API[name]
    schemes = {scheme for each in operation.get("security", []) for scheme in each}
    assert schemes <= {"SessionToken", "SessionTokenOrAdminKey", "SessionTokenOrKey", "ApiKeyAuth", "EventKey"}
    assert bool(schemes) == (name != "createSession"), path
    counted = {"X-RateLimit-Limit", "X-RateLimit-Remaining"}
    for response in operation["responses"].values():  # events are counted by the limits of their key
        assert (counted <= set(openapi.resolved(response)["headers"])) == (name != "sendEvents")
    assert "Retry-After" in openapi.resolved(operation["responses"]["429"])["headers"]


def test_sessions_passwords_and_the_audit_log_are_described() -> None:
    assert {name: each[:2] for name, each in UNDER_API.items() if each[2]["tags"] in (["Sessions"], ["Audit"])} == {
        "listAuditEvents": ("get", "/api/audit"),
        "restoreAuditEvent": ("post", "/api/audit/{event_id}/restore"),
        "listSessions": ("get", "/api/sessions"),
        "createSession": ("post", "/api/sessions"),
        "deleteOtherSessions": ("delete", "/api/sessions"),
        "retrieveSession": ("get", "/api/sessions/{session_id}"),
        "deleteSession": ("delete", "/api/sessions/{session_id}"),
        "changePassword": ("post", "/api/password"),
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_needs_a_key_says_so(name: str) -> None:
    key = "ApiKeyOrLoopback" if name == "getMetrics" else "ApiKeyAuth"
    assert OPERATIONS[name][2].get("security") == (None if name in NO_KEY else [{key: []}])
    scheme = openapi.document()["components"]["securitySchemes"]["ApiKeyAuth"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


@pytest.mark.parametrize("name", EVERY)
def test_every_example_is_of_the_shape_it_illustrates(name: str) -> None:
    operation = EVERY[name][2]
    for _, _, content in contents(operation):
        shown = openapi.examples(content)
        assert shown
        for example in shown.values():
            openapi.check(example, content["schema"])
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        assert len(openapi.examples(content)) >= (4 if name in OPERATIONS else 1)
        for example in openapi.examples(content).values():
            openapi.check(example, content["schema"])


def test_a_value_of_another_shape_is_told_apart() -> None:
    with pytest.raises(jsonschema.ValidationError):
        openapi.check({"error": {"message": "no type"}}, {"$ref": "#/components/schemas/ErrorResponse"})
    with pytest.raises(jsonschema.ValidationError):
        openapi.check({"model": None}, {"$ref": "#/components/schemas/CreateEmbeddingRequest"})


@pytest.mark.parametrize(("path", "example"), REQUEST_EXAMPLES)
def test_every_request_example_is_answered_as_described(
    client: httpx.Client, path: str, example: dict[str, Any]
) -> None:
    model = "lukhas-moderation-1" if path == "/v1/moderations" else "lukhas-echo-1"
    response = client.post(path, json={**example, "model": model})
    assert response.status_code == 200, response.text
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type == ("text/event-stream" if example.get("stream") else "application/json")
    schema = schema_of(path, "post", 200, media_type)
    if media_type == "application/json":
        openapi.check(response.json(), schema)
    else:
        for event in events_of(response) if path == "/v1/responses" else chunks_of(response):
            openapi.check(event, schema)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/models", "/v1/models"),
        ("/v1/models/{model_id}", "/v1/models/lukhas-echo-1"),
        ("/healthz", "/healthz"),
        ("/health", "/health"),
        ("/readyz", "/readyz"),
    ],
)
def test_what_is_read_is_as_described(client: httpx.Client, template: str, path: str) -> None:
    response = client.get(path)
    openapi.check(response.json(), schema_of(template, "get", response.status_code))
    described = openapi.document()["paths"][template]["get"]["responses"][str(response.status_code)]["headers"]
    for name, reference in described.items():
        header = openapi.resolved(reference)
        if header["required"]:
            assert name in response.headers
        if name in response.headers and header["schema"]["type"] == "string":
            openapi.check(response.headers[name], header["schema"])


def test_errors_are_as_described(client: httpx.Client, anonymous: httpx.Client) -> None:
    path = "/v1/chat/completions"
    found = [
        client.post(path, json={}),
        anonymous.post(path, json={}),
        client.get(path),
        client.post(path, content=b"{}", headers={"Content-Type": "text/plain"}),
        client.post(path, json={"model": "gpt-9", "messages": [{"role": "user", "content": "Hi"}]}),
    ]
    assert [response.status_code for response in found] == [400, 401, 405, 415, 404]
    for response in found:
        described = openapi.resolved(openapi.document()["paths"][path]["post"]["responses"][str(response.status_code)])
        openapi.check(response.json(), described["content"]["application/json"]["schema"])
        required = {name for name, at in described["headers"].items() if openapi.resolved(at)["required"]}
        assert required <= {name for name in required if name in response.headers}, response.headers


def test_an_example_under_the_wrong_status_is_a_mistake() -> None:
    from api.exceptions import ServerError
    from api.schema.errors import example

    with pytest.raises(ValueError, match="500, not 400"):
        example("Crash", 400, ServerError())


def test_what_takes_a_session_or_an_admin_key_says_so() -> None:
    for name in ("listAuditEvents", "restoreAuditEvent"):
        assert UNDER_API[name][2]["security"] == [{"SessionTokenOrAdminKey": []}]
    for name in ("listFeatures", "killFeature"):
        assert UNDER_API[name][2]["security"] == [{"SessionTokenOrKey": []}]
    schemes = openapi.document()["components"]["securitySchemes"]
    bearer = {name: each for name, each in schemes.items() if each["type"] == "http"}  # OFREP has others
    assert {name: each["scheme"] for name, each in bearer.items()} == dict.fromkeys(
        ("ApiKeyAuth", "ApiKeyOrLoopback", "EventKey", "SessionToken", "SessionTokenOrAdminKey", "SessionTokenOrKey"),
        "bearer",
    )
