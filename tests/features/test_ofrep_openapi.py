"""OFREP in the OpenAPI document: complete, and true of what the server sends."""

import json
from typing import Any

import httpx
import jsonschema
import pytest

from tests import openapi
from tests.features.conftest import MakeFlag
from tests.features.ofrep import BULK, EVALUATE, EVENT, checked
from tests.features.test_ofrep_flag import SPLIT

OPERATIONS = {
    operation["operationId"]: operation for _, path, operation in openapi.operations() if path.startswith("/ofrep/")
}
EVALUATING = ("evaluateFlag", "evaluateFlagsBulk")
ERRORS = {400, 401, 403, 405, 413, 415, 429, 500, 503}


def test_the_operations_are_described_as_the_protocol_names_them() -> None:
    found = {operation["operationId"]: (method, path) for method, path, operation in openapi.operations()}
    assert {name: found[name] for name in OPERATIONS} == {
        "evaluateFlag": ("post", f"{EVALUATE}/{{key}}"),
        "evaluateFlagsBulk": ("post", EVALUATE),
        "streamFlagEvents": ("get", "/ofrep/v1/events"),
    }


@pytest.mark.parametrize("name", EVALUATING)
def test_each_tells_its_errors_and_that_either_header_will_do(name: str) -> None:
    operation = OPERATIONS[name]
    told = {int(status) for status in operation["responses"] if int(status) >= 400}
    assert told == ERRORS | ({404} if name == "evaluateFlag" else set())
    assert operation["security"] == [{"ApiKeyAuth": []}, {"ApiKeyHeader": []}]
    assert operation["tags"] == ["Feature flags"]
    scheme = openapi.document()["components"]["securitySchemes"]["ApiKeyHeader"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")


def test_the_tag_of_the_answers_is_described() -> None:
    responses = OPERATIONS["evaluateFlagsBulk"]["responses"]
    assert all("ETag" in responses[status]["headers"] for status in ("200", "304"))


@pytest.mark.parametrize("name", EVALUATING)
def test_every_example_of_a_request_is_answered_as_described(
    client: httpx.Client, make_flag: MakeFlag, name: str
) -> None:
    make_flag("checkout", rules=SPLIT)
    make_flag("theme", kind="object", variants={"a": {"b": 1}}, default_variant="a", metadata={"team": "web"})
    operation = OPERATIONS[name]
    bulk = name == "evaluateFlagsBulk"
    for body in openapi.examples(operation["requestBody"]["content"]["application/json"]).values():
        for path in [EVALUATE] if bulk else [f"{EVALUATE}/checkout", f"{EVALUATE}/theme", f"{EVALUATE}/nothing"]:
            answer = client.post(path, json=body)
            described: Any = openapi.resolved(operation["responses"][str(answer.status_code)])
            openapi.check(answer.json(), described["content"]["application/json"]["schema"])
            checked(answer, bulk=bulk)


def test_the_stream_is_described_with_its_events_and_its_errors() -> None:
    operation = OPERATIONS["streamFlagEvents"]
    assert {int(status) for status in operation["responses"]} == {200, 400, 401, 403, 404, 405, 413, 429, 500, 503}
    assert operation["security"] == [{"StreamToken": []}]
    scheme = openapi.document()["components"]["securitySchemes"]["StreamToken"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "query", "token")
    (example,) = openapi.examples(operation["responses"]["200"]["content"]["text/event-stream"]).values()
    jsonschema.validate(json.loads(example.split("data: ")[1]), EVENT)
    bulk = openapi.examples(OPERATIONS["evaluateFlagsBulk"]["responses"]["200"]["content"]["application/json"])
    jsonschema.validate(bulk["WithAnEventStream"], BULK)
