"""What rules say of texts, without a request."""

from typing import Any

import pytest

from api.guardian.rules import CannotTell, Looked, Rule, broken, look_of
from features.operands import Unreadable


def rule(kind: str, **values: Any) -> Rule:
    return Rule(1, "r", "proj", "", kind, True, "r", look_of(kind, values))


@pytest.mark.parametrize(
    ("pattern", "text", "told"),
    [
        ("b", "abc", "The pattern is found at character 2."),
        ("b", "ac", ""),
        ("(?i)É", "né", "The pattern is found at character 2."),
        ("[0-9]{3}", "äöü123", "The pattern is found at character 4."),
        ("^a$", "b\na", ""),
        ("(?m)^a$", "b\na", "The pattern is found at character 3."),
        ("a.b", "a\0b", "The pattern is found at character 1."),
        ("b", "\ud800b", "The pattern is found at character 2."),
    ],
)
def test_a_pattern_is_found_or_not_and_only_its_place_is_told(pattern: str, text: str, told: str) -> None:
    assert rule("pattern", pattern=pattern).against(Looked([text])) == told


def test_a_pattern_is_looked_for_in_each_text_by_itself() -> None:
    assert rule("pattern", pattern="ab").against(Looked(["a", "b"])) == ""
    assert rule("pattern", pattern="ab").against(Looked(["a"], ["xab"])) == "The pattern is found at character 2."


@pytest.mark.parametrize(
    ("texts", "ids", "most", "told"),
    [
        (["hello world"], 0, 2, ""),
        (["hello world"], 0, 1, "There are at least 2 tokens, and may be 1."),
        (["hello world", "hello"], 0, 2, "There are at least 3 tokens, and may be 2."),
        (["hello world"], 5, 6, "There are at least 7 tokens, and may be 6."),
        ([], 5, 4, "There are at least 5 tokens, and may be 4."),
        (["hello world"] * 3, 5, 4, "There are at least 5 tokens, and may be 4."),
    ],
)
def test_tokens_of_all_texts_are_counted_and_no_further_than_is_of_interest(
    texts: list[str], ids: int, most: int, told: str
) -> None:
    looked = Looked(texts, ["hello world, once more"], ids, "cl100k_base")
    assert rule("max_tokens", max_tokens=most).against(looked) == told


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([], ""),
        ([{"violence": 0.49}], ""),
        ([{"violence": 0.1}, {"violence": 0.5}], "violence scores 0.50, and may be less than 0.5."),
    ],
)
def test_a_category_is_too_much_from_its_threshold_on_in_any_text(scores: Any, told: str) -> None:
    looked = Looked(["a"])
    looked.scores = scores
    assert rule("moderation", category="violence", threshold=0.5).against(looked) == told


def test_without_scores_nobody_can_tell() -> None:
    looked = Looked(["a"])
    looked.scores = ValueError("of a text")
    with pytest.raises(CannotTell, match=r"^ValueError$"):
        rule("moderation", category="violence", threshold=0.5).against(looked)


def test_short_texts_need_no_vocabulary() -> None:
    assert rule("max_tokens", max_tokens=5).against(Looked(["hello"], encoding="gone")) == ""
    with pytest.raises(CannotTell, match=r"^KeyError$"):
        rule("max_tokens", max_tokens=4).against(Looked(["hello"], encoding="gone"))


def test_what_cannot_be_read_cannot_tell() -> None:
    with pytest.raises(Unreadable):
        look_of("pattern", {"pattern": "("})
    with pytest.raises(CannotTell, match=r"^Unreadable$"):
        Rule(1, "r", "proj", "", "pattern", True, "r", broken(Unreadable("no"))).against(Looked(["a"]))
