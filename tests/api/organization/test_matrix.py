"""Who may call which endpoint of the Admin API: every endpoint of the URLconf, for every kind of caller."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import ACTIONS, Role
from api.views.organization.base import OrganizationView
from api.views.organization.usage import UsageView
from tests.api.organization.conftest import Http, World, error_of
from tests.api.organization.endpoints import EXAMPLES, endpoints, ids, parts, path, patterns

EVERY = list(endpoints())
ALIKE = [(name, method) for name, method in EVERY if name.startswith("usage-")]
"""One view of many kinds; the whole matrix is gone through for one of them, and who is let in for each."""
ENDPOINTS = [endpoint for endpoint in EVERY if endpoint not in ALIKE[1:]]
every_endpoint = pytest.mark.parametrize(("name", "method"), ENDPOINTS, ids=[f"{m}-{n}" for n, m in ENDPOINTS])
KEPT = ("accounts", "api")
# The times of use are written by reading the keys, whoever holds them.
VOLATILE = {"last_used_at"}


def action_of(name: str, method: str) -> str:
    view: Any = patterns()[name].callback
    action: str = view.cls.actions[method]
    return action


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the tables of accounts and of the catalog."""
    found, quote = {}, connection.ops.quote_name
    with connection.cursor() as cursor:
        for meta in (model._meta for model in apps.get_models() if model._meta.app_label in KEPT):
            names = [str(field.column) for field in meta.concrete_fields if field.column not in VOLATILE]
            cursor.execute(f"SELECT {', '.join(map(quote, names))} FROM {meta.db_table} ORDER BY {quote(names[0])}")
            found[meta.label] = cursor.fetchall()
    return found


def aged(world: World, **when: Any) -> str:
    """The text of an admin key of the owner, after something happened to it."""
    key, token = ApiKey.issue(name="aged", organization=world.organization, user=world.owner, is_admin=True)
    ApiKey.objects.filter(pk=key.pk).update(**when)
    return token


CALLERS = {
    "member": lambda world: world.admin(Role.MEMBER),
    "viewer": lambda world: world.admin(Role.VIEWER),
    "ordinary key": lambda world: world.token,
    "revoked": lambda world: aged(world, revoked_at=timezone.now()),
    "expired": lambda world: aged(world, expires_at=timezone.now() - timedelta(seconds=1)),
    "unknown": lambda world: "sk-admin-lukhas-" + "x" * 43,
    "short": lambda world: "sk-1",
    "no key": lambda world: "",
}


def test_every_endpoint_of_the_urlconf_has_an_example_and_says_what_it_needs() -> None:
    assert set(EXAMPLES) == set(EVERY)
    for name, method in EVERY:
        assert action_of(name, method) in ACTIONS


def test_every_view_under_organization_is_for_admin_keys_only() -> None:
    from api.views.organization.urls import project_urlpatterns, urlpatterns

    for pattern in (*urlpatterns, *project_urlpatterns):
        view: Any = pattern.callback
        assert issubclass(view.cls, OrganizationView)
        assert view.cls.required_scope == "admin.*"


def test_kinds_of_usage_are_one_view_and_let_in_the_same_callers(http: Http, world: World, elsewhere: World) -> None:
    refused = {caller: http(token_of(world)) for caller, token_of in CALLERS.items()}
    ours, theirs = http(world.admin_token), http(elsewhere.admin_token)
    EXAMPLES["usage-completions", "get"].prepare(world)
    for name, method in ALIKE:
        view: Any = patterns()[name].callback
        assert view.cls.__mro__[1] is UsageView
        assert set(vars(view.cls)) - set(vars(UsageView)) <= {"get", "kind", "schema"}
        for caller, client in refused.items():
            forbidden = caller in ("member", "viewer", "ordinary key")
            error_of(client.request(method, path(name, world)), 403 if forbidden else 401)
        assert ours.request(method, path(name, world)).status_code == 200
        foreign = theirs.request(method, path(name, world))
        assert [bucket["results"] for bucket in foreign.json()["data"] if bucket["results"]] == []


