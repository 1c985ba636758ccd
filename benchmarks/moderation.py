"""How often the embedded moderation model is right on the labelled sentences that it was not tuned on.

No times: the same sentences give the same figures. Run by itself, it writes them into docs/moderations.md:
`python -m benchmarks.moderation`; with `development`, it prints those of the sentences that are there to tune on.
"""

import sys
from pathlib import Path
from typing import Any

from api.engines.minilm import MiniLM
from api.engines.moderation import CATEGORIES, Classifier, flags, segments
from benchmarks import documents, report
from benchmarks.servers import ROOT

SENTENCES = ROOT / "tests" / "moderation"
PAGE = ROOT / "docs" / "moderations.md"
ANY = "any"

Labelled = list[tuple[str, frozenset[str]]]


def labelled(part: str, place: Path = SENTENCES) -> Labelled:
    """The sentences of `development` or `test`, with the categories that each falls into."""
    lines = (place / f"{part}.tsv").read_text().splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return [(text, frozenset(filter(None, labels.split(",")))) for labels, text in rows]


def judged(sentences: Labelled, model: MiniLM, classifier: Classifier) -> list[frozenset[str]]:
    """What each sentence is flagged for by a classifier that has loaded."""
    cut = [segments(pieces) for pieces in model.tokenise([text for text, _ in sentences])]
    rows = iter(model.embed_windows([segment for one in cut for segment in one]))
    scores = [classifier.scores(one, [next(rows) for _ in one]) for one in cut]
    return [frozenset(name for name, flagged in flags(each).items() if flagged) for each in scores]


def compared(sentences: Labelled, found: list[frozenset[str]]) -> list[dict[str, Any]]:
    """One row a category, and one for whether anything is flagged at all: how many sentences fall into it; of those
    that are flagged the part that do (precision), and of those that do the part that are flagged (recall)."""
    pairs = [(labels, names) for (_, labels), names in zip(sentences, found, strict=True)]
    rows = []
    for category in (*CATEGORIES, ANY):
        each = [(category in labels, category in names) for labels, names in pairs]
        if category == ANY:
            each = [(bool(labels), bool(names)) for labels, names in pairs]
        right = each.count((True, True))
        fall = right + each.count((True, False))
        flagged = right + each.count((False, True))
        rows.append(
            {
                "category": category,
                "sentences": fall,
                "precision": f"{right / flagged:.2f}" if flagged else "",
                "recall": f"{right / fall:.2f}" if fall else "",
            }
        )
    return rows


def told(sentences: Labelled, rows: list[dict[str, Any]]) -> str:
    """What the page says."""
    harmless = sum(not labels for _, labels in sentences)
    return f"Of {len(sentences)} sentences {harmless} are harmless.\n\n{report.table(rows)}"


def main(part: str = "test") -> None:
    sentences, model = labelled(part), MiniLM(threads=2)
    classifier = Classifier(model)
    classifier.load()
    rows = compared(sentences, judged(sentences, model, classifier))
    print(told(sentences, rows))
    if part == "test":
        documents.fill(PAGE, "moderation", told(sentences, rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
