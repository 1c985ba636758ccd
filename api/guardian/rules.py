"""Policies as requests meet them: compiled, and asked in memory. Knows neither Django nor a request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.engines import encodings
from api.engines.counting import tokens_of
from features.operands import Unreadable, pattern

PATTERN, MODERATION, MAX_TOKENS = "pattern", "moderation", "max_tokens"

Scores = Sequence[Mapping[str, float]]


class Looked:
    """What there is to look at. `texts` and `ids` are what a model reads, `ids` being the token ids that came in the
    place of text; `further` is the same once more, otherwise: such ids decoded, and the pieces of a message joined.
    `encoding` is the one that tokens are counted in. `scores` are those of all these by category, where somebody asked
    for them, or what kept them from being there."""

    def __init__(self, texts: Sequence[str], further: Sequence[str] = (), ids: int = 0, encoding: str = "") -> None:
        self.texts = texts
        self.ids = ids
        self.encoding = encoding
        self.read = [*texts, *further]
        self.scores: Scores | BaseException = ()
        self.written = [text.encode(errors="replace") for text in self.read]

    def tokens(self, most: int) -> int:
        """The tokens; where there are more than `most`, perhaps too few, but more than that. Raises OSError, KeyError
        or WeightsMissing where they cannot be counted."""
        if self.ids + sum(map(len, self.written[: len(self.texts)])) <= most:
            return self.ids  # a token stands for one byte at least
        counted, vocabulary = self.ids, encodings.encoding(self.encoding)
        for text in self.texts:
            if counted > most:
                break
            counted += tokens_of(vocabulary, text, most)
        return counted


class CannotTell(Exception):
    """Something keeps a rule from saying what it has against a request; of what kind, the text says."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy that is on. `id` is its primary key, `scope` the public id of the organisation or project that it is of,
    `model` the name it is for, empty for all."""

    id: int
    name: str
    scope: str
    model: str
    kind: str
    enforced: bool
    reason: str
    look: Callable[[Looked], str] = field(compare=False)

    def against(self, looked: Looked) -> str:
        """What it has against this, in words, without anything of a text; empty for nothing. Raises CannotTell,
        whatever happens."""
        try:
            return self.look(looked)
        except Exception as error:
            raise CannotTell(type(error).__name__) from error


def look_of(kind: str, values: Mapping[str, Any]) -> Callable[[Looked], str]:
    """What a policy of this kind with these values looks for. Raises Unreadable for a pattern that RE2 cannot read."""
    return KINDS[kind](values)


def finds(values: Mapping[str, Any]) -> Callable[[Looked], str]:
    search = pattern(values["pattern"]).search

    def look(looked: Looked) -> str:
        for text in looked.written:
            if (found := search(text)) is not None:
                return f"The pattern is found at character {len(text[: found.start()].decode(errors='replace')) + 1}."
        return ""

    return look


def judges(values: Mapping[str, Any]) -> Callable[[Looked], str]:
    category, threshold = values["category"], float(values["threshold"])

    def look(looked: Looked) -> str:
        if isinstance(looked.scores, BaseException):
            raise looked.scores
        highest = max((scores[category] for scores in looked.scores), default=0.0)
        return f"{category} scores {highest:.2f}, and may be less than {threshold:g}." if highest >= threshold else ""

    return look


def counts(values: Mapping[str, Any]) -> Callable[[Looked], str]:
    most = values["max_tokens"]

    def look(looked: Looked) -> str:
        counted = looked.tokens(most)
        return f"There are at least {counted:,} tokens, and may be {most:,}." if counted > most else ""

    return look


def broken(error: Unreadable) -> Callable[[Looked], str]:
    """What stands for a pattern that was good when it was saved, and is not now."""

    def look(looked: Looked) -> str:
        raise error

    return look


KINDS: Mapping[str, Callable[[Mapping[str, Any]], Callable[[Looked], str]]] = {
    PATTERN: finds,
    MODERATION: judges,
    MAX_TOKENS: counts,
}
