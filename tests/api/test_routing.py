"""From the model a caller names to the target that answers."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from api import catalog
from api.exceptions import InvalidRequest, ModelNotFound
from api.models import Alias, Model
from api.routing import ENDPOINTS
from tests.api.rollouts import routed


async def test_a_model_is_found_by_its_id_and_its_aliases(database: None) -> None:
    echo = await sync_to_async(Model.objects.get)(model_id="lukhas-echo-1")
    await sync_to_async(Alias.objects.create)(name="parrot", target=echo)
    for name in ("lukhas-echo-1", "parrot"):
        assert (await routed(name))[0].model == "lukhas-echo-1"


async def test_a_name_that_leads_nowhere_is_not_found(database: None) -> None:
    with pytest.raises(ModelNotFound):
        await routed("absent")


@pytest.mark.parametrize(
    ("model", "capability"),
    [
        ("lukhas-embed-1", "chat"),
        ("lukhas-embed-1", "completions"),
        ("lukhas-embed-1", "responses"),
        ("lukhas-chat-1", "embeddings"),
    ],
)
async def test_a_model_without_the_capability_is_refused_by_the_endpoints_name(
    database: None, model: str, capability: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"`{model}` is not supported in the v1/{ENDPOINTS[capability]}") as caught:
        await routed(model, capability)
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (400, "model_not_supported", "model")


async def test_a_catalog_that_was_read_before_a_change_is_not_kept(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = catalog.read

    def changed_meanwhile() -> Any:
        known = read()
        catalog.forget()
        return known

    catalog.forget()
    with monkeypatch.context() as patched:
        patched.setattr(catalog, "read", changed_meanwhile)
        first = await catalog.current()
    assert await catalog.current() is not first
