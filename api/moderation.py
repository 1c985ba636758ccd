"""What the embedded moderation model says of texts, for whoever in this process wants to know."""

from collections.abc import Sequence
from typing import cast

from api.backends import registry
from api.backends.embedded_moderation import EmbeddedModerationBackend
from api.engines.moderation import CATEGORIES, FLAGGED

__all__ = ["CATEGORIES", "FLAGGED", "KIND", "scores"]

KIND = "embedded-moderation"


async def scores(texts: Sequence[str]) -> list[dict[str, float]]:
    """The scores of each text, from 0 to 1, by the categories of CATEGORIES; FLAGGED has the score of each from which
    on a text is flagged. A text without words, such as white space, scores 0.

    Texts may be of any length, but not more than 300,000 word pieces together: then it raises TooManyTokens. It raises
    Overloaded where the queue of the embedding model is full, and what loading raises where the model cannot be loaded
    (`WeightsMissing`). Texts wait in that queue with everybody's; loading is waited for.
    """
    model = cast("EmbeddedModerationBackend", registry.backend(KIND))
    return (await model.judge(texts)).scores
