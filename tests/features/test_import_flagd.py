"""flagd's files answer as flagd does, and come out again as they went in."""

import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from features.compiling import Ruleset, compile_ruleset
from features.definitions import Invalid
from features.flagd import read
from features.flagd_writing import write
from features.importing import Imported
from tests.features import jsonlogic

VARIANTS = {"true": "T", "false": "F", "red": "R"}


def content(targeting: Any = None, **more: Any) -> bytes:
    entry = {"state": "ENABLED", "variants": VARIANTS, "defaultVariant": "red", "targeting": targeting, **more}
    return json.dumps({"flags": {"a": entry}}).encode()


def rules(found: Imported) -> Ruleset:
    return compile_ruleset(found.flags, [], "p")


def answer(targeting: Any, context: dict[str, Any], **more: Any) -> str | None:
    return rules(read(content(targeting), "p", **more)).evaluate("a", context).variant


def refused(data: bytes, **more: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read(data, "p", **more)
    return {problem.place: problem.message for problem in caught.value.problems}


def if_true(condition: Any) -> dict[str, Any]:
    return {"if": [condition, "true", "false"]}


def test_random_targeting_answers_as_jsonlogic_does_before_and_after_going_out_again() -> None:
    chance = random.Random(20260131)
    seen: Counter[str | None] = Counter()
    for _ in range(400):
        logic = {"if": [jsonlogic.condition(chance), jsonlogic.targeting(chance), jsonlogic.targeting(chance)]}
        found = read(content(logic), "p")
        first = rules(found)
        second = rules(read(write(found.flags, [], "p").text.encode(), "p"))
        for _ in range(25):
            context = jsonlogic.context(chance)
            result = jsonlogic.evaluate(logic, context, "a")
            expected = "red" if result is None else str(result).lower()
            assert first.evaluate("a", context).variant == expected, (logic, context)
            assert second.evaluate("a", context).variant == expected, (logic, context)
            seen[expected] += 1
    assert min(seen[name] for name in VARIANTS) > 500


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"==": [{"var": "tier"}, "pro"]}, {"tier": "pro"}, True),
        ({"==": ["pro", {"var": "tier"}]}, {"tier": "pro"}, True),
        ({"!=": [{"var": "tier"}, "pro"]}, {}, True),
        ({">=": [{"var": "age"}, 18]}, {"age": "18"}, True),
        ({"<": [{"var": "age"}, 18]}, {}, True),
        ({"<": [18, {"var": "age"}]}, {"age": 19}, True),
        ({"<=": [1, {"var": "age"}, 3]}, {"age": 4}, False),
        ({"in": [{"var": "locale"}, ["us", "ca"]]}, {"locale": "ca"}, True),
        ({"in": ["@faas.com", {"var": "email"}]}, {"email": "me@faas.com"}, True),
        ({"in": ["red", {"var": "colours"}]}, {"colours": ["red"]}, True),
        ({"in": [18, {"var": "text"}]}, {"text": "a18"}, True),
        ({"!": [{"in": [18, {"var": "text"}]}]}, {"text": "a18"}, False),
        ({"!": [{"in": [True, {"var": "text"}]}]}, {"text": "true"}, False),
        ({"!": [{"in": [18, {"var": "list"}]}]}, {"list": ["18"]}, True),
        ({"ends_with": [{"var": "email"}, "@x.co"]}, {"email": "a@x.co"}, True),
        ({"starts_with": [{"var": "ip"}, "192.168"]}, {"ip": "192.168.0.1"}, True),
        ({"sem_ver": [{"var": "v"}, ">=", "1.0.0"]}, {"v": "1.0.0-rc"}, False),
        ({"sem_ver": [{"var": "v"}, "^", "1.0.0"]}, {"v": "v1.9"}, True),
        ({"and": [{"var": "a"}, {"!": [{"var": "b"}]}]}, {"a": 1}, True),
        ({"or": [{"var": "a"}, {"var": "b"}]}, {"b": "x"}, True),
        ({"!!": [{"var": "user.name"}]}, {"user": {"name": "x"}}, True),
    ],
)
def test_the_operations_of_flagds_pages(condition: Any, context: dict[str, Any], holds: bool) -> None:
    assert answer(if_true(condition), context) == ("true" if holds else "false")


