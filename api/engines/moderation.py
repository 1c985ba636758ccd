"""The heuristic of the embedded moderation model: how near a text is to sentences that stand for a category. Pure: no
Django.

`moderation.json` has, for each category, such sentences (its prototypes), phrases that speak for it, and the margin by
which it must be nearer than what is harmless, for which `neutral` stands. A text is cut into its sentences. How like a
category one is says the mean cosine of its three nearest prototypes, and more where a phrase is in it. The score is a
logistic of how far that is beyond the highest of three bounds: a floor; the likeness of `neutral` and the margin; and a
little less than the category that is most alike, so that a threat is not taken for all that is near to threats. A text
has the highest score of its sentences, and a category no less than a narrower one of it. From a score of 0.5 on a text
is flagged.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from api.engines.minilm import MiniLM

CATEGORIES: tuple[str, ...] = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""Those of OpenAI's specification, in its order."""
FLAGGED: dict[str, float] = dict.fromkeys(CATEGORIES, 0.5)
"""The score from which on a text is flagged, by category."""
WIDER: Mapping[str, tuple[str, ...]] = {
    "harassment/threatening": ("harassment", "violence"),
    "hate/threatening": ("hate", "violence"),
    "illicit/violent": ("illicit",),
    "self-harm/intent": ("self-harm",),
    "self-harm/instructions": ("self-harm",),
    "sexual/minors": ("sexual",),
    "violence/graphic": ("violence",),
}
"""What a category is part of: whatever falls into it falls into those, too."""
SHORT, LEAST, LONGEST = 24, 8, 48
"""In word pieces: see `segments`."""

_DATA = Path(__file__).with_name("moderation.json")
_NEAREST = 3
_FLOOR = 0.3
_PHRASE = 0.1
_BEHIND = 0.1
_STEEP = 3.0
_SLOPE = 20.0
_ENDS = frozenset({999, 1012, 1025, 1029})
"""The pieces `!`, `.`, `;` and `?`."""

Scores = dict[str, float]
Rows = NDArray[np.float32]


class _Side(NamedTuple):
    """What a segment is compared with: the vectors of prototypes; of a category, its index and margin, too."""

    vectors: Rows
    margin: float = 0.0


def segments(pieces: Sequence[int]) -> list[Sequence[int]]:
    """The pieces of one text in segments: a text of at most SHORT is one, a longer one has its sentences, for among
    harmless ones a harmful one would not be seen. A sentence of fewer than LEAST goes with the next, one of more than
    LONGEST is cut there. None for a text without pieces."""
    if len(pieces) <= SHORT:
        return [pieces] if pieces else []
    found = []
    start = 0
    for stop, piece in enumerate(pieces, 1):
        size = stop - start
        ends = piece in _ENDS and pieces[stop : stop + 1] != [piece]
        if size == LONGEST or (ends and size >= LEAST) or stop == len(pieces):
            found.append(pieces[start:stop])
            start = stop
    return found


class Classifier:
    """Scores segments by their vectors. `load` must have been called; it may be from any thread."""

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._phrases: dict[int, list[tuple[tuple[int, ...], int]]] = {}
        self._sides: list[_Side] = []

    @property
    def loaded(self) -> bool:
        return bool(self._sides)

    def load(self) -> None:
        """Embeds the prototypes, once, in a second or two. Raises what the model raises."""
        with self._lock:
            if self.loaded:
                return
            data: dict[str, Any] = orjson.loads(_DATA.read_bytes())
            kinds = [data["categories"][name] for name in CATEGORIES]
            prototypes = [*(kind["prototypes"] for kind in kinds), data["neutral"]]
            vectors = self._model.embed(self._model.tokenise([text for texts in prototypes for text in texts]))
            cuts = np.cumsum([len(texts) for texts in prototypes])[:-1]
            margins = [*(kind["margin"] for kind in kinds), 0.0]
            phrases = defaultdict(list)
            for index, kind in enumerate(kinds):
                for pieces in self._model.tokenise(kind["phrases"]):
                    phrases[pieces[0]].append((tuple(pieces), index))
            self._phrases = dict(phrases)
            self._sides = [_Side(rows, margin) for rows, margin in zip(np.split(vectors, cuts), margins, strict=True)]

    def scores(self, cut: Sequence[Sequence[int]], rows: Sequence[Rows]) -> Scores:
        """The scores of one text, by category, from 0 to 1. `cut` are its segments, `rows` their vectors."""
        if not cut:
            return dict.fromkeys(CATEGORIES, 0.0)
        likeness = self._likeness(np.asarray(rows, dtype=np.float32))
        for at, segment in enumerate(cut):
            likeness[at, list(self._spoken_for(segment))] += _PHRASE
        margins = np.array([side.margin for side in self._sides[:-1]])
        harmful, neutral = likeness[:, :-1], likeness[:, -1:]
        behind = harmful.max(axis=1, keepdims=True) - harmful
        least = np.minimum.reduce([harmful - _FLOOR, harmful - neutral - margins, _STEEP * (_BEHIND - behind)])
        scores = 1 / (1 + np.exp(-_SLOPE * least.max(axis=0)))
        found = dict(zip(CATEGORIES, scores.tolist(), strict=True))
        for narrow, wider in WIDER.items():
            for name in wider:
                found[name] = max(found[name], found[narrow])
        return found

    def _likeness(self, rows: Rows) -> NDArray[np.float64]:
        """One row a segment, one column a category and one for what is neutral."""
        columns = [np.sort(rows @ side.vectors.T, axis=1)[:, -_NEAREST:].mean(axis=1) for side in self._sides]
        return np.stack(columns, axis=1).astype(np.float64)

    def _spoken_for(self, segment: Sequence[int]) -> set[int]:
        """The indices of the categories of which a phrase is in the segment."""
        return {
            index
            for at, piece in enumerate(segment)
            for phrase, index in self._phrases.get(piece, ())
            if tuple(segment[at : at + len(phrase)]) == phrase
        }


def flags(scores: Mapping[str, float]) -> dict[str, bool]:
    """Which categories a text is flagged for."""
    return {name: scores[name] >= FLAGGED[name] for name in CATEGORIES}


def highest(judged: Sequence[Scores]) -> Scores:
    """The scores of what has all these parts: of each category the highest."""
    return {name: max(scores[name] for scores in judged) for name in CATEGORIES}
