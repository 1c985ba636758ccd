"""How the embedded moderation model does on labelled sentences, and that the documentation says so."""

from typing import Any, cast

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
    """But for two sentences of a category: arithmetic of eight bits is a little different on each kind of processor."""
    backend = cast("EmbeddedModerationBackend", registry.backend("embedded-moderation"))
    backend.load()
    sentences = labelled("test")
    rows = compared(sentences, judged(sentences, backend.embedder.model, backend.classifier))
    page = figures(PAGE.read_text())
    assert page.keys() == {(row["category"], str(row["sentences"])) for row in rows}
    for row in rows:
        for one, other in zip(page[row["category"], str(row["sentences"])], figures_of(row), strict=True):
            assert abs(one - other) <= 2.5 / row["sentences"], f"{row}: run `python -m benchmarks.moderation`"


def figures(page: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Precision and recall in the page's table, by category and number of sentences."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    known = [row for row in cells if len(row) == 4 and row[0] in {*moderation.CATEGORIES, ANY}]
    return {(name, sentences): (float(precision), float(recall)) for name, sentences, precision, recall in known}


def figures_of(row: dict[str, Any]) -> tuple[float, float]:
    return float(row["precision"]), float(row["recall"])


def test_precision_is_of_what_is_flagged_and_recall_of_what_should_be() -> None:
    sentences = [("a", frozenset({"hate"})), ("b", frozenset({"hate"})), ("c", frozenset[str]()), ("d", frozenset())]
    found = [frozenset({"hate"}), frozenset({"sexual"}), frozenset({"hate"}), frozenset[str]()]
    rows = {row["category"]: row for row in compared(sentences, found)}
    assert rows["hate"] == {"category": "hate", "sentences": 2, "precision": "0.50", "recall": "0.50"}
    assert rows["sexual"] == {"category": "sexual", "sentences": 0, "precision": "0.00", "recall": ""}
    assert rows["violence"] == {"category": "violence", "sentences": 0, "precision": "", "recall": ""}
    assert rows[ANY] == {"category": ANY, "sentences": 2, "precision": "0.67", "recall": "1.00"}
    assert "Of 4 sentences 2 are harmless." in told(sentences, list(rows.values()))
