"""The catalog as requests see it: a snapshot without SQL, and the way from a name to a target."""

import asyncio
import time
from collections.abc import Iterator

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from api import catalog
from api.catalog import Catalog, Target
from api.exceptions import InvalidRequest, ModelNotFound
from api.models import Alias, Deployment, Fallback, Model, Upstream
from tests.api.rollouts import routed
from tests.threads import in_thread


@pytest.fixture(autouse=True)
def fresh(database: None) -> Iterator[None]:
    """No snapshot of an earlier test."""
    catalog.forget()
    yield
    catalog.forget()


def remote(**fields: object) -> Model:
    """A model of a server elsewhere."""
    upstream = Upstream.objects.create(name="gpu", base_url="http://gpu:8000/v1/", api_key_env="GPU_KEY")
    return Model.objects.create(model_id="org/big:1", upstream=upstream, **fields)


def current() -> Catalog:
    return asyncio.run(catalog.current())


def test_a_target_tells_where_and_as_what_a_model_is_reached() -> None:
    remote(upstream_model="big", context_window=4096, encoding="o200k_base", embeddings=False)
    assert catalog.read().targets["org/big:1"] == Target(
        model="org/big:1",
        upstream="gpu",
        kind="openai",
        base_url="http://gpu:8000/v1",
        upstream_model="big",
        api_key_env="GPU_KEY",
        context_window=4096,
        encoding="o200k_base",
        capabilities=frozenset({"chat", "completions"}),
    )


def test_without_a_name_of_its_own_the_upstream_is_asked_for_the_models_id() -> None:
    remote()
    assert catalog.read().targets["org/big:1"].upstream_model == "org/big:1"


