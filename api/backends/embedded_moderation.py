"""The embedded moderation model behind the contract of a backend: the heuristic of `api.engines.moderation`.

Texts wait in the queue of the embedding model, beside those that callers want embedded; one of at most 24 word pieces
costs one embedding, a longer one an embedding a sentence. `usage` counts word pieces, as embeddings do.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence, Sized
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, NoReturn, cast

from api.backends import registry
from api.backends.base import Call, Delta, Judgements, TextDelta, Vectors
from api.backends.local import LocalBackend
from api.engines.minilm import MAX_PIECES, slices
from api.engines.moderation import Classifier, Scores, highest, segments
from api.exceptions import InputTooLong, UnsupportedParameter
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, ModerationRequest

if TYPE_CHECKING:
    from api.backends.embedded_embeddings import EmbeddedEmbeddingsBackend

INLINE_SEGMENTS = 8
"""Up to this many, comparing takes less than a change of threads is worth."""
PART_CHARACTERS = 8_192
"""A part of a text has no more word pieces than characters, and so is never too long for the tokeniser."""


def spans(groups: Iterable[Sized]) -> Iterator[tuple[int, int]]:
    """Where each group begins and ends among the members of all."""
    return pairwise(accumulate(map(len, groups), initial=0))


class EmbeddedModerationBackend(LocalBackend):
    """Has no threads of its own: the embedding model's do the work, and LUKHAS_EMBED_QUEUE bounds what waits."""

    def __init__(self) -> None:
        self.embedder = cast("EmbeddedEmbeddingsBackend", registry.backend("embedded-embeddings"))
        self.classifier = Classifier(self.embedder.model)

    @property
    def loaded(self) -> bool:
        return self.classifier.loaded

    def load(self) -> None:
        self.classifier.load()

    def fingerprint(self, call: Call) -> str:
        return self.embedder.fingerprint(call)

    async def judge(self, texts: Sequence[str], longest: int | None = None) -> Judgements:
        """The scores of each text, and the word pieces of all. Raises InputTooLong for a text of more pieces than
        `longest`, which is 8,192 at most, TooManyTokens for more than 300,000 of all texts, and Overloaded where the
        queue is full."""
        if not self.loaded:
            await asyncio.to_thread(self.load)
        cut, tokens = await self.embedder.off_loop(texts, lambda: self._cut(texts, longest))
        rows = await self.embedder.batcher.submit(list(chain.from_iterable(cut)))

        def compare() -> list[Scores]:
            pairs = zip(cut, spans(cut), strict=True)
            return [self.classifier.scores(one, rows[start:end]) for one, (start, end) in pairs]

        scores = compare() if len(rows) <= INLINE_SEGMENTS else await asyncio.to_thread(compare)
        return Judgements(scores, tokens)

    def _cut(self, texts: Sequence[str], longest: int | None) -> tuple[list[list[Sequence[int]]], int]:
        """The segments of each text, and the word pieces of all."""
        parts = [[text] if longest else list(slices(text, PART_CHARACTERS)) for text in texts]
        pieces = self.embedder.pieces_of(list(chain.from_iterable(parts)))
        whole = [list(chain.from_iterable(pieces[start:end])) for start, end in spans(parts)]
        for each in whole:
            if longest and len(each) > longest:
                raise InputTooLong(longest, len(each))
        return [segments(each) for each in whole], sum(map(len, whole))

    async def judgements(self, request: ModerationRequest, call: Call) -> Judgements:
        texts = [text for texts in request.inputs for text in texts]
        judged = await self.judge(texts, min(call.target.context_window or MAX_PIECES, MAX_PIECES))
        scores = [highest(judged.scores[start:end]) for start, end in spans(request.inputs)]
        return Judgements(scores, judged.input_tokens)

    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        self._refuse()

    def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        self._refuse()

    def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        """Reached only when staff say in the catalog that this model can do more."""
        raise UnsupportedParameter("model", "This model only moderates.")
