"""Columns that several models have."""

from django.core.validators import RegexValidator
from django.db import models

from features.problems import KEY_RULE, MAX_KEY

PATTERN = rf"^[A-Za-z0-9._-]{{1,{MAX_KEY}}}\Z"
"""What a key is, in the words that Python and PostgreSQL share."""


def key_field() -> "models.CharField[str, str]":
    """The key of a flag, an environment or a segment."""
    return models.CharField(max_length=MAX_KEY, validators=[RegexValidator(PATTERN, f"It {KEY_RULE}.")])


def variant_field(help_text: str) -> "models.CharField[str, str]":
    """The key of a variant; empty for none."""
    return models.CharField(max_length=MAX_KEY, blank=True, default="", help_text=help_text)


def keys_only(name: str, *fields: str) -> models.CheckConstraint:
    """That these columns hold keys."""
    condition = models.Q(**{f"{field}__regex": PATTERN for field in fields})
    return models.CheckConstraint(name=name, condition=condition, violation_error_message=f"A key {KEY_RULE}.")


def keys_or_empty(name: str, *fields: str) -> models.CheckConstraint:
    """That each of these columns holds a key, or nothing."""
    condition = models.Q()
    for field in fields:
        condition &= models.Q(**{field: ""}) | models.Q(**{f"{field}__regex": PATTERN})
    return models.CheckConstraint(name=name, condition=condition, violation_error_message=f"A key {KEY_RULE}.")
