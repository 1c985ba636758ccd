"""The default parameters of a model: what its upstream is asked for where the caller says nothing of it."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError

from api.exceptions import InvalidRequest
from api.parameters import CHAT, COMPLETIONS, EMBEDDINGS
from api.requests import ChatRequest, CompletionRequest, JSONObject
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings

CALLERS = frozenset(
    {"model", "messages", "prompt", "input", "stream", "stream_options", "n", "best_of", "encoding_format"}
)
"""What is the caller's alone to say: what the request is about, and the form that its answer has."""
MOST = ("max_completion_tokens", "max_tokens")
"""Two names of one parameter: whoever sends either means both."""

KNOWN = {"chat": CHAT, "completions": COMPLETIONS, "embeddings": EMBEDDINGS}
PATHS = {"chat": "chat/completions", "completions": "completions", "embeddings": "embeddings"}
TRIED: dict[str, Any] = {
    "chat": lambda told: parse_chat({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **told}),
    "completions": lambda told: parse_completion({"model": "m", "prompt": "Hi", **told}),
    "embeddings": lambda told: parse_embeddings({"model": "m", "input": "Hi", **told}),
}


def by_path(parameters: JSONObject, capabilities: Collection[str]) -> dict[str, dict[str, Any]]:
    """The parameters that go to each path of an upstream, and those paths only that get some.

    Each goes where OpenAI's specification has it; what is in none goes to chat and completions, which let it through.
    """
    unknown = {name for name in parameters if not any(name in known for known in KNOWN.values())}
    found = {}
    for capability, known in KNOWN.items():
        taken = known if capability == "embeddings" else known | unknown
        told = {name: value for name, value in parameters.items() if name in taken}
        if told and capability in capabilities:
            found[PATHS[capability]] = told
    return found


def complain(parameters: Any, capabilities: Collection[str]) -> None:
    """Raises ValidationError where a model of these capabilities cannot have these default parameters."""
    if not isinstance(parameters, dict):
        raise ValidationError({"default_parameters": "A JSON object of parameters and their values."})
    if forbidden := sorted(CALLERS.intersection(parameters)):
        raise ValidationError({"default_parameters": f"Only a caller says: {', '.join(forbidden)}."})
    told = by_path(parameters, capabilities)
    for capability, path in PATHS.items():
        try:
            TRIED[capability](told.get(path, {}))
        except InvalidRequest as error:
            raise ValidationError({"default_parameters": error.message}) from error


def merged(parameters: Mapping[str, Any], body: JSONObject) -> JSONObject:
    """The caller's body with what it says nothing of."""
    if any(body.get(name) is not None for name in MOST):
        parameters = {name: value for name, value in parameters.items() if name not in MOST}
    return {**parameters, **body}


def most_tokens(request: ChatRequest | CompletionRequest, parameters: Mapping[str, Mapping[str, Any]]) -> int | None:
    """The most tokens that each answer may have: what the caller says, else what these parameters do; None where
    nobody does."""
    path = PATHS["chat" if isinstance(request, ChatRequest) else "completions"]
    told = parameters.get(path, {})
    if any(request.body.get(name) is not None for name in MOST):
        return request.sampling.max_tokens
    return next((told[name] for name in MOST if told.get(name) is not None), request.sampling.max_tokens)
