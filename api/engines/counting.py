"""How many tokens texts have, counted off the event loop where that takes long, and no further than is of interest."""

import asyncio
from collections.abc import Sequence
from functools import partial

import tiktoken

INLINE_CHARACTERS = 8_192
"""Up to this many, all texts together, counting takes less than a change of threads is worth."""
HEAD_CHARACTERS = 262_144
"""Of a longer text this much is counted first: when that is too much already, the rest is of no interest."""


async def count(encoding: tiktoken.Encoding, texts: Sequence[str], *, most: int, total: int) -> list[int]:
    """The tokens of each text. Once one text has more than `most`, or all together have more than `total`, it says no
    more of those that follow, and of that one text perhaps too few, but more than `most`."""
    counted = partial(_count, encoding, texts, most, total)
    if len(texts) + sum(map(len, texts)) <= INLINE_CHARACTERS:
        return counted()
    return await asyncio.to_thread(counted)


def _count(encoding: tiktoken.Encoding, texts: Sequence[str], most: int, total: int) -> list[int]:
    counts: list[int] = []
    for text in texts:
        counts.append(tokens_of(encoding, text, most))
        total -= counts[-1]
        if counts[-1] > most or total < 0:
            break
    return counts


def tokens_of(encoding: tiktoken.Encoding, text: str, most: int) -> int:
    """The number of tokens of a text; where that is more than `most`, perhaps that of its head alone."""
    if len(text) > HEAD_CHARACTERS:
        head = len(encoding.encode_to_numpy(text[:HEAD_CHARACTERS], disallowed_special=()))
        if head > most:
            return head
    return len(encoding.encode_to_numpy(text, disallowed_special=()))