def test_a_split_is_by_flag_key_and_targeting_key_and_without_one_the_default_answers() -> None:
    targeting = {"fractional": [["true", 50], ["false", 50]]}
    found = rules(read(content(targeting), "p"))
    for number in range(200):
        context = {"targetingKey": f"user-{number}"}
        assert found.evaluate("a", context).variant == jsonlogic.evaluate(targeting, context, "a")
    for nobody in ({}, {"targetingKey": ""}, {"targetingKey": 5}):
        assert found.evaluate("a", nobody).variant == "red"


def test_a_split_may_be_by_an_attribute_alone() -> None:
    targeting = {"fractional": [{"var": "email"}, ["true", 50], ["false", 50]]}
    found = rules(read(content(targeting), "p"))
    for number in range(200):
        context = {"email": f"user-{number}@x.co"}
        assert found.evaluate("a", context).variant == jsonlogic.evaluate(targeting, context, "a")
    assert found.evaluate("a", {}).variant == "red"


def test_a_split_of_nothing_is_the_default() -> None:
    assert answer({"fractional": [["true", 0], ["false", -1]]}, {"targetingKey": "x"}) == "red"


def test_what_flagd_calls_disabled_or_null_has_no_value() -> None:
    off = rules(read(content(state="DISABLED"), "p")).evaluate("a", {})
    assert (off.value, off.variant, off.reason) == (None, None, "DISABLED")
    for default in (None, ""):
        found = rules(read(content(if_true(True), defaultVariant=default), "p"))
        assert found.evaluate("a", {}).variant == "true"
        none = rules(read(content(defaultVariant=default), "p")).evaluate("a", {})
        assert (none.value, none.variant, none.reason) == (None, None, "STATIC")


def test_true_and_false_are_names_of_variants() -> None:
    variants = {"true": True, "false": False}
    found = rules(read(content({"var": "x"}, variants=variants, defaultVariant=False), "p", approximate=True))
    assert found.evaluate("a", {}).variant == "false"
    made = rules(read(content({"!": [{"var": "x"}]}, variants=variants, defaultVariant=False), "p"))
    assert made.evaluate("a", {}).value is True


def test_flags_may_come_as_a_list() -> None:
    entry = {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}
    data = {"flags": [{"key": "a", **entry}, {"key": "b", **entry}]}
    assert [flag.key for flag in read(json.dumps(data).encode(), "p").flags] == ["a", "b"]
    data = {"flags": [{"key": "a", **entry}, entry, 5, {"key": "a", **entry}]}
    assert set(refused(json.dumps(data).encode())) == {"flags[1]", "flags[2]", "flags[3]"}


def test_metadata_of_the_file_and_of_the_flag_goes_with_the_flag() -> None:
    entry = {"state": "ENABLED", "variants": {"x": {}}, "defaultVariant": "x", "metadata": {"team": "b"}}
    data = {"metadata": {"team": "a", "version": 2}, "flags": {"a": entry}}
    flag = read(json.dumps(data).encode(), "p").flags[0]
    assert (flag.kind, flag.metadata) == ("object", {"team": "b", "version": 2})
    assert read(write([flag], [], "p").text.encode(), "p").flags == (flag,)
    wrong = {**data, "metadata": {"a": []}}
    assert refused(json.dumps(wrong).encode()) == {"metadata.a": "must be a text, a number, true or false"}


