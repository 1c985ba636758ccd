"""Files of the catalog, as far as no database is asked: what is read, and how mistakes are told."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import models

from api.manifests.fields import NotTaken, given, shown, taken
from api.manifests.files import dumped, parsed, told
from api.manifests.reading import Entry, fields_of, read
from api.models import CAPABILITIES, Model, Upstream
from features.importing import LARGEST_FILE
from features.problems import Invalid

TEXT = models.CharField()
WHOLE = models.PositiveIntegerField(null=True)
DECIMAL = models.DecimalField(max_digits=14, decimal_places=6)
FLOAT = models.FloatField(null=True)
TRUTH = models.BooleanField()
TABLE = models.JSONField()
RELATION = Model._meta.get_field("upstream")


def mistakes(content: str, suffix: str = ".toml") -> list[str]:
    """Each mistake of a file, with its place."""
    with pytest.raises(Invalid) as caught:
        read(parsed(content.encode(), suffix))
    return [told(problem) for problem in caught.value.problems]


class TestFiles:
    @pytest.mark.parametrize(
        ("suffix", "content"),
        [
            (".toml", '[models."qwen3:8b"]\nupstream = "gpu"\ninput_price = 0.1\nchat = true'),
            (".yaml", 'models:\n  "qwen3:8b": {upstream: gpu, input_price: 0.1, chat: true}'),
            (".yml", "models:\n  qwen3:8b:\n    upstream: gpu\n    input_price: 0.1\n    chat: yes"),
            (".yaml", '{"models": {"qwen3:8b": {"upstream": "gpu", "input_price": 0.1, "chat": true}}}'),
        ],
    )
    def test_toml_and_yaml_say_the_same(self, suffix: str, content: str) -> None:
        values = {"upstream": "gpu", "input_price": Decimal("0.1"), "chat": True}
        assert read(parsed(content.encode(), suffix)) == [Entry("models", "qwen3:8b", values)]

    @pytest.mark.parametrize(
        ("suffix", "content", "message"),
        [
            (".toml", b"[models", "is not TOML: Expected ']' at the end of a table declaration (at end of document)"),
            (".toml", b"a = 1\na = 2", "is not TOML: Cannot overwrite a value (at "),
            (".toml", b"\xff", "is not TOML: 'utf-8' codec can't decode"),
            (".yaml", b"a: [", "is not YAML: while parsing a flow node"),
            (".yaml", b"models:\n  a: {}\n  a: {}", "is not YAML: a is there twice"),
            (".yaml", b"models: !!python/object/apply:os.system ['ls']", "is not YAML: could not determine"),
            (".yaml", b"? [a]\n: b", "is not YAML: while constructing a mapping"),
            (".yaml", b"[" * 1_500, "is not YAML: "),
            (".yaml", b"#" * (LARGEST_FILE + 1), f"the file has more than {LARGEST_FILE} bytes"),
        ],
        ids=lambda value: "content" if isinstance(value, bytes) else None,
    )
    def test_what_cannot_be_read_is_told_with_its_line(self, suffix: str, content: bytes, message: str) -> None:
        with pytest.raises(Invalid) as caught:
            parsed(content, suffix)
        (problem,) = caught.value.problems
        assert told(problem).startswith(message)

    def test_the_line_of_what_is_there_twice_is_told(self) -> None:
        with pytest.raises(Invalid, match="line 3, column 3"):
            parsed(b"models:\n  a: {}\n  a: {}", ".yaml")

    def test_what_is_written_is_read_back_in_its_order(self) -> None:
        tables = {"models": {"b": {"context_window": None, "input_price": "0.15"}, "ä": {}}}
        assert parsed(dumped(tables).encode(), ".yaml") == tables
        assert list(parsed(dumped(tables).encode(), ".yaml")["models"]) == ["b", "ä"]


class TestReading:
    def test_entries_come_upstreams_first_and_aliases_last_with_what_is_given_only(self) -> None:
        content = """
            [aliases.fast]
            target = "m"
            [models.m]
            upstream = "gpu"
            context_window = ""
            [upstreams.gpu]
            base_url = "http://gpu/v1/"
        """
        assert read(parsed(content.encode(), ".toml")) == [
            Entry("upstreams", "gpu", {"base_url": "http://gpu/v1"}),
            Entry("models", "m", {"upstream": "gpu", "context_window": None}),
            Entry("aliases", "fast", {"target": "m"}),
        ]

    def test_every_mistake_is_told_with_its_place(self) -> None:
        content = """
            models = {"llama3.2:3b" = {upstream = 5, chat = "yes", contxt_window = 1}, b = 7}
            aliases = []
            version = 1
            [upstreams.gpu]
            base_url = ["http://gpu/v1"]
            api_key = "sk-secret"
            name = "x"
        """
        assert mistakes(content) == [
            "version: is not known here",
            "upstreams.gpu.base_url: must be a text",
            "upstreams.gpu.api_key: is not known here",
            "upstreams.gpu.name: is not known here",
            'models."llama3.2:3b".upstream: must be a text',
            'models."llama3.2:3b".chat: must be true or false',
            'models."llama3.2:3b".contxt_window: is not known here',
            "models.b: must be a table",
            "aliases: must be a table",
        ]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", ["must be an object"]),
            ("- a", ["must be an object"]),
            ("models: {5: {}}", ["models.5: the name must be a text"]),
            ("models: {a: {5: x}}", ["models.a.5: is not known here"]),
            ("models: {a: {upstream: null}}", ["models.a.upstream: must not be null"]),
            ("models: {a: {encoding: 2026-01-31}}", ["models.a.encoding: must be a text"]),
        ],
    )
    def test_yaml_of_other_shapes_is_refused_likewise(self, content: str, told: list[str]) -> None:
        assert mistakes(content, ".yaml") == told

    def test_an_entry_may_have_every_field_that_is_audited_but_its_own_name(self) -> None:
        assert [field.name for field in fields_of("upstreams")] == [n for n in Upstream.audit_fields if n != "name"]
        assert {*CAPABILITIES, "upstream", "input_price"} <= {field.name for field in fields_of("models")}
        assert [field.name for field in fields_of("aliases")] == ["target", "rollout"]


class TestFields:
    @pytest.mark.parametrize(
        ("field", "value", "expected"),
        [
            (TEXT, "a", "a"),
            (TEXT, "", ""),
            (RELATION, "gpu", "gpu"),
            (TRUTH, False, False),
            (WHOLE, 0, 0),
            (WHOLE, "", None),
            (WHOLE, None, None),
            (DECIMAL, 1, Decimal(1)),
            (DECIMAL, 0.1, Decimal("0.1")),
            (DECIMAL, Decimal("0.15"), Decimal("0.15")),
            (DECIMAL, "0.15", Decimal("0.15")),
            (FLOAT, 2, 2.0),
            (FLOAT, Decimal("0.5"), 0.5),
            (FLOAT, "", None),
            (TABLE, {"a": {"b": [Decimal("0.5"), None]}}, {"a": {"b": [0.5, None]}}),
        ],
    )
    def test_a_value_becomes_the_fields(self, field: Any, value: Any, expected: Any) -> None:
        found = taken(field, value)
        assert (found, type(found)) == (expected, type(expected))

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            (TEXT, 5, "must be a text"),
            (TEXT, None, "must not be null"),
            (TEXT, "x" * 1_001, "has more than 1000 characters"),
            (TEXT, "a\x00", "has a character that cannot be stored"),
            (RELATION, None, "must not be null"),
            (RELATION, {}, "must be a text"),
            (TRUTH, 1, "must be true or false"),
            (TRUTH, "", "must be true or false"),
            (WHOLE, True, "must be a whole number"),
            (WHOLE, 1.0, "must be a whole number"),
            (WHOLE, "5", "must be a whole number"),
            (DECIMAL, True, "must be a number"),
            (DECIMAL, "", "must be a number"),
            (DECIMAL, "five", "must be a number"),
            (DECIMAL, [], "must be a number"),
            (DECIMAL, Decimal("Infinity"), "must be a number"),
            (DECIMAL, "1e999999999", "must be a number"),
            (FLOAT, "nan", "must be a number"),
            (TABLE, [], "must be a table"),
            (TABLE, {"a": object()}, "is not JSON (object)"),
        ],
    )
    def test_another_is_refused_in_words(self, field: Any, value: Any, message: str) -> None:
        with pytest.raises(NotTaken) as caught:
            taken(field, value)
        assert str(caught.value) == message

    def test_a_table_without_end_is_refused(self) -> None:
        endless: dict[str, Any] = {}
        endless["again"] = endless
        with pytest.raises(NotTaken, match="nests deeper"):
            taken(TABLE, endless)

    @pytest.mark.parametrize(
        ("value", "in_file", "in_words"),
        [
            (Decimal("0.150000"), "0.15", "0.15"),
            (Decimal("100.000000"), "100", "100"),
            (Decimal("0E-6"), "0", "0"),
            (None, None, "none"),
            ("", "", "none"),
            ({}, {}, "none"),
            (0, 0, "0"),
            (True, True, "yes"),
            (False, False, "no"),
            (Upstream(name="gpu"), "gpu", "gpu"),
        ],
    )
    def test_a_value_is_written_for_files_and_for_people(self, value: Any, in_file: Any, in_words: str) -> None:
        assert (given(value), shown(value)) == (in_file, in_words)
