"""manage.py flag import and export: all of a file or nothing of it, and out again."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError

from accounts.models import AuditEvent
from features.definitions import FlagDefinition
from features.loading import read
from features.models import Environment, Flag, FlagState, FlagsVersion, Segment
from features.problems import Invalid
from features.storing import store
from tests.features.commands import as_json, both, flag
from tests.features.conftest import BOOLEAN, MakeFlag
from tests.features.test_ofrep_flag import SPLIT

LUKHAS: dict[str, Any] = {
    "version": "1.0",
    "flags": {
        "dark": {"type": "boolean", "enabled": True, "description": "Dark mode.", "owner": "ann"},
        "half": {"type": "percentage", "enabled": True, "percentage": 50},
    },
}
FLAGD: dict[str, Any] = {
    "flags": {
        "theme": {
            "state": "ENABLED",
            "variants": {"day": "light", "night": "dark"},
            "defaultVariant": "day",
            "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "night", "day"]},
        }
    }
}
INEXACT: dict[str, Any] = {
    "flags": {
        "theme": {**FLAGD["flags"]["theme"], "targeting": {"if": [{"map": [1, 2]}, "night", "day"]}},
        "plain": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"},
    }
}


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Writes a file, and returns its path."""

    def make(content: Any, name: str = "flags.yaml") -> str:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content) if name.endswith(".yaml") else json.dumps(content))
        return str(path)

    return make


def refused(*arguments: str) -> list[str]:
    """The lines of the complaint of a command that changed nothing."""
    version, events = FlagsVersion.current(), AuditEvent.objects.count()
    with pytest.raises(CommandError) as caught:
        flag(*arguments)
    assert (FlagsVersion.current(), AuditEvent.objects.count()) == (version, events)
    return str(caught.value).splitlines()


def answers(environment: Environment, context: Any) -> dict[str, Any]:
    stage = read().of_environment(environment.organization.public_id, environment.key)
    return {key: found.value for key, found in stage.ruleset.evaluate_all(context).items()}


# --- import ----------------------------------------------------------------------------------------------------


def test_a_file_of_lukhas_is_read_by_its_name(environment: Environment, file: Any) -> None:
    assert flag("import", file(LUKHAS)) == "Flags in production: 2 created, 0 changed, 0 unchanged.\n"
    assert answers(environment, {"targetingKey": "ada"}).keys() == {"dark", "half"}
    half = Flag.objects.get(key="half").states.get().rules[0]["split"]
    assert (half.get("algorithm") or Flag.objects.get(key="half").algorithm, half["total"]) == ("lukhas-v1", 100)


def test_a_file_of_flagd_is_read_by_its_name_or_by_its_format(environment: Environment, file: Any) -> None:
    flag("import", file(FLAGD, "flags.json"))
    assert [answers(environment, {"plan": plan})["theme"] for plan in ("pro", "free")] == ["dark", "light"]
    Flag.objects.all().delete()
    flag("import", file(FLAGD, "flags.txt"), "--format", "flagd")
    assert Flag.objects.get().key == "theme"


def test_importing_again_changes_nothing_and_a_newer_file_what_it_says(
    environment: Environment, file: Any, make_flag: MakeFlag
) -> None:
    make_flag("ours")
    path = file(LUKHAS)
    flag("import", path)
    version = FlagsVersion.current()
    assert as_json("import", path) == {
        "created": [], "changed": [], "unchanged": ["dark", "half"], "approximations": []
    }  # fmt: skip
    events = AuditEvent.objects.count()
    newer = {
        **LUKHAS,
        "flags": {**LUKHAS["flags"], "dark": {"type": "boolean", "enabled": False}, "new": {"type": "boolean"}},
    }
    assert as_json("import", file(newer, "newer.yaml")) == {
        "created": ["new"], "changed": ["dark"], "unchanged": ["half"], "approximations": []
    }  # fmt: skip
    assert answers(environment, {})["dark"] is False
    assert FlagsVersion.current() > version
    assert AuditEvent.objects.count() > events
    assert Flag.objects.filter(key="ours").exists()


def test_states_in_other_environments_stay(environment: Environment, file: Any, make_flag: MakeFlag) -> None:
    made = make_flag("dark", kind="string", variants={"x": "y"}, default_variant="x", off_variant="")
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    FlagState.objects.create(flag=made, environment=staging, default_variant="x")
    told = refused("import", file(LUKHAS), "--environment", "staging")
    assert told
    assert all(line.startswith("flags.dark: ") for line in told)
    FlagState.objects.filter(environment=environment).delete()
    flag("import", file(LUKHAS), "--environment", "staging")
    assert Flag.objects.get(key="dark").kind == "boolean"
    assert not environment.states.exists()


def test_one_bad_flag_among_many_keeps_all_out_and_every_mistake_is_told(environment: Environment, file: Any) -> None:
    flags: dict[str, Any] = {f"f{number}": {"type": "boolean"} for number in range(1_000)}
    flags["f500"] = {"type": "percentage", "percentage": "many", "enabled": "perhaps"}
    flags["f 7"] = {"type": "boolean"}
    told = refused("import", file({"version": "1.0", "flags": flags}))
    assert len(told) >= 3
    assert all(line.startswith(("flags.f500", "flags.f 7")) for line in told)
    assert not Flag.objects.exists()


