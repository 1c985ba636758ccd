"""The embedded embedding model, all-MiniLM-L6-v2, behind the contract of a backend.

A text is cut into windows of 254 word pieces; the windows of all callers are batched together, and a text's vector is
the mean of its windows', weighted by their pieces and of unit length again. `usage` counts word pieces, without the
marks that the model adds to each window.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import ClassVar, NoReturn, TypeVar

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from api.backends.base import Call, Delta, TextDelta, Vectors
from api.backends.local import LocalBackend
from api.embedding_inputs import texts_of
from api.engines.batching import Batcher
from api.engines.minilm import (
    INLINE_CHARACTERS,
    MAX_PIECES,
    MAX_REQUEST_PIECES,
    MiniLM,
    TextTooLong,
    TooManyPieces,
    join,
    windows,
)
from api.exceptions import InputTooLong, TooManyTokens, UnsupportedParameter
from api.parameters import EMBEDDINGS
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest

CHUNK_PIECES = 512

T = TypeVar("T")


class EmbeddedEmbeddingsBackend(LocalBackend):
    """Runs on LUKHAS_EMBED_THREADS threads, one run of the model on each; LUKHAS_EMBED_QUEUE windows may wait."""

    # The model was not trained so that a vector could be cut short.
    EMBEDDING_PARAMETERS: ClassVar = EMBEDDINGS - {"dimensions"}

    def __init__(self) -> None:
        self.model = MiniLM(threads=1)
        self.batcher: Batcher[Sequence[int], NDArray[np.float32]] = Batcher(
            lambda batch: list(self.model.embed_windows(batch)),
            workers=settings.LUKHAS_EMBED_THREADS,
            max_weight=CHUNK_PIECES,
            weigh=lambda window: len(window) + 2,
            capacity=settings.LUKHAS_EMBED_QUEUE,
        )

    @property
    def loaded(self) -> bool:
        return self.model.loaded

    @property
    def waiting(self) -> int:
        return self.batcher.waiting

    def load(self) -> None:
        self.model.load()

    def fingerprint(self, call: Call) -> str:
        return "fp_minilm"

    async def vectors(self, request: EmbeddingRequest, call: Call) -> Vectors:
        texts = await texts_of(request, call.target)
        pieces = await self.off_loop(texts, lambda: self.pieces_of(texts))
        cut, counts = windows(pieces)
        rows = await self.batcher.submit(cut)
        return Vectors(join(rows, cut, counts), sum(map(len, pieces)))

    async def off_loop(self, texts: Sequence[str], work: Callable[[], T]) -> T:
        """What `work`, which tokenises these texts, returns: on a thread, unless they are short."""
        if self.loaded and sum(map(len, texts)) <= INLINE_CHARACTERS:
            return work()
        return await asyncio.to_thread(work)

    def pieces_of(self, texts: Sequence[str]) -> list[list[int]]:
        """The word pieces of each text. Raises InputTooLong and TooManyTokens."""
        try:
            return self.model.tokenise(texts)
        except TextTooLong as error:
            raise InputTooLong(MAX_PIECES, error.pieces, exact=error.exact) from error
        except TooManyPieces as error:
            raise TooManyTokens(MAX_REQUEST_PIECES, error.pieces, exact=False) from error

    def chat_deltas(self, request: ChatRequest, call: Call) -> AsyncGenerator[Delta]:
        self._refuse()

    def completion_deltas(self, request: CompletionRequest, call: Call) -> AsyncGenerator[TextDelta]:
        self._refuse()

    def _refuse(self) -> NoReturn:
        """Reached only when staff say in the catalog that this model can chat."""
        raise UnsupportedParameter("model", "This model only makes embeddings.")
