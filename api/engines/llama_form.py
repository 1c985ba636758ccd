"""Whether something is a JSON schema at all, and one of a size that can be looked at."""

from typing import Any

import jsonschema

from api.engines.llama_grammar import SchemaNotHeld

_MOST_NODES = 10_000


def check_form(schema: Any) -> None:
    """Raises SchemaNotHeld unless this is a JSON schema by the letter of its metaschema."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise SchemaNotHeld(tuple(str(step) for step in error.absolute_path), error.message[:200]) from error
    except RecursionError as error:
        raise SchemaNotHeld((), "the schema is nested too deeply") from error


def check_size(schema: Any) -> None:
    """Raises for a schema that it would take seconds to look at."""
    left, nodes = [schema], 0
    while left:
        one = left.pop()
        nodes += 1
        if nodes > _MOST_NODES:
            raise SchemaNotHeld((), "the schema is too large")
        left.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
