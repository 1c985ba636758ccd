"""The last step of making the document: what every operation and every answer has in common."""

from http import HTTPStatus
from typing import Any

from api import targeting
from api.idempotency import LONGEST_KEY

Schema = dict[str, Any]

DESCRIPTION = """\
An OpenAI-compatible API server. Point the official OpenAI SDK's `base_url` at `/v1` and give it a key:

```python
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="sk-lukhas-…")
```

Every error under `/v1` has the same envelope, `{"error": {"message", "type", "param", "code"}}`, and every answer the
request's id in `x-request-id`. Of duplicate keys in a JSON body the last wins; a body is at most 128 levels deep.

An answer with `stream: true` is a stream of server-sent events. Each `data:` line holds one JSON object of the shape
given under `text/event-stream`, and the last one `[DONE]`. Lines that begin with `:` are signs of life. What goes
wrong before the first event has a status of its own; what goes wrong later is one last event with the error's
envelope, and no `[DONE]`. Responses are streamed as events of their own, with names and without `[DONE]`.
"""
TAGS = [
    {"name": "Chat", "description": "A conversation with a model."},
    {
        "name": "Responses",
        "description": "An answer to an input: a chat in its newer form, of which nothing is stored.",
    },
    {"name": "Completions", "description": "A text that goes on: the older form."},
    {"name": "Embeddings", "description": "Texts as vectors."},
    {"name": "Moderations", "description": "Whether texts are harmful, and how."},
    {"name": "Models", "description": "What can be asked for."},
    {
        "name": "Feature flags",
        "description": "For people and their tools at `/api/features`, and for any OpenFeature SDK by OFREP.",
    },
    {
        "name": "Analytics",
        "description": "Events, from servers and pages, at `/api/analytics`, and what is kept of them.",
    },
    {
        "name": "Experiments",
        "description": "Which variant of a flag does better, and whether that can be chance, at `/api/experiments`.",
    },
    {"name": "Administration", "description": "Projects, keys, limits and the audit log; with an admin key."},
    {"name": "Audit", "description": "All that was done in an organisation, at `/api`, and the way back."},
    {"name": "Sessions", "description": "People who sign in, at `/api`: with user name and password, for a token."},
    {
        "name": "Health",
        "description": "Whether the server is alive, and whether it can do its work; no key needed. And its metrics.",
    },
]
PARAMETERS: Schema = {
    "ClientRequestId": {
        "name": "X-Client-Request-Id",
        "in": "header",
        "description": "An id of the caller's own, logged beside the request's id. ASCII.",
        "schema": {"type": "string", "maxLength": 512, "pattern": "^[ -~]*$"},
    },
    "Organization": {
        "name": "OpenAI-Organization",
        "in": "header",
        "description": "The organisation to act for; must be the key's own.",
        "schema": {"type": "string"},
    },
    "Project": {
        "name": "OpenAI-Project",
        "in": "header",
        "description": "The project to act for; must be the key's own.",
        "schema": {"type": "string"},
    },
}
TARGETING_KEY: Schema = {
    "name": targeting.HEADER,
    "in": "header",
    "description": "Who the caller acts for, where the model asked for is rolled out: one key always gets one model. "
    "Without it `safety_identifier`, `user`, the owner of the key or the project is taken, whichever is there first.",
    "schema": {"type": "string", "maxLength": targeting.MAX_LENGTH},
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A name of the caller's own for this request: asked again with the same key and body, within a day, "
    "it is not answered anew, but gets the same answer. Printable ASCII. Streams are answered anew.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]*[!-~][ -~]*$"},
}
OF_INFERENCE = {"TargetingKey": TARGETING_KEY, "IdempotencyKey": IDEMPOTENCY_KEY}
INFERENCE = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/moderations")


def _header(description: str, *, required: bool = True, **schema: Any) -> Schema:
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