def test_evaluators_are_put_in_the_place_of_their_references() -> None:
    entry = {"state": "ENABLED", "variants": VARIANTS, "targeting": if_true({"$ref": "us"})}
    evaluators: dict[str, Any] = {"us": {"ends_with": [{"var": "email"}, {"$ref": "domain"}]}, "domain": "@us.co"}
    data = {"flags": {"a": entry}, "$evaluators": evaluators}
    found = rules(read(json.dumps(data).encode(), "p"))
    assert [found.evaluate("a", {"email": f"a@{host}"}).variant for host in ("us.co", "x.co")] == ["true", "false"]
    evaluators["domain"] = {"$ref": "us"}
    message = "evaluators form a circle: us → domain → us"
    assert refused(json.dumps(data).encode())["flags.a.targeting.if[0].ends_with[1].$ref"] == message
    del evaluators["us"]
    assert refused(json.dumps(data).encode())["flags.a.targeting.if[0].$ref"] == "there is no evaluator of this name"
    assert "$evaluators" in refused(json.dumps({**data, "$evaluators": []}).encode())


@pytest.mark.parametrize(
    ("condition", "moments"),
    [
        ({">=": [{"var": "$flagd.timestamp"}, 100]}, [False, True, True]),
        ({">": [{"var": "$flagd.timestamp"}, 100]}, [False, False, True]),
        ({"<": [{"var": "$flagd.timestamp"}, 100]}, [True, False, False]),
        ({"<=": [{"var": "$flagd.timestamp"}, 100]}, [True, True, False]),
        ({"!": [{"<": [{"var": "$flagd.timestamp"}, 100]}]}, [False, True, True]),
        ({"<=": [100, {"var": "$flagd.timestamp"}, 100]}, [False, True, False]),
        ({"and": [{"<": [{"var": "$flagd.timestamp"}, 100]}, {">": [{"var": "$flagd.timestamp"}, 99]}]}, [False] * 3),
    ],
)
def test_flagds_time_is_a_window(condition: Any, moments: list[bool]) -> None:
    found = read(content(if_true(condition)), "p")
    again = read(write(found.flags, [], "p").text.encode(), "p")
    for made in (found, again):
        asked = [rules(made).evaluate("a", {}, datetime.fromtimestamp(at, UTC)).variant for at in (99, 100, 101)]
        assert asked == ["true" if holds else "false" for holds in moments]


UNHELD: list[tuple[Any, str]] = [
    ({"==": [{"var": "a"}, {"var": "b"}]}, "if[0].=="),
    ({"==": [{"var": "a"}]}, "if[0].=="),
    ({"<": [{"var": "a"}, None]}, "if[0].<"),
    ({"<": [{"var": ["a", 5]}, 5]}, "if[0].<"),
    ({"<": [{"var": "list.0"}, 5]}, "if[0].<"),
    ({"var": ""}, "if[0].var"),
    ({"var": ["a", "b"]}, "if[0].var"),
    ({"in": [{"var": "a"}, "some text"]}, "if[0].in"),
    ({"in": [{"var": "a"}]}, "if[0].in"),
    ({"starts_with": [{"var": "a"}, 5]}, "if[0].starts_with"),
    ({"sem_ver": [{"var": "a"}, "=>", "1.0.0"]}, "if[0].sem_ver"),
    ({"sem_ver": [{"var": "a"}, ">", "one"]}, "if[0].sem_ver"),
    ({"!": [{"var": "a"}, {"var": "b"}]}, "if[0].!"),
    ({"and": []}, "if[0].and"),
    ({"or": []}, "if[0].or"),
    ({"%": [{"var": "a"}, 2]}, "if[0].%"),
    ("text", "if[0]"),
    ({"==": [{"var": "$flagd.timestamp"}, 5]}, "if[0].=="),
    ({"<": [{"var": "$flagd.timestamp"}, 5.5]}, "if[0].<"),
    ({"or": [{"var": "a"}, {"<": [{"var": "$flagd.timestamp"}, 5]}]}, "if[0].or"),
]


