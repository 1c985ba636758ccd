"""The error answers: their shape, when each comes, and examples that the error module itself has rendered."""

from collections.abc import Mapping
from time import perf_counter

import orjson
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.exceptions import UnsupportedMediaType

from accounts.exceptions import KeyInvalid, KeyMissing, OrganizationMismatch, ProjectMismatch, ScopeMissing
from api import exceptions as wire
from api.errors import render
from api.refusals import KeyInUse, KeyReused, QuotaExceeded, RateLimited, UpstreamsDown
from api.schema.shapes import NULLABLE, shape, text
from lukhas_site.http.exchange import Exchange
from lukhas_site.http.problems import BadClientRequestId, BodyTooLarge

Examples = Mapping[str, Exception]

Error = shape(
    "Error",
    "What went wrong. All four members are always there.",
    {
        "message": text("For people."),
        "type": text("The kind of error: `invalid_request_error`, `server_error` and so on."),
        "param": text("The parameter at fault as a path, `messages[0].role`.", **NULLABLE),
        "code": text("For programs: `model_not_found`, `rate_limit_exceeded` and so on.", **NULLABLE),
    },
)
ErrorResponse = shape("ErrorResponse", "The envelope of every error.", {"error": Error()})

DESCRIPTIONS = {
    400: "The request is at fault: `param` says where, `code` how.",
    401: "There is no key, or one that is not valid here.",
    403: "The key is good, but may not do this.",
    404: "There is no such model, or the key may not use it.",
    405: "The URL does not answer this method; `Allow` says which it does.",
    409: "The `Idempotency-Key` is in use, or was used for another request.",
    413: "The body is larger than the server accepts.",
    415: "The body is not declared as JSON.",
    429: "A limit is reached. `Retry-After` says when to try again; without it, trying again does not help.",
    500: "The server failed. The message holds the request id and nothing of the cause.",
    502: "The upstream that should have answered failed to.",
    503: "Out of a resource for the moment: try again after `Retry-After` seconds.",
    504: "The upstream that should have answered did not do so in time.",
}

# A code for each status that any endpoint can give, whatever it does.
ANYWHERE: Mapping[int, Examples] = {
    400: {"Client request id": BadClientRequestId()},
    405: {"Wrong method": wire.MethodNotAllowed("PUT", ["POST"])},
    413: {"Too large": BodyTooLarge(20 * 1024 * 1024)},
    500: {"Crash": wire.ServerError("req_5f1e4c0a9d7b4f6e8c2a1b3d5e7f9a0b")},
}
WITH_KEY: Mapping[int, Examples] = {
    401: {
        "No key": KeyMissing(),
        "Wrong key": KeyInvalid("sk-lu***wxyz"),
        "Wrong organisation": OrganizationMismatch(),
        "Wrong project": ProjectMismatch(),
    },
    403: {"Scope missing": ScopeMissing(("model.request",))},
    429: {
        "Requests per minute": RateLimited(
            unit="requests",
            model="lukhas-chat-1",
            project="proj_default",
            limit=60,
            used=60,
            requested=1,
            retry_after=1.378,
        ),
        "Tokens per minute": RateLimited(
            unit="tokens",
            model="lukhas-chat-1",
            project="proj_default",
            limit=10_000,
            used=9_800,
            requested=500,
            retry_after=1.8,
        ),
        "Budget used up": QuotaExceeded(),
    },
    503: {"Overloaded": wire.Overloaded()},
}
WITH_MODEL: Mapping[int, Examples] = {
    404: {"Unknown model": wire.ModelNotFound("gpt-9")},
}
INFERENCE: Mapping[int, Examples] = {
    409: {"Key in use": KeyInUse(), "Key used otherwise": KeyReused()},
    415: {"Not JSON": UnsupportedMediaType("text/plain")},
    502: {"Upstream failed": wire.UpstreamError()},
    503: {"No upstream answers": UpstreamsDown(["big", "small"], 7)},
    504: {"Upstream too slow": wire.UpstreamTimeout()},
}
NOT_JSON: Examples = {"Not JSON": wire.NotParsable()}


def responses(
    *tables: Mapping[int, Examples], descriptions: Mapping[int, str] = DESCRIPTIONS
) -> dict[int, OpenApiResponse]:
    """The error answers of an operation, by status, from these tables together; `descriptions` say what each status
    means there."""
    merged: dict[int, dict[str, Exception]] = {}
    for table in tables:
        for status, examples in table.items():
            merged.setdefault(status, {}).update(examples)
    return {
        status: OpenApiResponse(
            ErrorResponse,
            description=descriptions[status],
            examples=[example(title, status, error) for title, error in merged[status].items()],
        )
        for status in sorted(merged)
    }


def example(title: str, status: int, error: Exception) -> OpenApiExample:
    """The envelope as the server would send it. Raises ValueError where its status is another one."""
    exchange = Exchange(
        request_id="req_5f1e4c0a9d7b4f6e8c2a1b3d5e7f9a0b",
        method="POST",
        path="/v1/chat/completions",
        started=perf_counter(),
        organization="default",
    )
    rendered, _, body = render(error, exchange)
    if rendered != status:
        raise ValueError(f"{error!r} is answered with {rendered}, not {status}.")
    return OpenApiExample(title, value=orjson.loads(body), response_only=True)
