"""What every embedding backend does with its inputs first: token ids become text, and the limits are kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.catalog import Target
from api.engines import encodings
from api.exceptions import InputTooLong, InvalidValue, TooManyTokens
from api.requests import EmbeddingRequest

MOST_PER_REQUEST = 300_000


def texts_of(request: EmbeddingRequest, target: Target) -> list[str]:
    """The inputs as texts, token ids decoded with the encoding that the model declares.

    Raises `InvalidValue` for an id that the encoding does not have.
    """
    texts: list[str] = []
    for at, given in enumerate(request.inputs):
        if isinstance(given, str):
            texts.append(given)
            continue
        try:
            texts.append(encodings.decode(target.encoding, given))
        except ValueError as error:
            param = "input" if len(request.inputs) == 1 else f"input[{at}]"
            raise InvalidValue(f"Invalid '{param}': {error}", param=param) from error
    return texts


def check_tokens(counts: Sequence[int], target: Target) -> int:
    """The tokens of all inputs together.

    Raises `InputTooLong` for an input over the model's window, `TooManyTokens` for a request over 300,000.
    """
    longest = max(counts)
    if target.context_window is not None and longest > target.context_window:
        raise InputTooLong(target.context_window, longest)
    total = sum(counts)
    if total > MOST_PER_REQUEST:
        raise TooManyTokens(MOST_PER_REQUEST, total)
    return total


@dataclass(frozen=True, slots=True)
class TokenisedInputs:
    """Inputs whose tokens are those of the model's declared encoding."""

    texts: list[str]
    tokens: int

    @classmethod
    def of(cls, request: EmbeddingRequest, target: Target) -> "TokenisedInputs":
        """Raises what `texts_of` and `check_tokens` raise."""
        texts = texts_of(request, target)
        encoding = encodings.encoding(target.encoding)
        return cls(texts, check_tokens([len(encoding.encode_ordinary(text)) for text in texts], target))
