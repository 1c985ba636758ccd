"""From the model a caller names to the target that answers."""

from api import catalog
from api.catalog import Target
from api.exceptions import InvalidRequest, ModelNotFound

ENDPOINTS = {"chat": "chat/completions", "completions": "completions", "embeddings": "embeddings"}


async def route(model: str, capability: str, project_id: str | None) -> Target:
    """The target for a model id or alias, for a caller of this project.

    Raises `ModelNotFound` for a name that leads nowhere, or that the project may not use, and `InvalidRequest` for a
    model that has not the capability asked for: `chat`, `completions` or `embeddings`.
    """
    target = (await catalog.current()).find(model, project_id)
    if target is None:
        raise ModelNotFound(model)
    if capability not in target.capabilities:
        raise InvalidRequest(
            f"The model `{model}` is not supported in the v1/{ENDPOINTS[capability]} endpoint.",
            param="model",
            code="model_not_supported",
        )
    return target