HEADERS: Schema = {
    "x-request-id": _header("The id of this request, for the log.", pattern="^req_[0-9a-f]{32}$"),
    "openai-processing-ms": _header("How long the server took, in milliseconds.", type="integer", minimum=0),
    "openai-version": _header("The version of the wire.", enum=["2020-10-01"]),
    "openai-organization": _header("The organisation that the request was counted for."),
    "x-trace-id": _header("The OpenTelemetry trace, where there is one.", required=False, pattern="^[0-9a-f]{32}$"),
    "WWW-Authenticate": _header("How to send a key.", enum=['Bearer realm="OpenAI API"']),
    "Allow": _header("The methods that the URL answers."),
    "Retry-After": _header("In seconds.", type="integer", minimum=0),
    "Retry-After-Optional": _header("In seconds.", required=False, type="integer", minimum=0),
    "retry-after-ms": _header("In milliseconds.", required=False, type="integer", minimum=0),
    "x-should-retry": _header("`false` where trying again cannot help.", required=False, enum=["true", "false"]),
    "X-RateLimit-Limit": _header(
        "How many requests the caller may make in a window.", required=False, type="integer", minimum=1
    ),
    "X-RateLimit-Remaining": _header("How many are left.", required=False, type="integer", minimum=0),
    "ETag": _header("Changes when the list does."),
    "Flags-ETag": _header("Changes when an answer to this context could."),
    "Feature-ETag": _header("Changes when anything of the flag does."),
    "Cache-Control": _header("What is listed depends on the key, so only the caller's own cache may keep it."),
    "Vary": _header("What else the answer depends on."),
    "x-lukhas-variant": _header(
        "Which variant of a rollout answered, where the model asked for is rolled out; on errors, too.",
        required=False,
        pattern="^[A-Za-z0-9._-]{1,100}$",
    ),
    "x-lukhas-upstream": _header("The upstream that answered, or was asked last; on errors, too."),
    "idempotent-replayed": _header(
        "There where the answer was made before, for the same `Idempotency-Key`.", required=False, enum=["true"]
    ),
    "x-lukhas-attempts": _header("How often one was asked; on errors, too.", type="integer", minimum=1),
}
OF_ANSWERS = ("x-lukhas-variant", "x-lukhas-upstream", "x-lukhas-attempts", "idempotent-replayed")
ALWAYS = ("x-request-id", "openai-processing-ms", "openai-version", "openai-organization", "x-trace-id")
# By status, beside those: the header's name, and that of its component.
BY_STATUS = {
    "401": {"WWW-Authenticate": "WWW-Authenticate"},
    "405": {"Allow": "Allow"},
    "429": {
        "Retry-After": "Retry-After-Optional",
        "retry-after-ms": "retry-after-ms",
        "x-should-retry": "x-should-retry",
    },
    "503": {"Retry-After": "Retry-After"},
}
COUNTED = {"X-RateLimit-Limit": "X-RateLimit-Limit", "X-RateLimit-Remaining": "X-RateLimit-Remaining"}
TAGGED = ("createFeature", "retrieveFeature", "updateFeature", "killFeature", "restoreFeature")
EVENTS = "/api/analytics/events"
CACHED = {"ETag": "ETag", "Cache-Control": "Cache-Control", "Vary": "Vary"}


def complete(result: Schema, **_: Any) -> Schema:
    """drf-spectacular's last hook. Says what the document is about, adds the headers to all answers and those of
    callers to what takes a key, and writes once what several operations answer alike."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = TAGS
    shared: Schema = {}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
            operation["responses"] = {
                status: _once(status, response, shared) for status, response in operation["responses"].items()
            }
    components = result["components"]
    _without_marks(components["schemas"])
    components.update(parameters=PARAMETERS | OF_INFERENCE, headers=HEADERS, responses=shared)
    return result


def _complete(path: str, operation: Schema) -> None:
    with_key = path.startswith("/v1/")
    names = (*PARAMETERS, *(OF_INFERENCE if path in INFERENCE else ())) if with_key else ("ClientRequestId",)
    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)
    for status, response in operation["responses"].items():
        headers = {name: name for name in ALWAYS}
        if path.startswith("/api/") and path != EVENTS:  # these count by the limits of their key
            headers |= COUNTED
        if path != "/readyz" or status != "503":  # /readyz says with 503 what is missing, not when to come back
            headers |= BY_STATUS.get(status, {})
        if "/v1/models" in path and status in ("200", "304"):
            headers |= CACHED
        if path == "/ofrep/v1/evaluate/flags" and status in ("200", "304"):
            headers |= {"ETag": "Flags-ETag"}
        if path in INFERENCE and status == "200":
            headers |= {name: name for name in OF_ANSWERS}
        if path.startswith("/api/features") and status in ("200", "201") and operation["operationId"] in TAGGED:
            headers |= {"ETag": "Feature-ETag"}
        response["headers"] = {name: {"$ref": f"#/components/headers/{of}"} for name, of in headers.items()}


def _once(status: str, response: Schema, shared: Schema) -> Schema:
    """An error answer by reference, where it is the first with its status or the same as that; but what can be wrong
    with a request stays with its operation."""
    if int(status) <= HTTPStatus.BAD_REQUEST:
        return response
    name = HTTPStatus(int(status)).phrase.replace(" ", "")
    return {"$ref": f"#/components/responses/{name}"} if shared.setdefault(name, response) == response else response


def _without_marks(schema: Any) -> None:
    """Takes out what drf-spectacular's own hook for enumerations would have read."""
    if isinstance(schema, dict):
        schema.pop("x-spec-enum-id", None)
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _without_marks(inner)
