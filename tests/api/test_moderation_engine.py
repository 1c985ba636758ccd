"""The heuristic of the embedded moderation model: what is compared with what, and how texts are cut."""

from typing import Any

import numpy as np
import orjson
import pytest

from api.engines import moderation
from api.engines.moderation import CATEGORIES, FLAGGED, LONGEST, SHORT, WIDER, Classifier, flags, highest, segments

FULL_STOP, COMMA, WORD = 1012, 1010, 3000
DATA = orjson.loads(moderation._DATA.read_bytes())


class Flat:
    """A model whose texts are numbers: `3` points along the third axis, `3.4` nearly so."""

    def __init__(self) -> None:
        self.embedded = 0

    def tokenise(self, texts: Any) -> list[list[int]]:
        return [[len(text), *map(ord, text)] for text in texts]

    def embed(self, pieces: Any) -> Any:
        self.embedded += 1
        return np.eye(16, dtype=np.float32)[[piece[0] % 16 for piece in pieces]]


def test_the_categories_are_those_of_the_specification_each_with_prototypes_phrases_and_a_margin() -> None:
    assert tuple(DATA["categories"]) == CATEGORIES
    assert len(CATEGORIES) == len(FLAGGED) == 13
    for kind in DATA["categories"].values():
        assert len(kind["prototypes"]) >= 9
        assert kind["phrases"]
        assert 0 < kind["margin"] < 0.2
    texts = [*DATA["neutral"], *(text for kind in DATA["categories"].values() for text in kind["prototypes"])]
    assert len({text.casefold() for text in texts}) == len(texts)


def test_a_short_text_is_one_segment_and_one_without_words_none() -> None:
    assert segments([]) == []
    short = [WORD, FULL_STOP] * (SHORT // 2)
    assert segments(short) == [short]


def test_a_long_text_is_cut_into_its_sentences_but_for_very_short_ones() -> None:
    sentence = [WORD] * 11 + [FULL_STOP]
    assert [len(each) for each in segments(sentence * 3 + [WORD])] == [12, 12, 12, 1]
    assert [len(each) for each in segments([WORD, FULL_STOP, *sentence, *sentence])] == [14, 12]
    assert [len(each) for each in segments([*sentence, FULL_STOP, FULL_STOP, *sentence])] == [14, 12]


def test_a_sentence_without_an_end_is_cut_where_the_room_ends() -> None:
    pieces = [WORD, COMMA] * 50
    cut = segments(pieces)
    assert [len(each) for each in cut] == [LONGEST, LONGEST, 4]
    assert [piece for each in cut for piece in each] == pieces


def test_the_prototypes_are_embedded_once() -> None:
    model: Any = Flat()
    classifier = Classifier(model)
    assert not classifier.loaded
    classifier.load()
    classifier.load()
    assert classifier.loaded
    assert model.embedded == 1


def test_a_text_without_words_scores_nothing() -> None:
    model: Any = Flat()
    classifier = Classifier(model)
    classifier.load()
    assert classifier.scores([], []) == dict.fromkeys(CATEGORIES, 0.0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Classifier:
    """Category number n is at axis n, its phrase is n times `a`; what is neutral is at the last axis."""
    kinds = {
        name: {"margin": 0.1, "phrases": ["a" * (at + 1)], "prototypes": ["x" * (at + 1)] * 3}
        for at, name in enumerate(CATEGORIES)
    }
    file = tmp_path / "moderation.json"
    file.write_bytes(orjson.dumps({"neutral": ["x" * 15], "categories": kinds}))
    monkeypatch.setattr(moderation, "_DATA", file)
    model: Any = Flat()
    classifier = Classifier(model)
    classifier.load()
    return classifier


def toward(**axes: float) -> Any:
    """A vector by the names of categories, and `neutral`."""
    row = np.zeros(16, dtype=np.float32)
    for name, value in axes.items():
        row[15 if name == "neutral" else CATEGORIES.index(name.replace("_", "-")) + 1] = value
    return row


def test_what_is_like_a_category_and_not_like_what_is_harmless_is_flagged(made: Classifier) -> None:
    found = flags(made.scores([[WORD]], [toward(hate=0.6, neutral=0.4)]))
    assert [name for name, flagged in found.items() if flagged] == ["hate"]
    assert not any(flags(made.scores([[WORD]], [toward(hate=0.6, neutral=0.55)])).values()), "within the margin"
    assert not any(flags(made.scores([[WORD]], [toward(hate=0.25, neutral=-0.5)])).values()), "below the floor"


def test_only_what_is_nearly_as_like_as_the_likeliest_is_flagged_beside_it(made: Classifier) -> None:
    found = made.scores([[WORD]], [toward(hate=0.8, sexual=0.75, illicit=0.6)])
    assert [name for name, flagged in flags(found).items() if flagged] == ["hate", "sexual"]


def test_a_phrase_tips_the_scales_for_its_category(made: Classifier) -> None:
    row = toward(hate=0.55, neutral=0.5)
    phrase = [3, ord("a"), ord("a"), ord("a")]
    assert not flags(made.scores([[WORD]], [row]))["hate"]
    assert flags(made.scores([[WORD, *phrase, WORD]], [row]))["hate"]
    assert not flags(made.scores([[WORD, *phrase[:3]]], [row]))["hate"], "only a part of it"


def test_a_text_has_the_highest_score_of_its_segments(made: Classifier) -> None:
    rows = [toward(hate=0.9), toward(sexual=0.9), toward(neutral=1)]
    found = made.scores([[WORD]] * 3, rows)
    assert [name for name, flagged in flags(found).items() if flagged] == ["hate", "sexual"]
    alone = [made.scores([[WORD]], [row]) for row in rows]
    assert found == highest(alone)


def test_what_falls_into_a_narrower_category_falls_into_the_wider_ones() -> None:
    model: Any = Flat()
    classifier = Classifier(model)
    classifier.load()
    rng = np.random.default_rng(7)
    for _ in range(20):
        found = classifier.scores([[WORD]], [rng.standard_normal(16).astype(np.float32)])
        assert all(0 <= score <= 1 for score in found.values())
        assert all(found[name] >= found[narrow] for narrow, wider in WIDER.items() for name in wider)
