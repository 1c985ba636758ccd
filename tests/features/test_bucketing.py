"""Each algorithm gives the numbers that its makers published, and shares out evenly."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import bucketing
from features.bucketing import PLACES, identity
from features.operands import Unreadable
from features.rules import ALGORITHMS, Algorithm
from tests.features.flags import untimed


@pytest.mark.parametrize(
    ("text", "hash"), [("ejOoVL", 0), ("bY9fO-", 1), ("SI7p-", 2**31 - 1), ("6LvT0", 2**31), ("ceQdGm", 2**32 - 1)]
)
def test_flagd_hashes_flag_key_and_targeting_key_together(text: str, hash: int) -> None:
    for cut in range(len(text)):
        assert bucketing.flagd_v2(text[:cut], 2**32)(text[cut:]) == hash
    assert bucketing.flagd_v2("", 100_000)(text) == hash * 100_000 >> 32


def test_lukhas_is_the_first_32_bits_of_sha256_modulo_a_hundred() -> None:
    for who in ("alice", "bob", "ünïcödé", ""):
        digest = hashlib.sha256(f"{who}:new-ui".encode()).hexdigest()
        assert bucketing.lukhas_v1("new-ui", 100)(who) == int(digest[:8], 16) % 100


@pytest.mark.parametrize(("who", "number"), [("122", 23), ("155", 100), ("123", 51)])
def test_unleash_counts_from_one(who: str, number: int) -> None:
    assert bucketing.unleash("AB12A", 100)(who) + 1 == number


def test_unleash_chooses_variants_with_a_seed_of_their_own() -> None:
    seeded = [bucketing.unleash("AB12A", 100, 86028157)(str(who)) for who in range(50)]
    assert [bucketing.unleash_variants("AB12A", 100)(str(who)) for who in range(50)] == seeded
    assert seeded != [bucketing.unleash("AB12A", 100)(str(who)) for who in range(50)]


def test_flagsmith_hashes_ids_with_commas_between() -> None:
    assert bucketing.flagsmith_steps("12,93") / 9998 * 100 == pytest.approx(27.65553111)
    assert bucketing.flagsmith("12", 10_000)("93") == 2765
    assert bucketing.flagsmith("", 10_000)("12,93") == 2765


def test_flagsmith_hashes_again_where_the_number_is_the_end() -> None:
    at_the_end = next(
        ids for ids in map(str, range(100_000)) if int(hashlib.md5(ids.encode()).hexdigest(), 16) % 9999 == 9998
    )
    again = int(hashlib.md5(f"{at_the_end},{at_the_end}".encode()).hexdigest(), 16) % 9999
    assert bucketing.flagsmith_steps(at_the_end) == again


@pytest.mark.parametrize(("seed", "who", "share"), [("seed", "a", 505), ("foo", "ab", 2575)])
def test_growthbook_hashes_twice(seed: str, who: str, share: int) -> None:
    assert bucketing.growthbook_v2(seed, 10_000)(who) == share


@pytest.mark.parametrize(("who", "share"), [("userKeyA", 42157587), ("userKeyB", 67084849), ("userKeyC", 10343106)])
def test_launchdarkly_hashes_key_and_salt_with_dots(who: str, share: int) -> None:
    assert bucketing.launchdarkly("hashKey.saltyA", 10**8)(who) == share


def test_posthog_is_the_same_without_a_salt() -> None:
    assert PLACES["posthog"]("simple-flag", 10**6)("distinct_id_0") == 783696
    number = int(hashlib.sha1(b"simple-flag.distinct_id_0variant").hexdigest()[:15], 16) / 0xFFFFFFFFFFFFFFF
    assert PLACES["posthog-variants"]("simple-flag", 10**6)("distinct_id_0") == math.floor(number * 10**6)


def test_every_algorithm_has_a_function() -> None:
    assert set(PLACES) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_tenth_of_ten_thousand_callers_is_a_tenth_within_three_standard_deviations(algorithm: Algorithm) -> None:
    place = PLACES[algorithm]("new-ui", 100)
    inside = sum(place(f"user-{number}") < 10 for number in range(10_000))
    assert abs(inside - 1000) <= 3 * math.sqrt(10_000 * 0.1 * 0.9)


@given(st.sampled_from(ALGORITHMS), st.text(), st.text(), st.integers(1, 2**31 - 1))
@untimed
def test_a_number_is_below_the_total_whatever_the_texts_are(
    algorithm: Algorithm, salt: str, who: str, total: int
) -> None:
    place = PLACES[algorithm](salt, total)
    assert 0 <= place(who) < total
    assert place(who) == PLACES[algorithm](salt, total)(who)


def test_half_a_surrogate_pair_is_hashed_as_it_stands() -> None:
    for algorithm in ALGORITHMS:
        assert 0 <= PLACES[algorithm]("\ud800", 100)("\udfff") < 100


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), (7.0, "7"), (0.5, "0.5"), (True, "true"), (False, "false"), (1e300, "1e+300"), (-3, "-3")],
)
def test_callers_are_told_apart_by_texts_and_numbers(value: object, text: str) -> None:
    assert identity(value) == text


@pytest.mark.parametrize("value", ["", None, [], {}, math.nan, math.inf, pytest.param(10**5000, id="huge")])
def test_nothing_else_tells_callers_apart(value: object) -> None:
    with pytest.raises(Unreadable):
        identity(value)
