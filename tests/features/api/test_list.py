"""GET /api/features."""

from typing import Any

import pytest

from accounts.models import Project, Role
from features.models import Environment, Flag, FlagState, ProjectEnvironment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of
from tests.features.conftest import MakeFlag

SCHEMA = openapi.document()["paths"]["/api/features"]["get"]["responses"]["200"]["content"]["application/json"][
    "schema"
]


def keys(asker: Asker, **params: Any) -> list[str]:
    answer = asker.get(params=params)
    assert answer.status_code == 200, answer.text
    openapi.check(answer.json(), SCHEMA)
    return [each["key"] for each in answer.json()["data"]]


def test_flags_are_listed_whole_the_newest_first(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("a", description="First.", tags=["ui"])
    flag = make_flag("b", enabled=False)
    answer = admin.get()
    openapi.check(answer.json(), SCHEMA)
    assert answer.headers["cache-control"] == "no-store"
    listed = answer.json()
    assert (listed["object"], listed["first_id"], listed["last_id"], listed["has_more"]) == ("list", "b", "a", False)
    assert listed["data"][0] == {
        "id": "b",
        "object": "feature",
        "key": "b",
        "kind": "boolean",
        "variants": {"on": True, "off": False},
        "description": "",
        "owner": "",
        "ticket": "",
        "tags": [],
        "permanent": False,
        "archived": False,
        "raw_exposures": False,
        "algorithm": "flagd-v2",
        "salt": "b",
        "metadata": {},
        "environments": {
            "production": {
                "enabled": False, "off_variant": "off", "default_variant": "on", "rules": [], "prerequisites": []
            }
        },
        "created_at": int(flag.created_at.timestamp()),
        "changed_at": int(flag.states.get().changed_at.timestamp()),
    }  # fmt: skip


def test_where_there_are_none_the_list_is_empty(admin: Asker) -> None:
    assert keys(admin) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dark", ["b", "a"]),
        ("DARK", ["b", "a"]),
        ("theme", ["b"]),
        ("ann", ["a"]),
        ("ui-7", ["c"]),
        ("%", []),
        ("zzz", []),
        ("", ["c", "b", "a"]),
    ],
)
def test_a_search_looks_at_key_and_words(admin: Asker, make_flag: MakeFlag, text: str, found: list[str]) -> None:
    make_flag("a", description="Dark mode.", owner="ann")
    make_flag("b", description="The dark theme.")
    make_flag("c", ticket="UI-7")
    assert keys(admin, search=text) == found


def test_tags_narrow_down_and_are_taken_as_they_are_written(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("a", tags=["ui", "grün"])
    make_flag("b", tags=["ui-old", 'q"ui"q'])
    make_flag("c", tags=["UI", "ui"])
    assert keys(admin, **{"tags[]": "ui"}) == ["c", "a"]
    assert keys(admin, **{"tags[]": ["ui", "grün"]}) == ["a"]
    assert keys(admin, tags="UI") == ["c"]
    assert keys(admin, tags='q"ui"q') == ["b"]
    assert keys(admin, tags="u") == []


def test_archived_flags_are_out_of_sight_unless_asked_for(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("a", archived=True)
    make_flag("b")
    assert keys(admin) == ["b"]
    assert keys(admin, archived="false") == ["b"]
    assert keys(admin, archived="true") == ["a"]
    assert keys(admin, archived="any") == ["b", "a"]


def test_pages_follow_each_other_and_go_back(admin: Asker, make_flag: MakeFlag) -> None:
    for name in "abcde":
        make_flag(name)
    assert admin.get(params={"limit": 2}).json()["has_more"] is True
    assert keys(admin, limit=2) == ["e", "d"]
    assert keys(admin, limit=2, after="d") == ["c", "b"]
    assert keys(admin, limit=2, before="b") == ["d", "c"]
    Flag.objects.filter(key="d").update(archived=True)
    assert keys(admin, limit=2, after="d") == ["c", "b"]


def test_of_each_flag_only_the_environment_that_is_named_is_shown(
    admin: Asker, make_flag: MakeFlag, staging: Environment, project: Project
) -> None:
    flag = make_flag("a")
    FlagState.objects.create(flag=flag, environment=staging)

    def shown(**params: str) -> list[str]:
        return list(admin.get(params=params).json()["data"][0]["environments"])

    assert shown() == ["production", "staging"]
    assert shown(environment="staging") == ["staging"]
    assert shown(project=project.public_id) == ["production"]
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert shown(project=project.public_id) == ["staging"]


def test_a_projects_key_sees_the_environment_that_its_project_is_in(
    key: AsKey, make_flag: MakeFlag, staging: Environment, project: Project
) -> None:
    flag = make_flag("a")
    FlagState.objects.create(flag=flag, environment=staging)
    other = Project.objects.create(organization=project.organization, name="Other")
    ProjectEnvironment.objects.create(project=other, environment=staging)
    ours, theirs = key("flags.read"), key("flags.read", project=other)
    assert list(ours.get().json()["data"][0]["environments"]) == ["production"]
    assert list(theirs.get().json()["data"][0]["environments"]) == ["staging"]
    assert list(theirs.get(params={"environment": "staging"}).json()["data"][0]["environments"]) == ["staging"]
    assert list(theirs.get(params={"project": other.public_id}).json()["data"][0]["environments"]) == ["staging"]
    error_of(ours.get(params={"environment": "staging"}), 404, "not_found")
    error_of(ours.get(params={"project": other.public_id}), 404, "not_found")


def test_an_environment_or_project_elsewhere_is_not_there(person: AsPerson, stranger: Any) -> None:
    Environment.objects.create(organization=stranger, key="theirs")
    theirs = Project.objects.create(organization=stranger, name="Theirs")
    ask = person(Role.VIEWER)
    for params in ({"environment": "theirs"}, {"environment": "a/b"}, {"project": theirs.public_id}, {"project": "é"}):
        error_of(ask.get(params=params), 404, "not_found")


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"colour": "red"}, "unknown_parameter", "colour"),
        ({"archived": "yes"}, "invalid_value", "archived"),
        ({"limit": "0"}, "invalid_value", "limit"),
        ({"after": "nothing"}, "invalid_value", "after"),
        ({"search": "\x00"}, "invalid_value", "search"),
        ({"tags[]": "\x00"}, "invalid_value", "tags"),
        ({"environment": "\x00"}, "invalid_value", "environment"),
        ({"environment": "production", "project": "proj_x"}, "invalid_value", "project"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(admin: Asker, params: dict[str, str], code: str, param: str) -> None:
    error_of(admin.get(params=params), 400, code, param)
