"""What is refused of prerequisites when a flag is saved."""

from features.definitions import FlagDefinition
from features.prerequisites import circle, in_order, problems
from tests.features.flags import flag


def needs(key: str, *needed: str, variant: str = "on") -> FlagDefinition:
    return flag(key=key, prerequisites=[{"flag": other, "variants": [variant]} for other in needed])


def wrong(made: FlagDefinition, *others: FlagDefinition) -> dict[str, str]:
    found = problems(made, {other.key: other for other in others})
    return {problem.place: problem.message for problem in found}


def test_flags_that_depend_on_others_which_are_there_are_in_order() -> None:
    assert wrong(needs("a", "b", "c"), needs("b", "c"), flag(key="c")) == {}
    assert wrong(flag(key="a")) == {}


def test_a_flag_or_a_variant_that_is_not_there_is_refused() -> None:
    assert wrong(needs("a", "gone", "b", variant="blue"), flag(key="b")) == {
        "environments.production.prerequisites[0].flag": "there is no flag gone",
        "environments.production.prerequisites[1].variants[0]": "blue is no variant of b",
    }


def test_a_circle_is_refused_and_named() -> None:
    found = wrong(needs("a", "x", "b"), needs("b", "x", "c"), needs("c", "b", "a"), flag(key="x"))
    assert found == {"environments.production.prerequisites": "they form a circle: a → b → c → a"}


def test_an_older_form_of_the_flag_itself_does_not_count() -> None:
    assert wrong(flag(key="a"), needs("a", "b"), needs("b", "a")) == {}


def test_a_flag_that_is_put_in_front_of_a_long_chain_is_refused() -> None:
    chain = [flag(key="f0"), *(needs(f"f{number}", f"f{number - 1}") for number in range(1, 9))]
    assert wrong(chain[-1], *chain) == {}
    message = "more than 8 prerequisites would stand behind each other"
    assert wrong(needs("f9", "f8"), *chain) == {"environments.production.prerequisites": message}
    assert wrong(needs("f0", "g"), *chain, flag(key="g")) == {"environments.production.prerequisites": message}


def test_the_order_leaves_out_circles_and_what_leads_into_them() -> None:
    edges = {"a": ["b"], "b": ["a"], "c": ["a"], "d": ["e", "x"], "e": ["x"]}
    assert in_order(edges) == {"e": 1, "d": 2}
    assert circle(edges, "b") == ["b", "a", "b"]
    assert circle(edges, "c") == []
