"""What a request may use, before it is answered: what is to be expected, cheaply and rather too much than too little,
and the most that it can be."""

from collections.abc import Iterable
from typing import Any

import orjson
from django.conf import settings

from api.catalog import Target
from api.defaults import most_tokens
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject, ModerationRequest, Request

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
"""What a message costs beside its text: its role and its ends."""
IMAGE_TOKENS = 765
"""An image of 1024 × 1024 in OpenAI's accounting."""
WRITTEN = ("text", "refusal")
"""The parts of a message that are in the request as text."""
TEMPLATE_TOKENS = 256
"""What a model's template may add beside what the request says: a system prompt of its own, how to call tools."""


def estimate(request: Request, target: Target) -> tuple[int, int]:
    """Returns the tokens to expect of the prompt and of the answer, all choices together.

    Text counts a token for every four bytes of UTF-8, token ids count themselves. Where the caller sets no maximum, an
    answer counts LUKHAS_ESTIMATED_OUTPUT_TOKENS; never more than what the context window leaves, where it is known.
    """
    if isinstance(request, EmbeddingRequest):
        return sum(map(_tokens, request.inputs)), 0
    if isinstance(request, ModerationRequest):
        written = sum(_tokens(text) for texts in request.inputs for text in texts)
        return written + len(request.images) * IMAGE_TOKENS, 0
    if isinstance(request, ChatRequest):
        prompt = _chat(request.messages) + _tools(request)
    else:
        prompt = sum(map(_tokens, request.prompts))
    most = _most(request, target)
    if most is None:
        most = settings.LUKHAS_ESTIMATED_OUTPUT_TOKENS
    if target.context_window is not None:
        most = min(most, max(0, target.context_window - prompt))
    return prompt, _answers(request) * most


def most_cost(request: Request, target: Target, prompt: int, answer: int) -> int:
    """Returns the most that a request can cost, in micro-dollars; `prompt` and `answer` are what is to be expected.

    A prompt has no more tokens than the request has bytes, for every token stands for one at least; an answer has no
    more than it is allowed; neither has more than the context window. Where nothing is a bound (no maximum and no
    known window, or an image and no known window), what is to be expected stands for it.
    """
    if not (target.input_price or target.output_price):
        return 0
    window = target.context_window
    bounds = [] if window is None else [_prompts(request) * window]
    if _is_written(request):
        bounds.append(len(orjson.dumps(request.body)) + TEMPLATE_TOKENS)
    most_prompt = max(prompt, min(bounds, default=0))
    if isinstance(request, EmbeddingRequest | ModerationRequest):
        return target.cost(most_prompt, 0)
    limits = [limit for limit in (_most(request, target), window) if limit is not None]
    return target.cost(most_prompt, max(answer, _answers(request) * min(limits, default=0)))


def _prompts(request: Request) -> int:
    """How many texts are read, each as long as the context window at most; one image is no longer than that."""
    if isinstance(request, ChatRequest):
        return 1
    if isinstance(request, ModerationRequest):
        return sum(map(len, request.inputs)) + len(request.images)
    return len(request.inputs if isinstance(request, EmbeddingRequest) else request.prompts)


def _is_written(request: Request) -> bool:
    """Whether all that is to be read is in the request as text."""
    if isinstance(request, ChatRequest):
        return all(map(_is_text, request.messages))
    return not isinstance(request, ModerationRequest) or not request.images


def _answers(request: ChatRequest | CompletionRequest) -> int:
    """How many answers are written, those included that are tried and not shown."""
    if isinstance(request, ChatRequest):
        return request.sampling.n
    return len(request.prompts) * max(request.sampling.n, _count(request.body.get("best_of")))


def _most(request: ChatRequest | CompletionRequest, target: Target) -> int | None:
    """The most tokens that each answer may have, as far as the caller or the model's defaults say."""
    return most_tokens(request, target.defaults) if target.defaults else request.sampling.max_tokens


def _is_text(message: JSONObject) -> bool:
    """Whether everything that a message says is in it as text: no image, sound or file, and none referred to."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return not message.get("audio") and all(part.get("type") in WRITTEN for part in parts)


def _chat(messages: Iterable[JSONObject]) -> int:
    total = 0
    for message in messages:
        content = message.get("content")
        total += MESSAGE_TOKENS
        if isinstance(content, str):
            total += _tokens(content)
        elif isinstance(content, list):
            total += sum(map(_part, content))
    return total


def _part(part: Any) -> int:
    """A part of a message: what is written by its length, everything else as an image."""
    text = part.get(part.get("type")) if isinstance(part, dict) and part.get("type") in WRITTEN else None
    return _tokens(text) if isinstance(text, str) else IMAGE_TOKENS


def _tools(request: ChatRequest) -> int:
    return len(orjson.dumps(request.body.get("tools"))) // BYTES_PER_TOKEN if request.tools else 0


def _tokens(text: str | tuple[int, ...]) -> int:
    if not isinstance(text, str):
        return len(text)
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
