"""Everything in a request that a model may read: what callers wrote, in whichever place.

Images, sound and files are no text, and are not looked at; nor are the words of the protocol itself, such as roles,
types and ids.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.backends.contents import decoded
from api.catalog import Target
from api.exceptions import APIError
from api.guardian.rules import CannotTell, Looked
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, JSONObject

Written = ChatRequest | CompletionRequest | EmbeddingRequest
"""What is asked of policies. Whoever has a text moderated wants to know of it, and is no model's caller."""
Given = str | tuple[int, ...]

NOT_TEXT = frozenset({"role", "type", "id", "tool_call_id"})
LONGEST_WORD = 64
"""Characters of a value under such a name; what is longer is looked at all the same."""
NAMING = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions", "metadata"})
"""In what is under these, names are the caller's own."""
MEDIA = {"image_url": "url", "input_audio": "data", "file": "file_data"}
OWN = frozenset({"model", "messages", "prompt", "input"})
"""What of a body is no text, or is looked at for itself."""
CHOSEN = frozenset(
    {"encoding_format", "modalities", "reasoning_effort", "service_tier", "tool_choice", "truncation", "verbosity"}
)
"""What callers choose from words that are given."""


def given(request: Written) -> list[Given]:
    """What is to be looked at: the prompts or inputs first, in their order, where there are any. Copies nothing."""
    found: list[Given] = []
    if isinstance(request, ChatRequest):
        _gather(request.messages, found)
    else:
        found += request.prompts if isinstance(request, CompletionRequest) else request.inputs
    _gather({name: value for name, value in request.body.items() if name not in OWN and name not in CHOSEN}, found)
    return found


def size_of(found: Sequence[Given]) -> int:
    """How much work it is to look at all this, in characters; token ids count like some."""
    return len(found) + sum(map(len, found))


def looked_at(request: Written, found: Sequence[Given], target: Target) -> Looked:
    """The same as texts. Raises `InvalidValue` for a token id that the model's encoding does not have, and CannotTell
    where that encoding is not there."""
    name = "prompt" if isinstance(request, CompletionRequest) else "input"
    texts, further, ids = [], [], 0
    for at, one in enumerate(found):
        if isinstance(one, str):
            texts.append(one)
        else:
            ids += len(one)
            further.append(_decoded(one, target, f"{name}[{at}]"))
    if isinstance(request, ChatRequest):
        further += _joined(request.messages)
    return Looked(texts, further, ids, target.encoding)


def _decoded(ids: tuple[int, ...], target: Target, param: str) -> str:
    try:
        return decoded(ids, target, param)
    except APIError:
        raise
    except Exception as error:
        raise CannotTell(type(error).__name__) from error


def _joined(messages: Iterable[JSONObject]) -> list[str]:
    """The texts of messages that come in pieces, as models join them: or what is looked for could be cut in two."""
    found = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            pieces = [part["text"] for part in content if isinstance(part.get("text"), str)]
            if len(pieces) > 1:
                found.append("".join(pieces))
    return found


def _gather(value: Any, found: list[Given]) -> None:
    """Adds every text in some JSON."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, list | tuple):
            waiting.extend(reversed(one))
        elif isinstance(one, Mapping):
            for name, inner in one.items():
                if name in NAMING and isinstance(inner, Mapping):
                    found.extend(inner)
                    waiting.extend(inner.values())
                elif name in MEDIA and isinstance(inner, Mapping):
                    waiting.append({key: each for key, each in inner.items() if not _is_media(name, key, each)})
                elif not (name in NOT_TEXT and isinstance(inner, str) and len(inner) <= LONGEST_WORD):
                    waiting.append(inner)


def _is_media(name: str, key: str, value: Any) -> bool:
    """Whether it is what an image, a sound or a file consists of. An address of one is text."""
    return key == MEDIA[name] and not (name == "image_url" and isinstance(value, str) and value[:5] != "data:")
