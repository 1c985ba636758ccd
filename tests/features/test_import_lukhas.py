"""LUKHAS's files of before answer as they did, and come out again as they went in."""

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from features.compiling import compile_ruleset
from features.definitions import FlagDefinition, Invalid
from features.importing import LARGEST_FILE, MOST_FLAGS
from features.lukhas_writing import write
from features.lukhas_yaml import read
from tests.features.flags import flag, on_if

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SHA = hashlib.sha256(b"user-1").hexdigest()
TYPES = ["boolean", "percentage", "user_targeting", "time_based", "environment"]


def content(flags: dict[str, Any]) -> bytes:
    return yaml.safe_dump({"version": "1.0", "flags": flags, "metadata": {"total_flags": len(flags)}}).encode()


def one(**entry: Any) -> FlagDefinition:
    return read(content({"a": {"enabled": True, **entry}}), "p").flags[0]


def refused(data: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read(data if isinstance(data, bytes) else content({"a": data}), "p")
    return {problem.place: problem.message for problem in caught.value.problems}


def expected(
    name: str, entry: dict[str, Any], user: str | None, email: str | None, where: str | None, now: datetime
) -> bool:
    """What the description of the old files says, and nothing of ours."""
    if not entry["enabled"]:
        return False
    kind = entry["type"]
    if kind == "boolean":
        return True
    if kind == "percentage":
        if not user:
            return False
        return int(hashlib.sha256(f"{user}:{name}".encode()).hexdigest()[:8], 16) % 100 < entry["percentage"]
    if kind == "user_targeting":
        domain = email.split("@")[1].lower() if email and "@" in email else None
        digest = hashlib.sha256(user.encode()).hexdigest() if user else None
        return domain in entry.get("allowed_domains", []) or digest in entry.get("allowed_user_hashes", [])
    if kind == "time_based":
        starts, ends = entry.get("enable_after"), entry.get("disable_after")
        began = not starts or now >= datetime.fromisoformat(starts)
        return began and (not ends or now < datetime.fromisoformat(ends))
    return not entry.get("allowed_environments") or where in entry["allowed_environments"]


def random_entry(chance: random.Random) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": chance.choice(TYPES),
        "enabled": chance.random() < 0.8,
        "fallback": chance.random() < 0.5,
        "description": "a flag",
        "owner": "team@example.com",
        "created_at": "2025-11-08",
        "jira_ticket": "GAPS-1",
        "percentage": chance.choice([0, 1, 10, 33.3, 50, 99, 100, 250, -5]),
    }
    users = [hashlib.sha256(f"user-{number}".encode()).hexdigest() for number in range(40)]
    lists = {
        "allowed_domains": ["lukhas.ai", "example.com", "UPPER.example"],
        "allowed_user_hashes": chance.sample(users, 10),
        "allowed_environments": ["dev", "staging", "prod"],
    }
    for name, values in lists.items():
        if chance.random() < 0.7:
            entry[name] = chance.sample(values, chance.randint(0, len(values)))
    for name in ("enable_after", "disable_after"):
        if chance.random() < 0.7:
            moment = NOON + timedelta(hours=chance.randint(-30, 30))
            entry[name] = moment.isoformat().replace("+00:00", chance.choice(["Z", "+00:00"]))
    return entry


def test_ten_thousand_random_contexts_get_the_answers_that_the_old_files_gave() -> None:
    chance = random.Random(20260131)
    entries = {f"flag_{number}": random_entry(chance) for number in range(200)}
    ruleset = compile_ruleset(read(content(entries), "p").flags, [], "p")
    asked = answered = 0
    for _ in range(10_000):
        user = chance.choice([None, "", *(f"user-{number}" for number in range(60))])
        email = chance.choice([None, "", "nobody", "a@lukhas.ai", "B@Example.COM", "c@else.where", "d@UPPER.example"])
        where = chance.choice([None, "dev", "staging", "prod", "moon"])
        now = NOON + timedelta(seconds=chance.randint(-120_000, 120_000))
        context = {"targetingKey": user, "email": email, "environment": where}
        name = chance.choice(list(entries))
        given = {key: value for key, value in context.items() if value is not None or chance.random() < 0.5}
        answer = ruleset.evaluate(name, given, now).value
        assert answer is expected(name, entries[name], user, email, where, now), (entries[name], context, now)
        asked, answered = asked + 1, answered + answer
    assert asked == 10_000
    assert 2000 < answered < 8000


def test_what_is_known_about_a_flag_comes_with_it() -> None:
    entry = {"description": "d", "owner": "o@example.com", "jira_ticket": "T-1", "created_at": "2025-11-08"}
    made = one(type="boolean", fallback=True, **entry)
    assert (made.description, made.owner, made.ticket) == ("d", "o@example.com", "T-1")
    assert made.metadata == {"created_at": "2025-11-08", "fallback": True}
    assert made.variants == {"on": True, "off": False}


def test_a_type_is_boolean_where_none_is_given() -> None:
    assert compile_ruleset([one()], [], "p").evaluate("a", {}).value is True


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("entry", [{"type": "magic"}, {"type": ["x"]}, {"type": "percentage", "percentage": "ten"}])
def test_what_is_unknown_gives_the_fallback_where_approximations_are_admitted(
    entry: dict[str, Any], fallback: bool
) -> None:
    whole = {"enabled": True, "fallback": fallback, **entry}
    assert list(refused(whole)) == [f"flags.a.{list(entry)[-1]}"]
    found = read(content({"a": whole}), "p", approximate=True)
    assert compile_ruleset(found.flags, [], "p").evaluate("a", {"targetingKey": "x"}).value is fallback
    assert [problem.place for problem in found.approximations] == [f"flags.a.{list(entry)[-1]}"]


