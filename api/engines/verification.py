"""Whether a value satisfies a JSON schema, found out in bounded time: schemas come from callers, and may be hostile.

Keywords are those of JSON Schema 2020-12, https://json-schema.org/draft/2020-12. A schema is refused that is not one,
that is too large, or that holds what cannot be bounded: regular expressions, references that depend on how a place was
come to, and other dialects below the root. Nothing is ever fetched: a reference to another document leads nowhere.

The interpreter's own limit of recursion is no help: what jsonschema keeps its references in is native code, which
panics where that limit is met.
"""

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jsonschema
from jsonschema.validators import extend
from referencing import Registry

MOST_NODES = 2_000
"""Members and items of a schema, all levels together."""
MOST_STEPS = 10_000
"""Keywords looked at for one value. References make a small schema look at itself any number of times."""
MOST_LEVELS = 64
"""Keywords within keywords, references followed; each takes some five calls of the interpreter."""
MOST_NESTED = 128
"""Objects and arrays within each other in a schema."""
MOST_UNIQUE = 500
"""Items that `uniqueItems` may compare: each with each other, in the worst case."""
UNBOUNDED = ("patternProperties", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef")


@dataclass(slots=True)
class _Budget:
    steps: int = MOST_STEPS
    level: int = 0


_budget: ContextVar[_Budget] = ContextVar("budget")


class Unverifiable(ValueError):
    """The schema is none, or is more than may be looked at; or the value does not satisfy it. Holds no prompt."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises Unverifiable for what is no schema, or is none that `verify` would look at."""
    _measure(schema)
    try:
        jsonschema.Draft202012Validator.check_schema(_without_dialect(schema))
    except jsonschema.SchemaError as error:
        place = "".join(f"[{step!r}]" for step in error.absolute_path)
        raise Unverifiable(f"{error.message[:200]} (at {place[:200] or 'its root'})") from error


def verify(value: Any, schema: Mapping[str, Any]) -> None:
    """Raises Unverifiable unless the value satisfies the schema, which `check_schema` has let pass; and whatever
    comes of references that lead to no schema or out of the document."""
    _budget.set(_Budget())
    error = next(_Bounded(_without_dialect(schema), registry=Registry()).iter_errors(value), None)
    if error is not None:
        raise Unverifiable(f"no value was found that satisfies '{error.validator or False}'")


def _without_dialect(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "$schema"}


def _measure(schema: Mapping[str, Any]) -> None:
    """Looks for what cannot be bounded wherever it stands: a reference can make a schema of any object."""
    nodes = 0
    places: list[tuple[int, Any]] = [(1, _without_dialect(schema))]
    while places:
        level, place = places.pop()
        if isinstance(place, Mapping):
            if isinstance(place.get("pattern"), str):
                raise Unverifiable("'pattern' is not supported")
            if found := [word for word in UNBOUNDED if place.get(word) is not None]:
                raise Unverifiable(f"'{found[0]}' is not supported")
            if isinstance(place.get("$schema"), str):
                raise Unverifiable("'$schema' is only supported at the root")
            places.extend((level + 1, one) for one in place.values())
        elif isinstance(place, list):
            places.extend((level + 1, one) for one in place)
        nodes += 1
        if nodes + len(places) > MOST_NODES:
            raise Unverifiable(f"it has more than {MOST_NODES} members and items")
        if level > MOST_NESTED:
            raise Unverifiable(f"it is nested more than {MOST_NESTED} deep")


_Keyword = Callable[[Any, Any, Any, Any], Any]


def _counted(keyword: _Keyword) -> _Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        budget.steps -= 1
        budget.level += 1
        if budget.steps < 0 or budget.level > MOST_LEVELS:
            raise Unverifiable("it refers to itself, or takes too many steps to verify")
        try:
            yield from keyword(validator, value, instance, schema) or ()
        finally:  # also where the first error is enough
            budget.level -= 1

    return counted


def _unique(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
    if value and isinstance(instance, list) and len(instance) > MOST_UNIQUE:
        raise Unverifiable(f"'uniqueItems' is only supported for up to {MOST_UNIQUE} items")
    return jsonschema.Draft202012Validator.VALIDATORS["uniqueItems"](validator, value, instance, schema)


_extend: Any = extend  # it has no types
_Bounded: Any = _extend(
    jsonschema.Draft202012Validator,
    {
        name: _counted(keyword)
        for name, keyword in {**jsonschema.Draft202012Validator.VALIDATORS, "uniqueItems": _unique}.items()
    },
)
