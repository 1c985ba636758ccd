"""The last step of making the document: what every operation and every answer has in common."""

from http import HTTPStatus
from typing import Any

Schema = dict[str, Any]

DESCRIPTION = """\
An OpenAI-compatible API server. Point the official OpenAI SDK's `base_url` at `/v1` and give it a key:

```python
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="sk-lukhas-…")
```

Every error has the same envelope, `{"error": {"message", "type", "param", "code"}}`, and every answer the request's
id in `x-request-id`. Of duplicate keys in a JSON body the last wins; a body is at most 128 levels deep.

An answer with `stream: true` is a stream of server-sent events. Each `data:` line holds one JSON object of the shape
given under `text/event-stream`, and the last one `[DONE]`. Lines that begin with `:` are signs of life. What goes
wrong before the first event has a status of its own; what goes wrong later is one last event with the error's
envelope, and no `[DONE]`.
"""
TAGS = [
    {"name": "Chat", "description": "A conversation with a model."},
    {"name": "Completions", "description": "A text that goes on: the older form."},
    {"name": "Embeddings", "description": "Texts as vectors."},
    {"name": "Models", "description": "What can be asked for."},
    {"name": "Administration", "description": "Projects, keys, limits and the audit log; with an admin key."},
    {"name": "Health", "description": "Whether the server is alive, and whether it can do its work. No key needed."},
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
    "ETag": _header("Changes when the list does."),
    "Cache-Control": _header("What is listed depends on the key, so only the caller's own cache may keep it."),
    "Vary": _header("What else the answer depends on."),
}
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
    components.update(parameters=PARAMETERS, headers=HEADERS, responses=shared)
    return result


def _complete(path: str, operation: Schema) -> None:
    with_key = path.startswith("/v1/")
    names = PARAMETERS if with_key else ("ClientRequestId",)
    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)
    for status, response in operation["responses"].items():
        headers = {name: name for name in ALWAYS}
        if with_key or status != "503":  # /readyz says with 503 what is missing, not when to come back
            headers |= BY_STATUS.get(status, {})
        if "/v1/models" in path and status in ("200", "304"):
            headers |= CACHED
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
