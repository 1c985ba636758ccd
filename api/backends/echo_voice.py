"""How the echo speaks: texts as tokens of an encoding, within the limits of a request, counted as they are said."""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from django.conf import settings

from api.backends.base import Call, Usage
from api.engines import encodings
from api.engines.counting import INLINE_CHARACTERS, count
from api.exceptions import ContextLengthExceeded, InvalidValue
from api.requests import Sampling

WINDOW = 131_072
"""Tokens of a prompt, where the catalog declares no window."""
MOST_TOKENS = 65_536
"""Tokens of an answer, all its choices together; a choice that has its share of them ends with `length`."""
SILENT = -100
_BREATH = 256
"""Tokens after which others have their turn on the event loop, and a caller who hung up is noticed."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be said: tokens, of whose text `characters` count, and why it ends there."""

    tokens: Sequence[int]
    characters: int
    reason: str


class Voice:
    """One request's. `usage` is what was read and said so far."""

    def __init__(self, call: Call, sampling: Sampling, choices: int) -> None:
        """Raises `InvalidValue` for a bias on a token that the encoding does not have."""
        self.declared = call.target.context_window
        self.encoding = encodings.encoding(call.target.encoding)
        self.sampling = sampling
        share = MOST_TOKENS // choices
        self.most = share if sampling.max_tokens is None else min(sampling.max_tokens, share)
        self.silenced = {token for token, bias in sampling.logit_bias.items() if bias <= SILENT}
        for token in sampling.logit_bias:
            if token >= self.encoding.n_vocab:
                raise InvalidValue(f"Invalid 'logit_bias': {token} is not a token id.", param="logit_bias")
        self.usage = Usage(0)

    async def read(self, param: str, texts: Sequence[str]) -> list[int]:
        """Counts the tokens of each text: of one prompt together where `param` is messages, else each a prompt. Raises
        `ContextLengthExceeded` where a prompt does not fit, or not with what is to be generated."""
        window = WINDOW if self.declared is None else self.declared
        together = param == "messages"
        counts = await count(self.encoding, texts, most=window, total=window if together else window * len(texts))
        used = sum(counts) if together else max(counts)
        wanted = used if self.declared is None else used + (self.sampling.max_tokens or 0)
        if wanted > window:
            raise ContextLengthExceeded(window, wanted, param)
        self.usage = Usage(sum(counts))
        return counts

    async def line(self, text: str, *, most: int | None = None, verbatim: bool = False) -> Line:
        """What is said of a text: up to the first stop string, without silenced tokens (both not where `verbatim`), and
        at most `most` tokens, or the request's own number."""
        most = self.most if most is None else most
        if len(text) <= INLINE_CHARACTERS:
            return self._line(text, most, verbatim)
        return await asyncio.to_thread(self._line, text, most, verbatim)

    def _line(self, text: str, most: int, verbatim: bool) -> Line:
        if self.silenced and not verbatim:
            tokens = [token for token in self.encoding.encode_ordinary(text) if token not in self.silenced]
            end = self._end(self.encoding.decode(tokens))
            whole = len(tokens) <= most or len(self.encoding.decode(tokens[:most])) >= end
        else:
            end = len(text) if verbatim else self._end(text)
            tokens = self.encoding.encode_ordinary(text[:end])
            whole = len(tokens) <= most
        return Line(tokens[:most], end, "stop" if whole else "length")

    def _end(self, text: str) -> int:
        """Where the first stop string begins, or the text ends."""
        return min((at for at in map(text.find, self.sampling.stop) if at >= 0), default=len(text))

    async def say(self, line: Line) -> AsyncGenerator[tuple[str, bytes, str | None]]:
        """Yields text, bytes and finish reason, token by token; the last item ends the line and has no bytes."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        left = line.characters
        wait = settings.LUKHAS_ECHO_CHUNK_SECONDS
        for token in line.tokens:
            if left <= 0:
                break
            if wait or self.usage.output_tokens % _BREATH == _BREATH - 1:
                await asyncio.sleep(wait)
            raw = self.encoding.decode_single_token_bytes(token)
            text = decoder.decode(raw)[:left]
            left -= len(text)
            self.usage = Usage(self.usage.input_tokens, self.usage.output_tokens + 1)
            yield text, raw, None
        yield decoder.decode(b"", final=True)[:left], b"", line.reason