def test_the_catalog_is_read_in_five_queries_however_large(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    model = remote()
    for at in range(20):
        Alias.objects.create(name=f"alias-{at}", target=model)
        other = Model.objects.create(model_id=f"model-{at}", upstream=model.upstream)
        Deployment.objects.create(model=other, upstream=model.upstream, upstream_model="elsewhere")
        Fallback.objects.create(model=model, target=other)
    with django_assert_num_queries(5):
        assert len(catalog.read().targets) == 45


def test_disabled_models_and_their_aliases_are_not_there() -> None:
    Alias.objects.create(name="gone", target=remote(enabled=False))
    known = catalog.read()
    assert not {"gone", "org/big:1"} & (set(known.targets) | set(known.listed))


def test_models_and_aliases_are_listed_as_openai_lists_models() -> None:
    target = Model.objects.get(model_id="lukhas-echo-1")
    Alias.objects.create(name="fast", target=target)
    listed = orjson.loads(catalog.read().body)
    assert listed["object"] == "list"
    embedded = ["lukhas-chat-1", "lukhas-embed-1", "lukhas-moderation-1", "lukhas-echo-1"]
    assert [entry["id"] for entry in listed["data"]] == [*embedded, "fast"]
    alias = listed["data"][-1]
    assert set(alias) == {"id", "object", "created", "owned_by"}
    assert (alias["object"], alias["owned_by"]) == ("model", "echo")
    assert alias["created"] == int(target.created_at.timestamp())


def test_the_etag_changes_with_what_is_listed_and_with_nothing_else() -> None:
    before = catalog.read().etag
    assert catalog.read().etag == before
    remote()
    assert catalog.read().etag != before


async def test_a_name_leads_to_its_target_and_an_alias_to_the_models() -> None:
    await in_thread(lambda: Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-echo-1")))
    assert (await routed("lukhas-echo-1"))[0].model == "lukhas-echo-1"
    assert await routed("fast", "embeddings") == await routed("lukhas-echo-1", "embeddings")


async def test_a_name_that_leads_nowhere_is_not_found() -> None:
    with pytest.raises(ModelNotFound) as caught:
        await routed("nothing")
    assert caught.value.message == "The model `nothing` does not exist or you do not have access to it."


@pytest.mark.parametrize(
    ("model", "capability", "endpoint"),
    [
        ("lukhas-embed-1", "chat", "v1/chat/completions"),
        ("lukhas-embed-1", "completions", "v1/completions"),
        ("lukhas-chat-1", "embeddings", "v1/embeddings"),
    ],
)
async def test_a_model_is_refused_where_it_cannot_answer(model: str, capability: str, endpoint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await routed(model, capability)
    error = caught.value
    assert (error.status_code, error.code, error.param) == (400, "model_not_supported", "model")
    assert f"the {endpoint} endpoint" in error.message


def test_the_snapshot_is_read_once_while_it_is_young(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current()
    monkeypatch.setattr(catalog, "read", None)
    assert current() is first


@pytest.mark.parametrize("change", ["model", "upstream", "deployment", "fallback", "alias", "deletion"])
def test_a_change_in_this_process_is_seen_at_once(change: str) -> None:
    alias = Alias.objects.create(name="fast", target=remote())
    before = current()
    if change == "model":
        Model.objects.create(model_id="new", upstream=alias.target.upstream)
    elif change == "upstream":
        alias.target.upstream.base_url = "http://elsewhere/v1"
        alias.target.upstream.save()
    elif change == "deployment":
        Deployment.objects.create(model=alias.target, upstream=alias.target.upstream, upstream_model="elsewhere")
    elif change == "fallback":
        Fallback.objects.create(model=alias.target, target=Model.objects.get(model_id="lukhas-echo-1"))
    elif change == "alias":
        Alias.objects.create(name="quick", target=alias.target)
    else:
        alias.delete()
    assert current().targets != before.targets


def test_a_change_that_is_rolled_back_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current()
    with transaction.atomic():
        remote()
        assert current() is first
        transaction.set_rollback(True)
    assert current() is first


def test_a_change_elsewhere_is_seen_when_the_snapshot_has_aged(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current()
    Model.objects.filter(model_id="lukhas-echo-1").update(enabled=False)  # sends no signal
    assert current() is first
    monkeypatch.setattr(catalog, "MAX_AGE", 0)
    assert "lukhas-echo-1" not in current().targets


async def test_while_one_reads_anew_the_others_go_on_with_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await catalog.current()
    monkeypatch.setattr(catalog, "MAX_AGE", 0)
    reads = []
    read = catalog.read

    def slow_read() -> Catalog:
        reads.append(1)
        time.sleep(0.1)
        return read()

    monkeypatch.setattr(catalog, "read", slow_read)
    anew = asyncio.ensure_future(catalog.current())
    await asyncio.sleep(0.02)
    assert await catalog.current() is first
    assert await anew is not first
    assert len(reads) == 1


def test_a_catalog_that_is_read_anew_and_the_same_is_made_of_the_same_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = current()
    monkeypatch.setattr(catalog, "MAX_AGE", 0)
    again = current()
    assert again.read_at > first.read_at
    assert all(again.targets[name] is target for name, target in first.targets.items())
    Model.objects.filter(model_id="lukhas-echo-1").update(context_window=7)
    assert current().targets["lukhas-echo-1"].context_window == 7


def test_while_the_database_is_away_the_last_snapshot_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Catalog:
        raise OperationalError("no connection")

    first = current()
    monkeypatch.setattr(catalog, "MAX_AGE", 0)
    monkeypatch.setattr(catalog, "read", away)
    with capture_logs() as logs:
        assert current() is first
    assert [line["event"] for line in logs] == ["catalog_not_refreshed"]
    catalog.forget()
    with pytest.raises(OperationalError):
        current()


def test_a_name_is_a_models_or_an_aliass_never_both() -> None:
    alias = Alias.objects.create(name="fast", target=remote())
    with pytest.raises(ValidationError, match="An alias has this name"):
        Model(model_id="fast", upstream=alias.target.upstream).full_clean()
    with pytest.raises(ValidationError, match="A model has this id"):
        Alias(name="org/big:1", target=alias.target).full_clean()
    assert str(alias) == "fast"


def test_the_database_itself_refuses_what_makes_no_sense() -> None:
    model = remote()
    for make in (
        lambda: Upstream.objects.create(name="nowhere", base_url=""),
        lambda: Upstream.objects.create(name="inside", kind="echo", base_url="http://x/v1"),
        lambda: Model.objects.create(model_id="cheap", upstream=model.upstream, input_price=-1),
        lambda: Model.objects.create(model_id="org/big:1", upstream=model.upstream),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()
    with pytest.raises(ProtectedError):
        model.upstream.delete()