@pytest.mark.parametrize(("condition", "place"), UNHELD, ids=[str(number) for number in range(len(UNHELD))])
def test_a_condition_that_cannot_be_held_is_told_and_where_asked_never_true(condition: Any, place: str) -> None:
    assert list(refused(content(if_true(condition)))) == [f"flags.a.targeting.{place}"]
    found = read(content(if_true(condition)), "p", approximate=True)
    assert [problem.place for problem in found.approximations] == [f"flags.a.targeting.{place}"]
    assert rules(found).evaluate("a", {"a": 1, "b": 1, "targetingKey": "x"}).variant == "false"


def test_a_result_that_cannot_be_held_is_the_default_where_asked() -> None:
    assert answer({"merge": [1]}, {}, approximate=True) == "red"
    assert list(refused(content({"merge": [1]}))) == ["flags.a.targeting.merge"]


@pytest.mark.parametrize("by", ["text", {"cat": [{"var": "a"}, "x"]}, {"cat": []}, {"cat": [5, {"var": "a"}]}])
def test_a_split_by_what_is_no_attribute_is_by_the_targeting_key_where_asked(by: Any) -> None:
    targeting = {"fractional": [by, ["true", 1], ["false", 1]]}
    assert list(refused(content(targeting))) == ["flags.a.targeting.fractional[0]"]
    plain = {"fractional": [["true", 1], ["false", 1]]}
    for number in range(20):
        context = {"targetingKey": str(number), "a": "x"}
        assert answer(targeting, context, approximate=True) == answer(plain, context)


def test_a_branch_without_a_result_needs_a_default_variant() -> None:
    targeting = {"if": [{"var": "a"}, {"if": [{"var": "b"}, "true"]}, "false"]}
    assert answer(targeting, {"a": 1}) == "red"
    data = content(targeting, defaultVariant=None)
    assert list(refused(data)) == ["flags.a.targeting"]
    assert rules(read(data, "p", approximate=True)).evaluate("a", {"a": 1}).variant == "false"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"state": "ON"}, "state"),
        ({"variants": {}}, "variants"),
        ({"variants": {"a": 1, "b": "x"}}, "variants"),
        ({"variants": {"a": None}}, "variants"),
        ({"defaultVariant": "blue"}, "defaultVariant"),
        ({"colour": "red"}, "colour"),
        ({"targeting": {"if": [True, "blue"]}}, "targeting.if[1]"),
        ({"targeting": "blue"}, "targeting"),
        ({"targeting": 5}, "targeting"),
        ({"targeting": {"fractional": ["x"]}}, "targeting.fractional[0]"),
        ({"targeting": {"fractional": [["true", 1.5]]}}, "targeting.fractional[0][1]"),
        ({"targeting": {"fractional": [["true", True]]}}, "targeting.fractional[0][1]"),
        ({"targeting": {"fractional": [["true", 1], "x"]}}, "targeting.fractional[1]"),
        ({"targeting": {"fractional": [["blue", 1]]}}, "targeting.fractional[0][0]"),
        ({"targeting": {"if": [{"in": [{"var": "a"}, ["x" * 1001]]}, "true"]}}, ""),
    ],
)
def test_a_mistake_is_refused_at_its_place(change: dict[str, Any], place: str) -> None:
    assert f"flags.a.{place}".rstrip(".") in refused(content(**change))


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b"[]", b"{}", b" " * 9_000_000])
def test_a_file_that_is_none_is_refused(data: bytes) -> None:
    assert refused(data)


def test_logic_that_nests_without_end_is_refused() -> None:
    logic: Any = {"var": "a"}
    for _ in range(200):
        logic = {"!": [logic]}
    assert "nests too deep" in refused(content(if_true(logic))).values()


def test_one_bad_flag_among_a_thousand_and_nothing_is_read() -> None:
    entry = {"state": "ENABLED", "variants": {"x": 1}, "defaultVariant": "x"}
    flags = {f"f{number}": entry for number in range(1000)} | {"bad": {**entry, "state": 1}, "wor se": entry}
    found = refused(json.dumps({"flags": flags}).encode(), approximate=True)
    assert set(found) == {"flags.bad.state", "flags.wor se"}
    assert found["flags.wor se"].startswith("cannot be kept: key: must be 1 to 100")
