"""POST /api/features."""

from typing import Any

import pytest

from accounts.models import AuditEvent, Organization, Project
from features.models import Environment, Flag, ProjectEnvironment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, error_of, everything
from tests.features.conftest import MakeFlag

OPERATION = openapi.document()["paths"]["/api/features"]["post"]
EXAMPLES = openapi.examples(OPERATION["requestBody"]["content"]["application/json"])
OFF = {"enabled": False, "off_variant": "off", "default_variant": "on", "rules": [], "prerequisites": []}


def test_the_key_is_all_that_a_flag_needs(admin: Asker, environment: Environment) -> None:
    answer = admin.post("", {"key": "new-ui"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["id"], made["kind"], made["variants"]) == ("new-ui", "boolean", {"on": True, "off": False})
    assert made["environments"] == {"production": OFF}
    assert answer.headers["etag"] == admin.get("/new-ui").headers["etag"]
    event = AuditEvent.objects.filter(type="flag.created").get()
    assert (event.source, event.actor_kind, event.key_id[:5]) == ("api", "user", "sess_")


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_example_of_the_document_is_made(admin: Asker, environment: Environment, title: str) -> None:
    answer = admin.post("", EXAMPLES[title])
    assert answer.status_code == 201, answer.text
    openapi.check(answer.json(), OPERATION["responses"]["201"]["content"]["application/json"]["schema"])
    assert admin.get(f"/{EXAMPLES[title]['key']}").json() == answer.json()


def test_all_of_a_flag_can_be_given_and_comes_back(
    admin: Asker, environment: Environment, staging: Environment
) -> None:
    body: dict[str, Any] = {
        "key": "theme",
        "kind": "string",
        "variants": {"day": "light", "night": "dark"},
        "description": "The theme.",
        "owner": "ann",
        "ticket": "UI-7",
        "tags": ["ui"],
        "permanent": True,
        "archived": True,
        "raw_exposures": True,
        "algorithm": "unleash",
        "salt": "older-name",
        "metadata": {"team": "web"},
        "environments": {
            "production": {
                "enabled": True,
                "off_variant": None,
                "default_variant": "night",
                "rules": [{"conditions": [{"attribute": "n", "operator": "gt", "values": [0.5]}], "variant": "day"}],
                "prerequisites": [],
            },
            "staging": {"enabled": True},
        },
    }
    made = admin.post("", body).json()
    assert {name: made[name] for name in body if name != "environments"} == {
        name: body[name] for name in body if name != "environments"
    }
    assert made["environments"]["production"] == body["environments"]["production"]
    assert made["environments"]["staging"] == {**OFF, "enabled": True, "off_variant": None, "default_variant": "day"}


def test_a_flag_is_made_in_the_environment_that_is_named(
    admin: Asker, key: AsKey, staging: Environment, project: Project
) -> None:
    assert list(admin.post("?environment=staging", {"key": "a"}).json()["environments"]) == ["staging"]
    assert list(admin.post(f"?project={project.public_id}", {"key": "b"}).json()["environments"]) == ["production"]
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert list(key("flags.write").post("", {"key": "c"}).json()["environments"]) == ["staging"]
    assert list(admin.post("", {"key": "d"}).json()["environments"]) == ["production"]


def test_an_organisation_without_environments_gets_production(admin: Asker, organization: Organization) -> None:
    assert not organization.environments.exists()
    assert list(admin.post("", {"key": "a"}).json()["environments"]) == ["production"]
    assert list(organization.environments.values_list("key", flat=True)) == ["production"]
    admin.post("", {"key": "b", "environments": {}})
    assert admin.get("/b").json()["environments"] == {}


def test_a_projects_key_makes_no_state_elsewhere(key: AsKey, environment: Environment, staging: Environment) -> None:
    ask, before = key("flags.write"), everything()
    error_of(ask.post("", {"key": "a", "environments": {"staging": {}}}), 400, "invalid_value", "environments.staging")
    error_of(ask.post("?environment=staging", {"key": "a"}), 404, "not_found")
    assert everything() == before


def test_a_key_is_given_once(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    before = everything()
    error_of(admin.post("", {"key": "dark", "description": "Mine."}), 409, "feature_exists")
    assert everything() == before


STATE = {"environments": {"production": {"enabled": True}}}
RULE: dict[str, Any] = {"variant": "on"}


def rules(*found: Any) -> dict[str, Any]:
    return {"environments": {"production": {"rules": list(found)}}}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "key"),
        ({"key": 7}, "invalid_value", "key"),
        ({"key": ""}, "invalid_value", "key"),
        ({"key": "a b"}, "invalid_value", "key"),
        ({"key": "x" * 101}, "invalid_value", "key"),
        ({"colour": 1}, "unknown_parameter", "colour"),
        ({"x" * 9000: 1}, "unknown_parameter", "x" * 200),
        ({"kind": "colour"}, "invalid_value", "kind"),
        ({"kind": ["boolean"]}, "invalid_value", "kind"),
        ({"kind": "string"}, "missing_required_parameter", "variants"),
        ({"variants": {}}, "invalid_value", "variants"),
        ({"variants": []}, "invalid_value", "variants"),
        ({"variants": None}, "invalid_value", "variants"),
        ({"variants": {"on": "yes"}}, "invalid_value", "variants.on"),
        ({"variants": {"a/b": True}}, "invalid_value", "variants.a/b"),
        ({"kind": "number", "variants": {"a": 2**60}}, "invalid_value", "variants.a"),
        ({"kind": "object", "variants": {"a": {"b": "\x00"}}}, "invalid_value", "variants.a"),
        ({"description": 7}, "invalid_value", "description"),
        ({"description": "x" * 2001}, "invalid_value", "description"),
        ({"owner": "\x00"}, "invalid_value", "owner"),
        ({"tags": "ui"}, "invalid_value", "tags"),
        ({"tags": ["ui", 7]}, "invalid_value", "tags[1]"),
        ({"permanent": "yes"}, "invalid_value", "permanent"),
        ({"raw_exposures": 1}, "invalid_value", "raw_exposures"),
        ({"algorithm": "dice"}, "invalid_value", "algorithm"),
        ({"salt": 7}, "invalid_value", "salt"),
        ({"metadata": {"a": None}}, "invalid_value", "metadata.a"),
        ({"environments": []}, "invalid_value", "environments"),
        ({"environments": {"nowhere": {}}}, "invalid_value", "environments.nowhere"),
        ({"environments": {"production": 7}}, "invalid_value", "environments.production"),
        ({"environments": {"production": {"on": 1}}}, "unknown_parameter", "environments.production.on"),
        ({"environments": {"production": {"enabled": 1}}}, "invalid_value", "environments.production.enabled"),
        (
            {"environments": {"production": {"off_variant": "x"}}},
            "invalid_value",
            "environments.production.off_variant",
        ),
        (rules({"variant": "x"}), "invalid_value", "environments.production.rules[0].variant"),
        (rules(RULE, 7), "invalid_value", "environments.production.rules[1]"),
        (rules({}), "invalid_value", "environments.production.rules[0]"),
        (
            rules({"split": {"weights": [{"variant": "on", "weight": -1}]}}),
            "invalid_value",
            "environments.production.rules[0].split.weights[0].weight",
        ),
        (
            rules({"conditions": [{"attribute": "a", "operator": "regex", "values": ["("]}], "variant": "on"}),
            "invalid_value",
            "environments.production.rules[0].conditions[0].values[0]",
        ),
        (
            rules({"conditions": [{"segment": "nobody"}], "variant": "on"}),
            "invalid_value",
            "environments.production.rules[0].conditions",
        ),
        (
            {"environments": {"production": {"prerequisites": [{"flag": "none", "variants": ["on"]}]}}},
            "invalid_value",
            "environments.production.prerequisites[0]",
        ),
        (
            {"environments": {"production": {"prerequisites": [{"flag": "new", "variants": ["on"]}]}}},
            "invalid_value",
            "environments.production.prerequisites[0].flag",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    admin: Asker, environment: Environment, body: dict[str, Any], code: str, param: str
) -> None:
    before = everything()
    body = {} if param == "key" and not body else {"key": "new", **body}
    answer = admin.post("", body)
    error_of(answer, 400, code, param)
    assert len(answer.content) < 2000
    assert everything() == before


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "application/json", 400, None),
        (b"[]", "application/json", 400, None),
        (b'{"key": "a"', "application/json", 400, None),
        (b'{"key": "a"}', "text/plain", 415, "unsupported_content_type"),
        (b'{"key": "' + b"x" * 1024 * 1024 + b'"}', "application/json", 413, "request_too_large"),
    ],
)
def test_a_body_that_is_none_is_refused(admin: Asker, content: bytes, kind: str, status: int, code: str | None) -> None:
    answer = admin("POST", "", content=content, headers={"Content-Type": kind})
    error_of(answer, status, code)
    assert not Flag.objects.exists()


def test_a_key_makes_no_state_where_it_is_protected(key: AsKey, protected: Environment, admin: Asker) -> None:
    before = everything()
    error_of(key("flags.write").post("", {"key": "a"}), 403, "environment_protected")
    assert everything() == before
    assert admin.post("", {"key": "a"}).status_code == 201
