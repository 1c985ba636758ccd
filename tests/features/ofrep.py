"""OFREP 0.3.0 as a measure of what the server sends: the shapes of its answers, in JSON Schema and in our words.

Two things the protocol's own document cannot say: any value is also `no value` there, and every whole number is also a
float, so that "exactly one of" holds for none; here it is "one of". And DEFAULT is a reason of OpenFeature's that flag
servers send for a fall-through, which the document leaves out.
"""

from typing import Any

import httpx
import jsonschema

EVALUATE = "/ofrep/v1/evaluate/flags"
ADA: dict[str, Any] = {"context": {"targetingKey": "ada"}}
SCALARS = {"type": ["boolean", "string", "number"]}
METADATA = {"type": "object", "additionalProperties": SCALARS}
SUCCESS: dict[str, Any] = {
    "type": "object",
    "required": ["key", "reason"],
    "properties": {
        "key": {"type": "string"},
        "reason": {"enum": ["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "UNKNOWN"]},
        "variant": {"type": "string"},
        "value": {"type": ["boolean", "string", "number", "object"]},
        "metadata": METADATA,
    },
}
FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["key", "errorCode"],
    "properties": {
        "key": {"type": "string"},
        "errorCode": {"enum": ["PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL"]},
        "errorDetails": {"type": "string", "minLength": 1},
        "metadata": METADATA,
    },
}
NOT_FOUND: dict[str, Any] = {
    **FAILURE,
    "properties": {**FAILURE["properties"], "errorCode": {"enum": ["FLAG_NOT_FOUND"]}},
}
STREAM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "url"],
    "properties": {
        "type": {"enum": ["sse"]},
        "url": {"type": "string", "pattern": "^https?://"},
        "inactivityDelaySec": {"type": "integer", "minimum": 1},
    },
    "additionalProperties": False,
}
BULK: dict[str, Any] = {
    "type": "object",
    "required": ["flags"],
    "properties": {
        "flags": {"type": "array", "items": {"anyOf": [SUCCESS, FAILURE]}},
        "metadata": METADATA,
        "eventStreams": {"type": "array", "items": STREAM},
    },
}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type", "etag", "lastModified"],
    "properties": {
        "type": {"enum": ["refetchEvaluation"]},
        "etag": {"type": "string"},
        "lastModified": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": False,
}
BULK_FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["errorCode"],
    "properties": {"errorCode": {"type": "string"}, "errorDetails": {"type": "string", "minLength": 1}},
}
GENERAL: dict[str, Any] = {"type": "object", "required": ["errorDetails"], "properties": BULK_FAILURE["properties"]}


def checked(response: httpx.Response, *, bulk: bool = False) -> Any:
    """The body, which must be of the shape that the protocol has for its status."""
    body = response.json()
    schemas = {200: SUCCESS, 400: FAILURE, 404: NOT_FOUND} if not bulk else {200: BULK, 400: BULK_FAILURE}
    jsonschema.Draft202012Validator(schemas.get(response.status_code, GENERAL)).validate(body)
    assert response.headers["content-type"] == "application/json"
    if response.status_code == 200:
        for answer in body["flags"] if bulk else [body]:
            assert "variant" in answer or "errorDetails" in answer, "the reference provider cannot do without"
    else:
        assert body["errorDetails"], "the reference provider cannot do without"
    return body