def test_what_cannot_be_held_is_a_mistake_or_approximated_and_listed(environment: Environment, file: Any) -> None:
    path = file(INEXACT, "flags.json")
    assert refused("import", path)[0].startswith("flags.theme.targeting")
    said, warned = both("import", path, "--approximate")
    assert "2 created" in said
    assert warned.startswith("approximated: flags.theme.targeting")
    assert as_json("import", path, "--approximate")["approximations"]


def test_a_dry_run_of_an_import_says_what_it_would_do(environment: Environment, file: Any) -> None:
    version = FlagsVersion.current()
    assert flag("import", file(LUKHAS), "--dry-run") == "Would be in production: 2 created, 0 changed, 0 unchanged.\n"
    assert not Flag.objects.exists()
    assert FlagsVersion.current() == version


def test_what_is_no_file_is_told(environment: Environment, tmp_path: Path) -> None:
    assert refused("import", str(tmp_path / "none.yaml"))[0].endswith(
        "none.yaml cannot be read: No such file or directory."
    )
    (tmp_path / "bad.json").write_text("{")
    assert refused("import", str(tmp_path / "bad.json"))


# --- Storing ---------------------------------------------------------------------------------------------------


def definition(key: str, **state: Any) -> FlagDefinition:
    data = {"key": key, "kind": "boolean", "variants": BOOLEAN, "environments": {"production": state}}
    return FlagDefinition.from_data(data)


def needs(key: str) -> list[Any]:
    return [{"flag": key, "variants": ["on"]}]


def test_flags_that_need_each_other_come_in_together(environment: Environment) -> None:
    both = [definition("a", prerequisites=needs("b")), definition("b")]
    assert store(environment.organization, environment, both).created == ("a", "b")
    assert store(environment.organization, environment, both).unchanged == ("a", "b")


def test_what_does_not_fit_with_what_is_there_is_told_with_its_place(
    environment: Environment, make_flag: MakeFlag
) -> None:
    make_flag("there")
    flags = [
        definition("a", prerequisites=needs("none")),
        definition("b", prerequisites=needs("c")),
        definition("c", prerequisites=needs("b")),
        definition("d", rules=[{"variant": "on", "conditions": [{"segment": "staff"}]}]),
        definition("e"),
        definition("there", prerequisites=needs("none")),
    ]
    with pytest.raises(Invalid) as caught:
        store(environment.organization, environment, flags)
    assert [str(problem) for problem in caught.value.problems] == [
        "flags.a.prerequisites[0]: there is no flag none",
        "flags.b.prerequisites: they form a circle: b → c → b",
        "flags.c.prerequisites: they form a circle: c → b → c",
        "flags.d.rules[0].conditions: there is no segment staff",
        "flags.there: prerequisites[0]: there is no flag none",
    ]
    assert Flag.objects.count() == 1


def test_a_flag_that_changes_its_kind_is_checked_as_it_becomes(environment: Environment, make_flag: MakeFlag) -> None:
    make_flag("f", kind="string", variants={"x": "y"}, default_variant="x", off_variant="")
    stored = store(environment.organization, environment, [definition("f", default_variant="off", rules=SPLIT)])
    assert stored.changed == ("f",)
    assert Flag.objects.get().definition().environments["production"].default_variant == "off"


# --- export ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "name"), [(LUKHAS, "flags.yaml"), (FLAGD, "flags.json")])
def test_what_came_in_goes_out_and_comes_in_the_same(
    environment: Environment, file: Any, tmp_path: Path, content: Any, name: str
) -> None:
    flag("import", file(content, name))
    before = [each.definition() for each in Flag.objects.order_by("key")]
    written = str(tmp_path / f"out-{name}")
    assert flag("export", written) == f"Written to {written}.\n"
    Flag.objects.all().delete()
    flag("import", written)
    assert [each.definition() for each in Flag.objects.order_by("key")] == before


def test_without_a_file_it_is_printed(environment: Environment, make_flag: MakeFlag) -> None:
    make_flag("dark", off_variant="")
    Segment.objects.create(
        organization=environment.organization, key="staff",
        conditions=[{"attribute": "plan", "operator": "equals", "values": ["pro"]}],
    )  # fmt: skip
    found = json.loads(flag("export", "--format", "flagd"))
    assert list(found["flags"]) == ["dark"]
    assert list(found["$evaluators"]) == ["staff"]
    Flag.objects.all().delete()
    assert yaml.safe_load(flag("export")) == {"version": "1.0", "flags": {}}


def test_what_a_form_cannot_hold_is_a_mistake_or_left_out_and_listed(
    environment: Environment, make_flag: MakeFlag
) -> None:
    make_flag("theme", kind="object", variants={"a": {}}, default_variant="a", off_variant="")
    with pytest.raises(CommandError, match=r"flags\.theme: cannot be held"):
        flag("export")
    said, warned = both("export", "--approximate")
    assert yaml.safe_load(said)["flags"] == {}
    assert warned.startswith("approximated: flags.theme: cannot be held")


def test_a_file_that_cannot_be_written_is_told(environment: Environment, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: Is a directory"):
        flag("export", str(tmp_path))
