"""GET /api/features/{key}."""

import httpx
import pytest

from features.models import Environment, FlagState, Segment
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, error_of
from tests.features.conftest import MakeFlag


def test_a_flag_is_shown_with_its_tag(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", rules=[{"variant": "on"}])
    answer = admin.get("/dark")
    response = openapi.document()["paths"]["/api/features/{key}"]["get"]["responses"]["200"]
    openapi.check(answer.json(), response["content"]["application/json"]["schema"])
    assert answer.json() == admin.get().json()["data"][0]
    assert set(response["headers"]) <= {
        *answer.headers,
        "x-trace-id",
        "ETag",
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
    }
    assert answer.headers["etag"].removeprefix("W/").startswith('"')
    assert answer.headers["cache-control"] == "no-store"
    assert admin("HEAD", "/dark").headers["etag"].strip('W/"') == answer.headers["etag"].strip('W/"')


def test_the_tag_changes_with_anything_of_the_flag_and_with_nothing_else(
    admin: Asker, make_flag: MakeFlag, staging: Environment
) -> None:
    flag = make_flag("dark")
    tags = [admin.get("/dark").headers["etag"]]

    def tag() -> str:
        found = admin.get("/dark", params={"environment": "production"}).headers["etag"]
        tags.append(found)
        return found

    assert tag() == tags[0]
    make_flag("other")
    Segment.objects.create(organization=flag.organization, key="s")
    assert tag() == tags[0]
    FlagState.objects.filter(flag=flag).update(enabled=False)
    flag.description = "x"
    assert tag() != tags[-2]
    flag.save()
    assert tag() != tags[-2]
    FlagState.objects.create(flag=flag, environment=staging)
    assert tag() != tags[-2]
    assert len(set(tags)) == 4


def test_an_archived_flag_is_there(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark", archived=True)
    assert admin.get("/dark").json()["archived"] is True


@pytest.mark.parametrize("path", ["/nothing", "/a%20b", "/%00", "/" + "x" * 3000, "/%E2%80%A8", "/DARK"])
def test_what_is_not_there_is_not_there(admin: Asker, make_flag: MakeFlag, path: str) -> None:
    make_flag("dark")
    error_of(admin.get(path), 404, "not_found")


def test_a_projects_key_sees_one_environment(key: AsKey, make_flag: MakeFlag, staging: Environment) -> None:
    FlagState.objects.create(flag=make_flag("dark"), environment=staging)
    ask = key("flags.read")
    assert list(ask.get("/dark").json()["environments"]) == ["production"]
    error_of(ask.get("/dark", params={"environment": "staging"}), 404, "not_found")


def test_an_unknown_parameter_is_refused(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    error_of(admin.get("/dark", params={"colour": "red"}), 400, "unknown_parameter", "colour")


def test_a_page_of_another_origin_may_not_read_it(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    answer = httpx.get(
        f"{admin.url}/api/features/dark",
        headers={"Origin": "https://evil.example.com", "Authorization": f"Bearer {admin.token}"},
    )
    assert "access-control-allow-origin" not in answer.headers
