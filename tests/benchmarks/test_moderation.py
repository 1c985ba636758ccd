"""How the embedded moderation model does on labelled sentences, and that the documentation says so."""

from typing import cast

import pytest

from api.backends import registry
from api.backends.embedded_moderation import EmbeddedModerationBackend
from api.engines import moderation
from benchmarks.moderation import ANY, PAGE, compared, judged, labelled, told

PARTS = ("development", "test")


@pytest.mark.parametrize("part", PARTS)
def test_every_sentence_is_labelled_with_categories_that_there_are_and_with_those_that_hold_them(part: str) -> None:
    sentences = labelled(part)
    assert len(sentences) > 250
    for text, labels in sentences:
        assert labels <= set(moderation.CATEGORIES), text
        for name in labels & moderation.WIDER.keys():
            assert labels >= set(moderation.WIDER[name]), text
    for name in moderation.CATEGORIES:
        assert sum(name in labels for _, labels in sentences) >= 7
    assert sum(not labels for _, labels in sentences) > 100


def test_no_sentence_is_in_both_parts_or_a_prototype() -> None:
    texts = [text.casefold() for part in PARTS for text, _ in labelled(part)]
    assert len(set(texts)) == len(texts)
    data = moderation._DATA.read_text().casefold()
    assert [text for text in texts if f'"{text}"' in data] == []


def test_the_figures_on_the_page_are_those_of_the_sentences() -> None:
    backend = cast("EmbeddedModerationBackend", registry.backend("embedded-moderation"))
    backend.load()
    sentences = labelled("test")
    rows = compared(sentences, judged(sentences, backend.embedder.model, backend.classifier))
    assert told(sentences, rows) in PAGE.read_text(), "run `python -m benchmarks.moderation`"


def test_precision_is_of_what_is_flagged_and_recall_of_what_should_be() -> None:
    sentences = [("a", frozenset({"hate"})), ("b", frozenset({"hate"})), ("c", frozenset[str]()), ("d", frozenset())]
    found = [frozenset({"hate"}), frozenset({"sexual"}), frozenset({"hate"}), frozenset[str]()]
    rows = {row["category"]: row for row in compared(sentences, found)}
    assert rows["hate"] == {"category": "hate", "sentences": 2, "precision": "0.50", "recall": "0.50"}
    assert rows["sexual"] == {"category": "sexual", "sentences": 0, "precision": "0.00", "recall": ""}
    assert rows["violence"] == {"category": "violence", "sentences": 0, "precision": "", "recall": ""}
    assert rows[ANY] == {"category": ANY, "sentences": 2, "precision": "0.67", "recall": "1.00"}
    assert "Of 4 sentences 2 are harmless." in told(sentences, list(rows.values()))
