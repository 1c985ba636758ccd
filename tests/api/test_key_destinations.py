"""Who may have the key of an upstream sent where: on the staff pages, from the audit log, and by command."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.audit.context import Actor, acting
from accounts.audit.restoring import CannotRestore, restore
from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Membership, Organization, User
from api.key_destinations import choosable
from api.models import Upstream
from tests.api.commands import run

URL, ELSEWHERE = "http://gpu:8000/v1", "http://elsewhere:8000/v1"

Person = Callable[..., User]


@pytest.fixture
def gpu(database: None, settings: Settings) -> Upstream:
    settings.LUKHAS_UPSTREAM_KEY_VARS = ["LISTED_KEY"]
    return Upstream.objects.create(name="gpu", base_url=URL, api_key_env="GPU_KEY")


@pytest.fixture
def person(gpu: Upstream) -> Person:
    """Makes a superuser, who has a role in the server's own organisation or in another one."""

    def make(role: str = "", *, elsewhere: bool = False) -> User:
        user = User.objects.create_superuser("boss", "boss@example.com")
        home = Organization.objects.create(slug="other", name="Other") if elsewhere else ensure_defaults()[0]
        if role:
            Membership.objects.create(user=user, organization=home, role=role)
        return user

    return make


def save(user: User, row: Upstream | None, **fields: str) -> str:
    """Posts the form of an upstream's page. Returns why it was not saved; empty where it was."""
    client = Client()
    client.force_login(user)
    path = reverse("admin:api_upstream_add") if row is None else reverse("admin:api_upstream_change", args=[row.pk])
    answer = client.post(path, {"name": "gpu", "kind": "openai", "base_url": URL, "api_key_env": "GPU_KEY", **fields})
    return "" if answer.status_code == 302 else " ".join(map(str, answer.context["errors"]))


class TestAddress:
    """Another address for an upstream that has a key."""

    def test_an_owner_of_the_servers_own_organisation_changes_it(self, gpu: Upstream, person: Person) -> None:
        assert save(person("owner"), gpu, base_url=ELSEWHERE) == ""
        gpu.refresh_from_db()
        assert gpu.base_url == ELSEWHERE

    @pytest.mark.parametrize(
        ("role", "fields"),
        [("", {}), ("admin", {}), ("owner", {"elsewhere": True})],
        ids=["no role", "admin", "owner elsewhere"],
    )
    def test_nobody_else_does_and_the_page_says_why(
        self, gpu: Upstream, person: Person, role: str, fields: dict[str, bool]
    ) -> None:
        user, before = person(role, **fields), Upstream.objects.values().get(pk=gpu.pk)
        for key in ("GPU_KEY", "LISTED_KEY"):
            why = save(user, gpu, base_url=ELSEWHERE, api_key_env=key)
            assert f"The key in {key} would be sent to {ELSEWHERE}, and whoever answers there would have it." in why
            assert "Only an owner of the organisation" in why
            assert "manage.py add_upstream" in why
        assert Upstream.objects.values().get(pk=gpu.pk) == before

    def test_the_rest_of_it_and_a_slash_at_the_end_are_nobodys_secret(self, gpu: Upstream, person: Person) -> None:
        user = person()
        assert save(user, gpu, name="renamed", base_url=f"{URL}/") == ""
        assert save(user, gpu, base_url=ELSEWHERE, api_key_env="") == ""
        gpu.refresh_from_db()
        assert (gpu.base_url, gpu.api_key_env) == (ELSEWHERE, "")

    def test_one_without_a_key_may_be_anywhere(self, gpu: Upstream, person: Person) -> None:
        Upstream.objects.update(api_key_env="")
        assert save(person(), gpu, base_url=ELSEWHERE, api_key_env="") == ""


class TestVariable:
    """Which variables can be chosen."""

    def test_the_page_offers_those_that_are_listed_or_in_use_and_never_one_of_the_servers_own(
        self, gpu: Upstream, person: Person, settings: Settings
    ) -> None:
        settings.LUKHAS_UPSTREAM_KEY_VARS = ["LISTED_KEY", "SECRET_KEY", "LUKHAS_ANY"]
        client = Client()
        client.force_login(person())
        field = client.get(reverse("admin:api_upstream_add")).context["adminform"].form.fields["api_key_env"]
        assert [value for value, _ in field.choices] == ["", "GPU_KEY", "LISTED_KEY"]

    def test_any_other_is_refused_also_for_an_owner(self, person: Person) -> None:
        owner = person("owner")
        for name in ("HOME", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "LUKHAS_ANY"):
            assert f"{name} is not one of the available choices" in save(owner, None, name="x", api_key_env=name)
        assert not Upstream.objects.filter(name="x").exists()

    def test_a_listed_one_may_be_sent_to_a_new_upstream_by_whoever_adds_it(self, person: Person) -> None:
        assert save(person(), None, name="new", base_url=ELSEWHERE, api_key_env="LISTED_KEY") == ""
        assert Upstream.objects.get(name="new").api_key_env == "LISTED_KEY"

    def test_one_that_is_only_in_use_goes_on_to_where_it_is_sent_already(self, person: Person) -> None:
        user = person()
        assert save(user, None, name="again") == ""
        assert "would be sent to" in save(user, None, name="new", base_url=ELSEWHERE)
        assert set(Upstream.objects.filter(api_key_env="GPU_KEY").values_list("name", flat=True)) == {"gpu", "again"}


class TestLog:
    """A change that is taken back is a change."""

    @pytest.fixture
    def moved(self, gpu: Upstream) -> AuditEvent:
        Upstream.objects.filter(pk=gpu.pk).update(base_url=ELSEWHERE)
        return AuditEvent.objects.get(type="upstream.updated")

    @pytest.mark.parametrize("source", ["admin", "api"])
    def test_only_an_owner_takes_a_change_of_the_address_back(
        self, moved: AuditEvent, person: Person, source: Any
    ) -> None:
        user = person("admin")
        with acting(Actor("user", user.public_id), source), pytest.raises(CannotRestore, match="Only an owner"):
            restore(moved)
        assert Upstream.objects.get(name="gpu").base_url == ELSEWHERE
        Membership.objects.update(role="owner")
        with acting(Actor("user", user.public_id), source):
            restore(moved)
        assert Upstream.objects.get(name="gpu").base_url == URL

    def test_a_variable_that_is_no_longer_used_does_not_come_back(self, gpu: Upstream, person: Person) -> None:
        gpu.delete()
        with acting(Actor("user", person("owner").public_id), "admin"), pytest.raises(CannotRestore, match="List it"):
            restore(AuditEvent.objects.get(type="upstream.deleted"))

    def test_many_rows_at_once_are_no_way_around_it(self, gpu: Upstream, person: Person) -> None:
        with acting(Actor("user", person().public_id), "admin"), pytest.raises(ValidationError, match="Only an owner"):
            Upstream.objects.filter(pk=gpu.pk).update(base_url=ELSEWHERE)
        gpu.refresh_from_db()
        assert gpu.base_url == URL


def test_at_the_servers_command_line_any_variable_is_named_and_sent_anywhere(gpu: Upstream) -> None:
    run("add_upstream", "gpu", ELSEWHERE, "--api-key-env", "ANY_KEY")
    assert Upstream.objects.get(name="gpu").base_url == ELSEWHERE
    assert choosable(Upstream.objects.all()) == ["ANY_KEY", "LISTED_KEY"]
