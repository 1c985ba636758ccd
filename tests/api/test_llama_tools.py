"""Tools through a grammar: what may be said, and how it is read back while it comes."""

import json
import random
import re

import jsonschema
import pytest

from api.engines.llama_decision import said_of
from api.engines.llama_grammar import Rules, SchemaNotHeld
from api.engines.llama_tools import (
    MOST_CALLS,
    OPENING,
    TEXT,
    Arguments,
    CallReader,
    CallStart,
    ParametersNotHeld,
    Text,
    ToolGrammar,
    instructions,
)
from api.requests import Tool
from tests.api.gbnf import Grammar

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city", "days"],
}
WEATHER = Tool("get_weather", "Get the current weather for a city. Ask for one at a time.", CITY, strict=True)
TIME = Tool("get-time", "", {}, strict=False)


def read(texts: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """The text and the calls that a reader makes of an answer in pieces."""
    reader, text, calls = CallReader(), "", []
    for part in [part for piece in texts for part in reader.feed(piece)] + reader.end():
        if isinstance(part, Text):
            text += part.text
        elif isinstance(part, CallStart):
            assert part.index == len(calls)
            calls.append((part.name, ""))
        else:
            assert part.index == len(calls) - 1
            calls[-1] = (calls[-1][0], calls[-1][1] + part.text)
    assert reader.calls == len(calls)
    return text, calls


@pytest.mark.parametrize("parallel", [False, True])
def test_every_answer_that_the_grammar_allows_is_read_back(parallel: bool) -> None:
    rules = Rules()
    calls = ToolGrammar(rules, [WEATHER, TIME])
    held, chance = Grammar(rules.grammar(calls.calls(["get_weather", "get-time"], parallel=parallel))), random.Random(5)
    counts, names = set(), set()
    for _ in range(60):
        answer = held.sample(chance)
        text, found = read([answer])
        assert (text, found) == read(list(answer))
        assert text == ""
        counts.add(len(found))
        for name, arguments in found:
            names.add(name)
            jsonschema.validate(json.loads(arguments), CITY if name == "get_weather" else {"type": "object"})
    assert counts == (set(range(1, MOST_CALLS + 1)) if parallel else {1})
    assert names == {"get_weather", "get-time"}


def test_only_the_tools_that_are_named_can_be_called() -> None:
    rules = Rules()
    calls = ToolGrammar(rules, [WEATHER, TIME])
    held, chance = Grammar(rules.grammar(calls.calls(["get-time"], parallel=True))), random.Random(6)
    assert {name for _ in range(20) for name, _ in read([held.sample(chance)])[1]} == {"get-time"}


@pytest.mark.parametrize("text", ["", "Hello", "<", "<3 you", "a <tool_call>[", '{"name": "x"}', "<b>bold</b>"])
def test_free_text_is_text_however_it_is_cut(text: str) -> None:
    assert read([text]) == (text, [])
    assert read(list(text)) == (text, [])


def test_free_text_never_begins_as_a_call() -> None:
    held, chance = Grammar(f"root ::= {TEXT}"), random.Random(7)
    assert not any(held.sample(chance).startswith("<t") for _ in range(300))


def test_arguments_come_as_they_are_made() -> None:
    reader = CallReader()
    assert reader.feed('<tool_call>[{"name": "f", "argum') == []
    assert reader.feed('ents": {"a": "}') == [CallStart(0, "f"), Arguments(0, '{"a": "}')]
    assert reader.feed('\\"]"') == [Arguments(0, '\\"]"')]
    assert reader.feed("}") == [Arguments(0, "}")]
    assert reader.feed("}, ") == []
    assert reader.feed('{"name": "g", "arguments": {}}]</tool') == [CallStart(1, "g"), Arguments(1, "{}")]
    assert reader.feed("_call>") == []
    assert reader.end() == []


def test_the_model_is_told_the_tools_and_the_form_of_a_call() -> None:
    told = instructions([WEATHER])
    tools = re.search(r"<tools>(.*)</tools>", told)
    assert tools is not None
    assert json.loads(tools[1]) == [
        {"name": "get_weather", "description": WEATHER.description, "parameters": CITY},
    ]
    assert OPENING in told


@pytest.mark.parametrize("parameters", [{"type": "string"}, {"type": ["object", "null"]}])
def test_parameters_must_be_an_object(parameters: dict[str, object]) -> None:
    with pytest.raises(ParametersNotHeld, match='type: "object"') as refusal:
        ToolGrammar(Rules(), [TIME, Tool("f", "", parameters, strict=True)])
    assert refusal.value.index == 1


def test_strict_parameters_that_a_grammar_cannot_hold_are_refused() -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string", "pattern": "a+"}}}
    with pytest.raises(ParametersNotHeld, match="'pattern' is not supported") as refusal:
        ToolGrammar(Rules(), [Tool("f", "", parameters, strict=True)])
    assert refusal.value.index == 0
    assert isinstance(refusal.value.__cause__, SchemaNotHeld)
    ToolGrammar(Rules(), [Tool("f", "", parameters, strict=False)])


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (WEATHER, "get the current weather for a city"),
        (TIME, "get time"),
        (Tool("getUserProfile_v2", "  ", {}, strict=False), "get user profile v2"),
    ],
)
def test_a_tool_is_known_by_its_first_sentence_or_its_name(tool: Tool, words: str) -> None:
    assert said_of(tool) == words