@pytest.mark.parametrize("wrong", [5, -5, True])
def test_a_number_where_a_text_was_expected_gave_the_fallback(wrong: object) -> None:
    domains = {"type": "user_targeting", "allowed_domains": ["lukhas.ai"]}
    hashes = {"type": "user_targeting", "allowed_user_hashes": [SHA]}
    for entry, attribute in ((domains, "email"), (hashes, "targetingKey")):
        for fallback in (True, False):
            ruleset = compile_ruleset([one(fallback=fallback, **entry)], [], "p")
            assert ruleset.evaluate("a", {attribute: wrong}).value is fallback


def test_dates_may_be_what_yaml_makes_of_them() -> None:
    text = b"flags:\n  a:\n    type: time_based\n    enabled: true\n    enable_after: 2026-01-31T12:00:00Z\n"
    ruleset = compile_ruleset(read(text, "p").flags, [], "p")
    assert [ruleset.evaluate("a", {}, now).value for now in (NOON - timedelta(seconds=1), NOON)] == [False, True]


@pytest.mark.parametrize("given", ["2026-01-31T12:00:00", "2026-01-31", datetime(2026, 1, 31), NOON.date()])  # noqa: DTZ001
def test_a_date_without_an_offset_is_not_exact_and_taken_as_utc(given: object) -> None:
    entry = {"type": "time_based", "enabled": True, "enable_after": given}
    assert refused(entry) == {"flags.a.enable_after": "has no offset; taken as UTC"}
    found = read(content({"a": entry}), "p", approximate=True).flags[0].environments["p"].rules[0].starts
    assert found is not None
    assert found.date() == NOON.date()
    assert found.tzinfo is UTC


def test_a_window_that_ends_before_it_starts_is_never_open() -> None:
    made = one(type="time_based", enable_after=NOON.isoformat(), disable_after=NOON.isoformat())
    assert compile_ruleset([made], [], "p").evaluate("a", {}, NOON).value is False


def test_one_bad_flag_among_a_thousand_and_nothing_is_read() -> None:
    flags: dict[str, Any] = {f"flag_{number}": {"enabled": True} for number in range(1000)}
    flags["flag_500"] = {"enabled": "yes", "percentage": 5, "colour": "red"}
    flags["flag_700"] = 7
    flags["b ad"] = {"enabled": True}
    with pytest.raises(Invalid) as caught:
        read(content(flags), "p", approximate=True)
    assert {problem.place for problem in caught.value.problems} == {
        "flags.flag_500.enabled",
        "flags.flag_500.colour",
        "flags.flag_700",
        "flags.b ad",
    }


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xff\xfe\x00", ""),
        (b"{", ""),
        (b"- 1", ""),
        (b"a: [" + b"[" * 5000, ""),
        (b"version: 2.0\nflags: {}", "version"),
        (b"flags: []", "flags"),
        (b"colour: red\nflags: {}", "colour"),
        (b"#" * (LARGEST_FILE + 1), ""),
        (b"flags:\n" + b"".join(b" f%d: {}\n" % number for number in range(MOST_FLAGS + 1)), "flags"),
        ({"type": "time_based", "enable_after": "soon"}, "flags.a.enable_after"),
        ({"type": "user_targeting", "allowed_domains": "lukhas.ai"}, "flags.a.allowed_domains"),
        ({"type": "environment", "allowed_environments": [1]}, "flags.a.allowed_environments[0]"),
    ],
)
def test_a_file_that_is_none_is_refused_at_its_place(data: object, place: str) -> None:
    assert place in refused(data)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "boolean"},
        {"type": "boolean", "enabled": False},
        {"type": "percentage", "percentage": 10},
        {"type": "user_targeting"},
        {"type": "user_targeting", "allowed_domains": ["a.b"], "allowed_user_hashes": [SHA], "fallback": True},
        {"type": "user_targeting", "allowed_user_hashes": [SHA]},
        {"type": "time_based", "enable_after": "2026-01-31T12:00:00Z", "disable_after": "2026-02-01T12:00:00Z"},
        {"type": "time_based", "disable_after": "2026-02-01T12:00:00Z"},
        {"type": "time_based", "disable_after": "2026-02-01T12:00:00Z", "enable_after": "2026-02-01T12:00:00Z"},
        {"type": "environment", "allowed_environments": ["dev"], "created_at": "2025-11-08", "jira_ticket": "T-1"},
    ],
)
def test_a_flag_goes_out_and_comes_in_the_same(entry: dict[str, Any]) -> None:
    made = one(**{"description": "d", "owner": "o", **entry})
    written = write([made], "p").text
    assert read(written.encode(), "p").flags == (made,)


@pytest.mark.parametrize(
    "made",
    [
        flag(on_if({"attribute": "a", "operator": "exists"})),
        flag(on_if({"attribute": "a", "operator": "regex", "values": ["x"]}), default_variant="on"),
        FlagDefinition.from_data({"key": "a", "kind": "string", "variants": {"x": "y"}}),
        FlagDefinition.from_data({**one(type="percentage", percentage=5).to_data(), "salt": "old"}),
    ],
)
def test_what_a_file_cannot_hold_is_refused_or_left_out_where_asked(made: FlagDefinition) -> None:
    environment = "p" if "p" in made.environments else "production"
    with pytest.raises(Invalid, match=r"flags\..*: cannot be held"):
        write([made], environment)
    found = write([made], environment, approximate=True)
    assert [problem.path for problem in found.approximations] == [("flags", made.key)]


def test_an_entry_that_could_not_be_read_again_is_not_held() -> None:
    made = FlagDefinition("a b", "boolean", {"on": True, "off": False})
    with pytest.raises(Invalid, match="cannot be held"):
        write([made], "p")
