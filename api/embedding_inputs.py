"""What every embedding backend does with its inputs first: token ids become text, and the limits are kept."""

import asyncio
from dataclasses import dataclass

from api.backends.contents import decoded
from api.catalog import Target
from api.engines import encodings
from api.engines.counting import INLINE_CHARACTERS, count
from api.exceptions import InputTooLong, TooManyTokens
from api.requests import EmbeddingRequest

MOST_PER_REQUEST = 300_000


async def texts_of(request: EmbeddingRequest, target: Target) -> list[str]:
    """The inputs as texts, token ids decoded with the encoding that the model declares.

    Raises `InvalidValue` for an id that the encoding does not have, and `TooManyTokens` for more than 300,000 ids.
    """
    ids = sum(len(given) for given in request.inputs if not isinstance(given, str))
    if ids > MOST_PER_REQUEST:
        raise TooManyTokens(MOST_PER_REQUEST, ids)
    if ids <= INLINE_CHARACTERS:
        return _decoded(request, target)
    return await asyncio.to_thread(_decoded, request, target)


def _decoded(request: EmbeddingRequest, target: Target) -> list[str]:
    alone = isinstance(request.body["input"], str) or isinstance(request.body["input"][0], int)
    return [decoded(given, target, "input" if alone else f"input[{at}]") for at, given in enumerate(request.inputs)]


@dataclass(frozen=True, slots=True)
class TokenisedInputs:
    """Inputs whose tokens are those of the model's declared encoding; `tokens` counts them all."""

    texts: list[str]
    tokens: int

    @classmethod
    async def of(cls, request: EmbeddingRequest, target: Target) -> "TokenisedInputs":
        """Raises what `texts_of` raises, `InputTooLong` for an input over the model's window, and `TooManyTokens` for
        a request over 300,000 tokens."""
        return await cls.counted(await texts_of(request, target), target)

    @classmethod
    async def counted(cls, texts: list[str], target: Target) -> "TokenisedInputs":
        """As `of`, where the inputs are texts."""
        window = target.context_window or MOST_PER_REQUEST
        counts = await count(encodings.encoding(target.encoding), texts, most=window, total=MOST_PER_REQUEST)
        if target.context_window is not None and counts[-1] > window:
            raise InputTooLong(window, counts[-1])
        total = sum(counts)
        if total > MOST_PER_REQUEST:
            raise TooManyTokens(MOST_PER_REQUEST, total)
        return cls(texts, total)
