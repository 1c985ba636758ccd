"""From the model a caller names to the target that answers."""

from collections.abc import Mapping
from typing import Any

from accounts.principal import Principal
from api import catalog, rollouts, targeting
from api.catalog import Target
from api.exceptions import InvalidRequest, ModelNotFound
from api.requests import Request, Rollout

ENDPOINTS = {
    "chat": "chat/completions",
    "completions": "completions",
    "embeddings": "embeddings",
    "moderations": "moderations",
    "responses": "responses",
}
BY_CHAT = "responses"
"""What models answer that answer chat."""


async def route(
    request: Request, capability: str, caller: Principal, headers: Mapping[str, Any]
) -> tuple[Target, Rollout | None]:
    """The target for a model id or alias, for this caller, and which rollout chose it, if one did. `headers` is the
    META of the request.

    Raises `ModelNotFound` for a name that leads nowhere, or that the project may not use, `InvalidRequest` for a model
    that has not the capability asked for: `chat`, `completions`, `embeddings`, `moderations` or `responses`, which is
    that of chat; and `InvalidValue` for a targeting key that cannot be.
    """
    key = targeting.presented(headers)
    known = await catalog.current()
    target = known.find(request.model, caller.project_id)
    if target is None:
        raise ModelNotFound(request.model)
    if ("chat" if capability == BY_CHAT else capability) not in target.capabilities:
        raise InvalidRequest(
            f"The model `{request.model}` is not supported in the v1/{ENDPOINTS[capability]} endpoint.",
            param="model",
            code="model_not_supported",
        )
    if request.model not in known.rollouts:
        return target, None
    return await rollouts.decide(known, target, request, caller, key, headers)
