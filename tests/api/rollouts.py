"""Making a rollout as staff would: two models of one kind, an alias, and a flag that says which of them answers."""

from typing import Any

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization
from accounts.principal import Principal
from api.catalog import Target
from api.models import Alias, Model, Upstream
from api.requests import EmbeddingRequest, Rollout
from api.routing import route
from features.models import Environment, Flag, FlagState

FLAG = "which-echo"
VARIANTS = {"current": "lukhas-echo-1", "next": "lukhas-echo-2"}


def make_flag(
    variants: dict[str, Any] | None = None,
    *,
    key: str = FLAG,
    organization: Organization | None = None,
    kind: str = "string",
    archived: bool = False,
    **state: Any,
) -> Flag:
    """A flag of the default organisation unless told otherwise, on in production with `state`."""
    home = organization or ensure_defaults()[0]
    flag = Flag.objects.create(organization=home, key=key, kind=kind, variants=variants or VARIANTS, archived=archived)
    state = {"enabled": True, **state}
    FlagState.objects.create(flag=flag, environment=Environment.objects.production(home), **state)
    return flag


def split(percent: int) -> list[dict[str, Any]]:
    """The rules that give `next` to so many per cent of callers."""
    weights = [{"variant": "next", "weight": percent}, {"variant": "current", "weight": 100 - percent}]
    return [{"split": {"weights": weights}}]


def make_models() -> Alias:
    """`lukhas-echo-2`, which can take the place of `lukhas-echo-1`; and `chat`, an alias of the first, rolled out."""
    Model.objects.create(model_id="lukhas-echo-2", upstream=Upstream.objects.get(kind="echo"), vector_space="echo")
    return Alias.objects.create(name="chat", target=Model.objects.get(model_id="lukhas-echo-1"), rollout=FLAG)


def somebody(**fields: Any) -> Principal:
    """A caller who is nobody in the database, unless told otherwise."""
    known: dict[str, Any] = {
        "key_id": "key_1",
        "key_name": "tests",
        "organization_id": "org-1",
        "organization": "default",
        "project_id": None,
        "project": None,
        "owner_kind": "service_account",
        "owner_id": "svc_acct_1",
        "scopes": frozenset({"model.request"}),
    }
    return Principal(**{**known, **fields})


async def routed(
    model: str, capability: str = "chat", body: dict[str, Any] | None = None, headers: dict[str, str] | None = None,
    **caller: Any,
) -> tuple[Target, Rollout | None]:  # fmt: skip
    """Where a request for this name goes."""
    request = EmbeddingRequest(model=model, inputs=(), body=body or {})
    return await route(request, capability, somebody(**caller), headers or {})
