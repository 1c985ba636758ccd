"""What an upstream answered to a trial, or why it did not, in words for staff."""

import os
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp.http import HttpProcessingError

from api.backends.upstream_errors import envelope
from lukhas_site.http.resolving import ForbiddenDestination

MOST_CHARACTERS = 300
MOST_NAMES = 1_000
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
REDIRECTS = range(300, 400)

JSON = dict[str, Any]


def shortened(text: str, key: str) -> str:
    """A text from elsewhere as it is shown: without the key, on one line, and not too long."""
    if key:
        text = text.replace(key, "***")
    text = " ".join(CONTROL.sub(" ", text).split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def of_failure(error: Exception, seconds: float) -> str:
    """Why there is no answer: the exception of aiohttp, or of the time that ran out after so many seconds."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, ForbiddenDestination):
        return "Link-local and metadata addresses are never called, nor names that lead there."
    if isinstance(error, TimeoutError):
        return f"No answer within {seconds:g} seconds."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"There is no server of the name {error.host}."
    if isinstance(error, aiohttp.ClientSSLError):
        return f"No TLS connection: {_reason(error)}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"No connection to {error.host}, port {error.port}: {_reason(cause)}."
    if isinstance(error, HttpProcessingError | aiohttp.ClientResponseError):
        return "What came is no HTTP. Is it the right port, and http or https as it should be?"
    return "The connection broke off before an answer was there."


def _reason(error: Any) -> str:
    """What the system, or the TLS library, calls it."""
    certificate = getattr(error, "certificate_error", None)
    if certificate is not None:
        return f"the certificate is not valid ({getattr(certificate, 'verify_message', '') or certificate})"
    cause = getattr(error, "os_error", error)
    reason = getattr(cause, "reason", None)
    if reason:
        return str(reason).replace("_", " ").lower()
    return os.strerror(cause.errno) if cause.errno else str(cause)


def of_status(status: int, headers: Mapping[str, str], body: bytes, *, keyed: bool) -> str:
    """What a status that is not 2xx means; `keyed` says whether a key was sent."""
    said = envelope(body).get("message")
    told = f" It says: {said}" if isinstance(said, str) and said else ""
    if status in REDIRECTS:
        return f"It redirects to {headers.get('Location', 'nowhere')}; redirects are not followed."
    if status in (401, 403):
        return f"It refuses the key.{told}" if keyed else f"It wants a key, and has none.{told}"
    if status == 404:
        return f"Not found. The base URL of most servers ends in /v1.{told}"
    if status == 429:
        return f"Its limit is reached.{told}"
    return f"It answers with an error.{told}"


def of_models(answer: JSON) -> tuple[str, ...] | None:
    """The names of the models that it lists; None where it lists none as OpenAI does."""
    data = answer.get("data")
    if not isinstance(data, list):
        return None
    names = (each.get("id") for each in data if isinstance(each, dict))
    return tuple(name for name in names if isinstance(name, str))[:MOST_NAMES]


def of_answer(capability: str, answer: JSON) -> str | None:
    """What an answer holds; None where it holds nothing of the kind."""
    if capability == "moderations":
        return _judgement(answer)
    said = _embedding(answer) if capability == "embeddings" else _text(capability, answer)
    return None if said is None else f"{said}{_tokens(answer.get('usage'))}"


def _embedding(answer: JSON) -> str | None:
    first = _first(answer.get("data"))
    vector = first.get("embedding")
    return f"A vector of {len(vector)} numbers." if isinstance(vector, list) else None


def _judgement(answer: JSON) -> str | None:
    """Moderations never say how many tokens they took."""
    flagged = _first(answer.get("results")).get("flagged")
    return f"It flags {'a harmless text' if flagged else 'nothing'}." if isinstance(flagged, bool) else None


def _text(capability: str, answer: JSON) -> str | None:
    choice = _first(answer.get("choices"))
    if capability == "chat":
        choice = choice["message"] if isinstance(choice.get("message"), dict) else {}
        if "content" not in choice:
            return None
        text = choice["content"]
    else:
        if "text" not in choice:
            return None
        text = choice["text"]
    return f"It says “{text}”." if isinstance(text, str) and text.strip() else "It says nothing in so few tokens."


def _first(items: Any) -> JSON:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def _tokens(usage: Any) -> str:
    if not isinstance(usage, dict) or not isinstance(usage.get("prompt_tokens"), int):
        return " It does not say how many tokens that took."
    counts = [f"{usage['prompt_tokens']} tokens in"]
    if isinstance(usage.get("completion_tokens"), int):
        counts.append(f"{usage['completion_tokens']} out")
    return f" {', '.join(counts)}."


def parsed(body: bytes) -> JSON | None:
    """The JSON object that an answer is; None where it is none."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