@pytest.mark.unmeasured
@every_endpoint
def test_nobody_else_is_let_in_and_nothing_changes(name: str, method: str, http: Http, world: World) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    tokens = {caller: token_of(world) for caller, token_of in CALLERS.items()}
    before = rows()
    for caller, token in tokens.items():
        response = http(token).request(method, path(name, world), json=example.sent(world))
        if caller in ("member", "viewer", "ordinary key"):
            error = error_of(response, 403)
            assert error["code"] == "insufficient_permissions", caller
            assert "admin.*" in error["message"], caller
        else:
            error = error_of(response, 401)
            assert error["code"] == (None if caller == "no key" else "invalid_api_key"), caller
            assert response.headers["www-authenticate"].startswith("Bearer"), caller
        assert rows() == before, caller


@pytest.mark.unmeasured
@every_endpoint
def test_an_owner_is_let_in(name: str, method: str, http: Http, world: World) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    response = http(world.admin_token).request(method, path(name, world), json=example.sent(world))
    assert response.status_code == 200, response.text
    assert (response.headers.get("cache-control") == "no-store") == example.secret


@every_endpoint
def test_an_admin_is_let_in_where_no_owner_is_needed(name: str, method: str, http: Http, world: World) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    token = world.admin(Role.ADMIN)
    before = rows()
    response = http(token).request(method, path(name, world), json=example.sent(world))
    if ACTIONS[action_of(name, method)].least is Role.OWNER:
        error = error_of(response, 403)
        assert error["code"] == "insufficient_permissions"
        assert action_of(name, method) in error["message"]
        assert rows() == before
    else:
        assert response.status_code == 200, response.text


@pytest.mark.unmeasured
@every_endpoint
def test_what_another_organisation_has_is_not_there(
    name: str, method: str, http: Http, world: World, elsewhere: World
) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    example.prepare(elsewhere)
    before = rows()
    if parts(name):
        for client, home in ((http(elsewhere.admin_token), world), (http(world.admin_token), elsewhere)):
            response = client.request(method, path(name, home), json=example.sent(home))
            assert error_of(response, 404)["code"] == "not_found"
        assert rows() == before
    else:
        response = http(elsewhere.admin_token).request(method, path(name, world), json=example.sent(world))
        assert response.status_code == 200
        for id in ids(world, name).values():
            assert id not in response.text


@pytest.mark.unmeasured
@every_endpoint
def test_objects_of_another_organisation_are_not_reached_through_a_project_of_ones_own(
    name: str, method: str, http: Http, world: World, elsewhere: World
) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    before = rows()
    for part in parts(name)[1:]:
        foreign = path(name, world).replace(ids(world, name)[part], ids(elsewhere, name)[part])
        response = http(world.admin_token).request(method, foreign, json=example.sent(world))
        assert error_of(response, 404)["code"] == "not_found"
    assert rows() == before


@pytest.mark.unmeasured
@every_endpoint
def test_an_id_that_no_object_can_have_is_an_object_that_is_not_there(
    name: str, method: str, http: Http, world: World
) -> None:
    example = EXAMPLES[name, method]
    client = http(world.admin_token)
    before = rows()
    for strange in ("nothing", "%00", "%F0%9F%92%A9", "a" * 2000, "..%2e", "'; drop table--", "%ED%A0%80"):
        for part in parts(name):
            wrong = path(name, world).replace(ids(world, name)[part], strange)
            assert client.request(method, wrong, json=example.sent(world)).status_code == 404
    assert rows() == before


@every_endpoint
def test_other_methods_are_refused(name: str, method: str, http: Http, world: World) -> None:
    answered = {each for other, each in ENDPOINTS if other == name}
    view: Any = patterns()[name].callback
    client = http(world.admin_token)
    for other in {"get", "post", "put", "patch", "delete", "options"} - answered:
        response = client.request(other, path(name, world))
        if other in view.cls.unsupported:
            assert error_of(response, 404)["message"].endswith("is not supported by this server.")
            continue
        assert error_of(response, 405)["code"] == "method_not_allowed"
        assert {each.lower() for each in response.headers["allow"].split(", ")} - {"head"} == answered
