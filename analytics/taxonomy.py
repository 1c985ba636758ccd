"""What an event must look like. Pure: no database.

`EVENT` is the declaration of one event that the API document publishes, and what events are checked by: jsonschema-rs
makes the check from it. The schemas of properties, which staff write, are made into checks in the same way. None of
them fetches anything, and no pattern in them can take longer than in proportion to the text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

NAME = r"^[A-Za-z$][A-Za-z0-9_.:/$-]{0,99}\Z"
NAME_RULE = "begins with a letter or $, and has up to 100 letters of ASCII, digits and any of _ . : / $ -"
ID = "^[A-Za-z0-9._:+/=~-]{1,128}"
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "properties", "timestamp"],
    "additionalProperties": False,
    "properties": {
        "id": {
            "type": "string",
            "pattern": f"{ID}$",
            "description": "Which event it is: sent twice, it counts once. One without an id gets one.",
        },
        "event": {
            "type": "string",
            "pattern": NAME.replace(r"\Z", "$"),
            "description": "What happened, by a name of the organisation's taxonomy.",
        },
        "properties": {
            "type": "object",
            "additionalProperties": {},
            "description": "What is known about it, of the schema of its name.",
        },
        "timestamp": {
            "type": "string",
            "format": "date-time",
            "maxLength": 40,
            "description": "When, by the sender's clock: ISO 8601 with a zone.",
        },
        "session_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "description": "The visit. Only a keyed hash of it is kept.",
        },
        "user_id_hash": {
            "type": "string",
            "minLength": 1,
            "maxLength": 256,
            "description": "Who, best as a hash. Only a keyed hash of that is kept.",
        },
    },
}
LINEAR = jsonschema_rs.RegexOptions()
MOST_BYTES = 64 * 1024
"""How long a schema of properties may be."""

Validator = jsonschema_rs.Draft202012Validator
event_check: Validator = Validator(EVENT, pattern_options=LINEAR, offline=True)
events_check: Validator = Validator({"items": EVENT}, pattern_options=LINEAR, offline=True)
"""All events of a batch at once, which is how most are found to be well."""
never: Validator = Validator(False)
"""What nothing fits."""


class NotASchema(ValueError):
    """What is no JSON Schema, or one that would have to be fetched; told in a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the taxonomy. `check` is what its properties must fit, None where any will do; `limit` is how many a
    project may send within an hour, 0 for any number."""

    check: Validator | None = None
    limit: int = 0


Vocabulary = Mapping[str, Name]
UNLIMITED = Name()


def compiled(schema: object) -> Validator | None:
    """Returns the check that a schema of properties stands for (JSON Schema 2020-12); None where it is empty. Raises
    NotASchema."""
    if not isinstance(schema, dict):
        raise NotASchema("A schema is a JSON object")
    try:
        text = orjson.dumps(schema)
    except TypeError as error:
        raise NotASchema("A schema holds no whole number of more than 64 bits") from error
    if len(text) > MOST_BYTES:
        raise NotASchema(f"A schema has at most {MOST_BYTES} bytes")
    return _compiled(text) if schema else None


@lru_cache(maxsize=1024)
def _compiled(text: bytes) -> Validator:
    try:
        return Validator(orjson.loads(text), pattern_options=LINEAR, offline=True)
    except ValueError as error:
        raise NotASchema(f"This is no schema that can be used: {getattr(error, 'message', error)}") from error


def complaint(check: Validator, value: object) -> tuple[str, str] | None:
    """Returns the member of `value` that does not fit, or is missing, empty for `value` itself; and where in the schema
    that is said. None where all fits. Neither says anything of what members hold, nor of members that the schema does
    not name."""
    error = next(check.iter_errors(value), None)
    if error is None:
        return None
    place, keyword = error.instance_path, error.kind
    missing = [str(keyword.property)] if isinstance(keyword, jsonschema_rs.ValidationErrorKind.Required) else []
    return str([*place, *missing, ""][0]), "/".join(map(str, error.schema_path))
