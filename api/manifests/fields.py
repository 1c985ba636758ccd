"""What a field of the catalog takes from a file, and gives to it. Which fields there are the rows themselves say, by
what of them is audited."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import models

from features.problems import MAX_DEPTH, text_problem, value_problem

LONGEST = 1_000
MOST_DIGITS = 100
"""Before or after the point: enough for every field, and few enough to be written out."""


class NotTaken(ValueError):
    """What is wrong with a value, as the end of a sentence."""


def taken(field: Any, given: Any) -> Any:
    """Returns the value of the field that a file gives; of a relation the other row's name. Empty, or null, is the
    value of a field that may have none. Raises NotTaken."""
    if given is None or given == "":
        if field.null and not field.is_relation:
            return None
        if given is None:
            raise NotTaken("must not be null")
    if isinstance(field, models.BooleanField):
        if not isinstance(given, bool):
            raise NotTaken("must be true or false")
        return given
    if isinstance(field, models.DecimalField):
        return _decimal(given)
    if isinstance(field, models.FloatField):
        return float(_decimal(given))
    if isinstance(field, models.IntegerField):
        if isinstance(given, bool) or not isinstance(given, int):
            raise NotTaken("must be a whole number")
        return given
    return _table(given) if isinstance(field, models.JSONField) else _text(given)


def _decimal(given: Any) -> Decimal:
    """A number, or a text that is one. Of a float the shortest that reads the same."""
    try:
        amount = Decimal("NaN") if isinstance(given, bool) else Decimal(str(given))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount.adjusted()) > MOST_DIGITS:
        raise NotTaken("must be a number")
    return amount


def _table(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise NotTaken("must be a table")
    if problem := value_problem(plain := _plain(given)):
        raise NotTaken(problem)
    return dict(plain)


def _plain(value: Any, depth: int = 0) -> Any:
    """With floats for decimals, as deep as a value may nest."""
    if isinstance(value, Decimal):
        return float(value)
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {name: _plain(each, depth + 1) for name, each in value.items()}
    return [_plain(each, depth + 1) for each in value] if isinstance(value, list) else value


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise NotTaken("must be a text")
    if problem := text_problem(given, LONGEST):
        raise NotTaken(problem)
    return given


def given(value: Any) -> Any:
    """Returns the value of a field as a file has it: of a relation the other row's name; a decimal as a text, which is
    exact."""
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def shown(value: Any) -> str:
    """A value in words, for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = given(value)
    return "none" if text is None or text in ("", {}) else str(text)
