"""POST /v1/moderations in the document."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers

from api import exceptions as wire
from api.engines.moderation import CATEGORIES
from api.schema.errors import Examples
from api.schema.shapes import Field, shape, text


def by_category(name: str, description: str, each: Callable[[], Field]) -> Field:
    """An object with a member for each category."""
    return shape(name, description, {category: each() for category in CATEGORIES})()


def input_types() -> Field:
    return serializers.ListField(child=serializers.ChoiceField(choices=["text", "image"]))


Result = shape(
    "ModerationResult",
    "What is said of one input.",
    {
        "flagged": serializers.BooleanField(help_text="Whether any category is flagged."),
        "categories": by_category("ModerationCategories", "Which are flagged.", serializers.BooleanField),
        "category_scores": by_category(
            "ModerationScores", "How much speaks for each, from 0 to 1.", serializers.FloatField
        ),
        "category_applied_input_types": by_category(
            "ModerationInputTypes", "What of the input each score is of.", input_types
        ),
    },
)
CreateModerationResponse = shape(
    "CreateModerationResponse",
    "A result for each input, in the order of the inputs.",
    {
        "id": text("Of this answer, `modr-…`."),
        "model": text("The id of the model that answered; never an alias."),
        "results": Result(many=True),
    },
)
REQUESTS: dict[str, dict[str, Any]] = {
    "Plain": {"input": "I want to kill them."},
    "Several texts": {"model": "lukhas-moderation-1", "input": ["How do I kill a process?", "You are worthless."]},
    "One message": {"input": [{"type": "text", "text": "Look at this:"}, {"type": "text", "text": "a nice day."}]},
    "By an alias": {"model": "omni-moderation-latest", "input": "What a nice day."},
}
FLAGGED = ("harassment", "harassment/threatening", "violence")
EXAMPLE: dict[str, Any] = {
    "id": "modr-7f3a9c2e41d05b8864c1e0a2f93d",
    "model": "lukhas-moderation-1",
    "results": [
        {
            "flagged": True,
            "categories": {name: name in FLAGGED for name in CATEGORIES},
            "category_scores": {name: 0.91 if name in FLAGGED else 0.02 for name in CATEGORIES},
            "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
        }
    ],
}
ANSWERS: dict[str, Any] = {"Flagged": EXAMPLE}
ERRORS: Examples = {
    "Parameter missing": wire.MissingParameter("input"),
    "Wrong type": wire.InvalidType("input[1]", "a string", "an integer"),
    "Image not judged": wire.UnsupportedValue(
        "Unsupported value: 'image_url' is not supported with this model. Supported values are: 'text'.",
        param="input[1].type",
    ),
    "Unknown": wire.UnknownParameter("inputs"),
    "One input too long": wire.InputTooLong(8192, 9000),
    "All inputs too long": wire.TooManyTokens(300_000, 412_000),
}
