"""What a first start makes, and that later ones leave it alone."""

import re

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.bootstrap import ensure_defaults
from accounts.keys import digest
from accounts.models import ApiKey, User
from api.bootstrap import ensure_catalog
from api.models import Alias, Model, Upstream
from features.models import Environment
from tests.api.commands import run

pytestmark = pytest.mark.usefixtures("database")

TOKEN = re.compile(r"sk-lukhas-\w+")


def catalog() -> list[list[dict[str, object]]]:
    return [list(rows.objects.values()) for rows in (Upstream, Model, Alias)]


def test_the_embedded_models_are_there_with_what_they_can_do() -> None:
    rows = Model.objects.order_by("pk").values_list(
        "model_id", "upstream__name", "upstream__kind", "chat", "completions", "embeddings", "moderations", "enabled"
    )
    assert list(rows) == [
        ("lukhas-chat-1", "lukhas-chat", "embedded-chat", True, True, False, False, True),
        ("lukhas-embed-1", "lukhas-embeddings", "embedded-embeddings", False, False, True, False, True),
        ("lukhas-moderation-1", "lukhas-moderation", "embedded-moderation", False, False, False, True, True),
        ("lukhas-echo-1", "echo", "echo", True, True, True, False, True),
    ]
    assert Model.objects.get(model_id="lukhas-embed-1").context_window == 8192
    assert Model.objects.get(model_id="lukhas-chat-1").context_window


def test_what_is_made_is_valid() -> None:
    for row in (*Upstream.objects.all(), *Model.objects.all()):
        row.full_clean()


def test_a_second_time_nothing_changes() -> None:
    before = catalog()
    ensure_catalog()
    assert catalog() == before


def test_what_staff_changed_or_removed_stays_so() -> None:
    Upstream.objects.filter(kind="echo").update(name="parrot")
    Model.objects.filter(model_id="lukhas-echo-1").update(model_id="parrot-1", enabled=False, context_window=5)
    Model.objects.filter(model_id="lukhas-embed-1").delete()
    before = catalog()
    ensure_catalog()
    assert catalog() == before


def test_a_database_of_an_older_version_gets_the_moderation_model_by_its_next_start() -> None:
    Model.objects.filter(model_id="lukhas-moderation-1").delete()
    Upstream.objects.filter(kind="embedded-moderation").delete()
    before = list(Model.objects.order_by("pk"))
    run("bootstrap")
    assert list(Model.objects.exclude(model_id="lukhas-moderation-1").order_by("pk")) == before
    assert Model.objects.get(model_id="lukhas-moderation-1").upstream.kind == "embedded-moderation"


def test_names_that_staff_gave_to_something_else_before_stay_theirs() -> None:
    Model.objects.filter(model_id="lukhas-moderation-1").delete()
    Upstream.objects.filter(kind="embedded-moderation").delete()
    theirs = Alias.objects.create(name="lukhas-moderation-1", target=Model.objects.get(model_id="lukhas-echo-1"))
    before = catalog()
    ensure_catalog()
    assert catalog() == before
    theirs.delete()
    Upstream.objects.create(name="lukhas-moderation", kind="echo")
    before = catalog()
    ensure_catalog()
    assert catalog() == before


def test_what_is_missing_is_made_again() -> None:
    Model.objects.all().delete()
    Upstream.objects.filter(kind="echo").delete()
    ensure_catalog()
    assert list(Model.objects.values_list("model_id", flat=True)) == ["lukhas-echo-1"]


def test_the_first_start_prints_a_key_that_works_and_how_to_begin() -> None:
    out, err = run("bootstrap", "--port", "8123")
    token = TOKEN.findall(out)
    assert len(token) == 1
    key = ApiKey.objects.get(digest=digest(token[0]))
    assert (key.name, key.is_admin, key.state(timezone.now())) == ("default", False, "active")
    assert key.project == ensure_defaults()[1]
    assert "http://localhost:8123/v1" in out
    assert "http://localhost:8123/admin/" in out
    assert ".venv/bin/python manage.py createsuperuser" in out
    assert err == ""


def test_later_starts_print_and_make_no_key() -> None:
    first, _ = run("bootstrap")
    keys = list(ApiKey.objects.values())
    again, _ = run("bootstrap")
    assert TOKEN.search(first)
    assert not re.search(r"sk-", again)
    assert "http://localhost:8000/admin/" in again
    assert list(ApiKey.objects.values()) == keys


def test_where_all_keys_were_revoked_none_is_made_behind_the_staffs_back() -> None:
    run("bootstrap")
    ApiKey.objects.revoke()
    assert "sk-" not in run("bootstrap")[0]


def test_how_to_make_staff_is_not_told_where_there_are_some() -> None:
    User.objects.create_superuser("boss", "boss@example.com", "a long password indeed")
    assert "createsuperuser" not in run("bootstrap")[0]


def test_quiet_prints_the_first_key_all_the_same_for_it_cannot_be_shown_later() -> None:
    first, _ = run("bootstrap", "-v", "0")
    assert TOKEN.search(first)
    assert "http" not in first
    assert run("bootstrap", "-v", "0") == ("", "")


def test_an_empty_database_gets_everything() -> None:
    with transaction.atomic():
        Model.objects.all().delete()
        Upstream.objects.all().delete()
    out, _ = run("bootstrap")
    assert TOKEN.search(out)
    assert Model.objects.count() == 4
    environment = Environment.objects.get()
    assert (environment.key, environment.organization, environment.protected) == (
        "production",
        ensure_defaults()[0],
        False,
    )
    run("bootstrap")
    assert Environment.objects.get() == environment
