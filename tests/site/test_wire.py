"""What counts as taking something back from clients, what does not, and what the changelog has to say of it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.processes import ROOT
from tests.wire import FILE, Document, Fact, grown, problems, read, written

NAME = "POST /v1/things"
DECLARED = "## Unreleased\n\n### Breaking\n\n- `POST /v1/things` takes less.\n\n### Added\n\n- x\n"
UNDECLARED = "## Unreleased\n\n### Added\n\n- `POST /v1/things`\n\n## 1.0\n\n### Breaking\n\n- `POST /v1/things`\n"
THING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "note": {"type": "string", "nullable": True},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "size": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    },
    "required": ["id", "kind"],
}
WHOLE: dict[str, Any] = {
    "paths": {
        "/v1/things": {
            "parameters": [{"$ref": "#/components/parameters/Page"}],
            "post": {
                "security": [{"key": []}, {"session": []}],
                "parameters": [
                    {"in": "query", "name": "order", "schema": {"type": "string", "enum": ["asc", "desc"]}},
                    {"in": "query", "name": "since", "required": True, "schema": {"type": "integer"}},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"allOf": [{"$ref": "#/components/schemas/Asked"}]}},
                        "text/plain": {"schema": {"type": "string"}},
                    }
                },
                "responses": {
                    "200": {
                        "headers": {"ETag": {}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"content": {"application/json": {"schema": {"type": "object"}}}},
                },
            },
            "get": {"responses": {"204": {}}},
        }
    },
    "components": {
        "parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}},
        "schemas": {
            "Thing": THING,
            "Asked": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "mode": {"type": "string", "enum": ["slow", "fast"], "nullable": True},
                    "count": {"type": "integer"},
                    "share": {"type": "number", "minimum": 0, "maximum": 1.5},
                    "tags": {"type": "array", "maxItems": 8, "items": {"type": "string", "maxLength": 9}},
                    "options": {"type": "object", "properties": {"deep": {"type": "boolean", "enum": [True, False]}}},
                    "level": {"enum": [1, 2]},
                },
                "required": ["name"],
            },
        },
    },
}
Change = Callable[[dict[str, Any]], Any]


def operation(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/v1/things"]["post"]
    return found


def asked(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["Asked"]
    return found


def given(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["Thing"]
    return found


def facts(change: Change = lambda document: None) -> set[Fact]:
    document = copy.deepcopy(WHOLE)
    change(document)
    return Document(document).facts()


BREAKING: dict[str, tuple[Change, str]] = {
    "the operation is gone": (lambda d: d["paths"]["/v1/things"].pop("post"), "the operation holds no longer"),
    "the path is gone": (lambda d: d["paths"].pop("/v1/things"), "the operation holds no longer"),
    "a way to sign in is gone": (lambda d: operation(d)["security"].pop(), "signed session"),
    "a parameter is gone": (lambda d: operation(d)["parameters"].pop(0), "takes query.order holds no longer"),
    "a shared parameter is gone": (lambda d: d["paths"]["/v1/things"].pop("parameters"), "takes query.page"),
    "a parameter is required": (lambda d: operation(d)["parameters"][0].update(required=True), "without query.order"),
    "a new parameter is required": (
        lambda d: operation(d)["parameters"].append({"in": "header", "name": "X", "required": True}),
        "takes header.X is what no client expects",
    ),
    "a parameter has another type": (
        lambda d: operation(d)["parameters"][1].update(schema={"type": "boolean"}),
        "takes query.since: integer",
    ),
    "a value of a parameter is gone": (
        lambda d: operation(d)["parameters"][0]["schema"]["enum"].pop(),
        "takes query.order: 'desc'",
    ),
    "the body is required": (lambda d: operation(d)["requestBody"].update(required=True), "without body"),
    "the body is gone": (lambda d: operation(d).pop("requestBody"), "takes body holds no longer"),
    "a kind of body is gone": (lambda d: operation(d)["requestBody"]["content"].pop("text/plain"), "reads text/plain"),
    "a property of the body is gone": (lambda d: asked(d)["properties"].pop("count"), "takes body.count"),
    "a property of a property is gone": (
        lambda d: asked(d)["properties"]["options"]["properties"].clear(),
        "takes body.options.deep",
    ),
    "a property of the body is required": (lambda d: asked(d)["required"].append("count"), "without body.count"),
    "a new property of the body is required": (
        lambda d: (asked(d)["properties"].update(new={"type": "string"}), asked(d)["required"].append("new")),
        "takes body.new is what no client expects",
    ),
    "a value of the body is gone": (lambda d: asked(d)["properties"]["mode"]["enum"].pop(0), "takes body.mode: 'slow'"),
    "null is taken no longer": (lambda d: asked(d)["properties"]["mode"].pop("nullable"), "takes body.mode: null"),
    "only certain values are taken": (
        lambda d: asked(d)["properties"]["name"].update(enum=["x"]),
        "takes body.name: string",
    ),
    "a type of the body is narrower": (
        lambda d: asked(d)["properties"]["level"].update(enum=[1]),
        "takes body.level: 2",
    ),
    "there is a bound where there was none": (
        lambda d: asked(d)["properties"]["count"].update(maximum=1000),
        "within body.count: integer maximum 1000 is what no client expects",
    ),
    "an upper bound is closer": (
        lambda d: asked(d)["properties"]["share"].update(maximum=1),
        "within body.share: number maximum 1 is what no client expects",
    ),
    "a lower bound is closer": (
        lambda d: asked(d)["properties"]["share"].update(minimum=0.5),
        "within body.share: number minimum 0.5 is what no client expects",
    ),
    "a list may hold less": (
        lambda d: asked(d)["properties"]["tags"].update(maxItems=7),
        "within body.tags: array maxItems 7 is what no client expects",
    ),
    "what a list holds is shorter": (
        lambda d: asked(d)["properties"]["tags"]["items"].update(maxLength=8),
        "within body.tags[]: string maxLength 8 is what no client expects",
    ),
    "a parameter has a pattern": (
        lambda d: asked(d)["properties"]["name"].update(pattern="^[a-z ]+$"),
        "within body.name: string pattern ^[a-z ]+$ is what no client expects",
    ),
    "a status is gone": (lambda d: operation(d)["responses"].pop("404"), "gives 404"),
    "a header of the answer is gone": (lambda d: operation(d)["responses"]["200"].pop("headers"), "sends 200 ETag"),
    "a kind of answer is gone": (
        lambda d: operation(d)["responses"]["200"].pop("content"),
        "sends 200 application/json",
    ),
    "a property of the answer is gone": (lambda d: given(d)["properties"].pop("note"), "gives 200 .note"),
    "a property of the answer may be missing": (lambda d: given(d)["required"].pop(), "always 200 .kind"),
    "a property of the answer has another type": (
        lambda d: given(d)["properties"]["id"].update(type="integer"),
        "may 200 .id: integer is what no client expects",
    ),
    "a property of the answer may be null": (
        lambda d: given(d)["properties"]["id"].update(nullable=True),
        "may 200 .id: null is what no client expects",
    ),
    "what a list of the answer holds has another type": (
        lambda d: given(d)["properties"]["parts"].update(items={"type": "string"}),
        "may 200 .parts[]: string is what no client expects",
    ),
    "what an object of the answer holds has another type": (
        lambda d: given(d)["properties"]["labels"].update(additionalProperties={"type": "integer"}),
        "may 200 .labels{}: integer is what no client expects",
    ),
    "the answer is a list": (
        lambda d: operation(d)["responses"]["200"]["content"]["application/json"].update(schema={"type": "array"}),
        "may 200 : array is what no client expects",
    ),
}
HARMLESS: dict[str, Change] = {
    "a new operation": lambda d: d["paths"].update({"/v1/more": {"get": {"responses": {"200": {}}}}}),
    "a new operation with what is required": lambda d: d["paths"].update(
        {"/v1/more": {"get": {"parameters": [{"in": "query", "name": "q", "required": True}], "responses": {}}}}
    ),
    "a new parameter": lambda d: operation(d)["parameters"].append({"in": "query", "name": "limit", "schema": {}}),
    "a parameter may be left out": lambda d: operation(d)["parameters"][1].pop("required"),
    "a new value of a parameter": lambda d: operation(d)["parameters"][0]["schema"]["enum"].append("none"),
    "any value of a parameter": lambda d: operation(d)["parameters"][0]["schema"].pop("enum"),
    "a new property of the body": lambda d: asked(d)["properties"].update(new={"type": "string"}),
    "a new property of the body within which something is required": lambda d: asked(d)["properties"].update(
        new={"type": "object", "properties": {"a": {}}, "required": ["a"]}
    ),
    "a property of the body may be left out": lambda d: asked(d)["required"].clear(),
    "a wider type of the body": lambda d: asked(d)["properties"]["count"].update(type="number"),
    "any type of the body": lambda d: asked(d)["properties"]["count"].pop("type"),
    "any number instead of some": lambda d: asked(d)["properties"].update(level={"type": "integer"}),
    "either truth": lambda d: asked(d)["properties"]["options"]["properties"]["deep"].pop("enum"),
    "an upper bound that is further": lambda d: asked(d)["properties"]["share"].update(maximum=2),
    "a lower bound that is further": lambda d: asked(d)["properties"]["share"].update(minimum=-1.5),
    "no bound any more": lambda d: asked(d)["properties"]["tags"].pop("maxItems"),
    "a bound of another type that is new": lambda d: asked(d)["properties"].update(
        count={"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}]}
    ),
    "a bound of a property that is new": lambda d: asked(d)["properties"].update(
        new={"type": "string", "maxLength": 3}
    ),
    "another kind of body": lambda d: operation(d)["requestBody"]["content"].update({"application/xml": {}}),
    "a new status": lambda d: operation(d)["responses"].update({"409": {}}),
    "a new property of the answer": lambda d: given(d)["properties"].update(more={"type": "string", "nullable": True}),
    "a property of the answer is always there": lambda d: given(d)["required"].append("note"),
    "a property of the answer is never null": lambda d: given(d)["properties"]["note"].pop("nullable"),
    "a narrower type of the answer": lambda d: given(d)["properties"].update(size={"type": "integer"}),
    "a new value of the answer": lambda d: given(d)["properties"]["kind"]["enum"].append("c"),
    "another name for a schema": lambda d: (
        d["components"]["schemas"].update(Other=d["components"]["schemas"]["Asked"]),
        operation(d)["requestBody"]["content"]["application/json"].update(
            schema={"$ref": "#/components/schemas/Other"}
        ),
    ),
    "other words": lambda d: operation(d).update(description="Makes things.", operationId="make"),
}


def told(change: Change, changelog: str) -> list[str]:
    return [line for line in problems(facts(), facts(change), changelog) if "not in wire.txt yet" not in line]


@pytest.mark.parametrize("case", BREAKING)
def test_what_takes_something_back_needs_a_line_that_names_the_operation(case: str) -> None:
    change, fact = BREAKING[case]
    found = told(change, UNDECLARED)
    assert any(line.startswith(f"{NAME}: {fact}") for line in found), found
    assert [line for line in told(change, DECLARED) if line.startswith(NAME)] == []


@pytest.mark.parametrize("case", HARMLESS)
def test_what_takes_nothing_back_needs_none(case: str) -> None:
    assert told(HARMLESS[case], "") == []


def test_of_an_operation_that_is_gone_only_that_is_told() -> None:
    (line,) = told(BREAKING["the operation is gone"][0], "")
    assert line.endswith(f"no line under Breaking of the changelog names `{NAME}`")


def test_what_is_new_has_to_be_written_down() -> None:
    (line,) = problems(facts(), facts(HARMLESS["a new parameter"]), "")
    assert line == "3 facts are not in wire.txt yet: run `make schema`"


@pytest.mark.parametrize("case", BREAKING)
def test_what_was_taken_back_is_told_until_a_release_though_the_file_was_written_anew(case: str) -> None:
    change, _ = BREAKING[case]
    kept, now = grown(facts(), facts(change)), facts(change)
    assert problems(kept, now, UNDECLARED) == told(change, UNDECLARED) != []
    assert problems(grown(set(), now), now, UNDECLARED) == []


def test_the_file_says_what_it_was_told() -> None:
    assert read(written(facts())) == facts()


def test_the_file_holds_what_the_api_document_says_and_nothing_is_taken_back_unsaid() -> None:
    loaded = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    assert problems(read(FILE.read_text()), Document(loaded).facts(), (ROOT / "CHANGELOG.md").read_text()) == []
