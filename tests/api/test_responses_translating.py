"""What of a request for a response becomes the chat that answers it."""

from typing import Any

import pytest

from api.exceptions import InvalidRequest
from api.requests import ChatRequest, Place, ResponseFormat, Sampling, Tool, ToolChoice
from api.serializers.responses import parse_response

USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "one"}
OTHER_CALL, OTHER_OUTPUT = {**CALL, "call_id": "c2", "name": "g"}, {**OUTPUT, "call_id": "c2", "output": "two"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
SAID = {"role": "assistant", "content": "Let me see."}
FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}


def chat_of(**body: Any) -> ChatRequest:
    return parse_response({"model": "m", "input": "Hi", **body}).chat


def messages_of(*items: Any, **body: Any) -> list[Any]:
    return list(chat_of(input=list(items), **body).messages)


def calling(*calls: tuple[str, str], content: str | None = None) -> dict[str, Any]:
    """An assistant's message with these calls: ids and names."""
    made = [{"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}} for id, name in calls]
    return {"role": "assistant", "content": content, "tool_calls": made}


def tool(id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content}


class TestMessages:
    def test_a_text_is_what_the_user_says_after_the_instructions(self) -> None:
        assert chat_of().messages == (USER,)
        assert chat_of(instructions="Be brief.").messages == ({"role": "system", "content": "Be brief."}, USER)

    def test_roles_stay_and_a_type_may_be_left_out(self) -> None:
        roles = ("user", "assistant", "system", "developer")
        for type in ({"type": "message"}, {"type": None}, {}):
            assert [one["role"] for one in messages_of(*({**USER, "role": role, **type} for role in roles))] == [*roles]

    def test_what_an_item_says_of_itself_is_of_no_effect(self) -> None:
        said = {**SAID, "type": "message", "id": "msg_1", "status": "completed", "phase": "final_answer"}
        assert messages_of(said) == [SAID]

    @pytest.mark.parametrize(
        ("role", "parts", "content"),
        [
            ("user", [{"type": "input_text", "text": "a"}], "a"),
            ("assistant", [{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}], "a"),
            ("assistant", [{"type": "input_text", "text": "a"}], "a"),
            ("assistant", [{"type": "refusal", "refusal": "no"}], [{"type": "refusal", "refusal": "no"}]),
            (
                "assistant",
                [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}],
                [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}],
            ),
            (
                "user",
                [{"type": "input_image", "image_url": "data:x", "detail": "low", "file_id": None}],
                [{"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}}],
            ),
            (
                "user",
                [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:x"}],
                [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:x"}}],
            ),
            (
                "user",
                [{"type": "input_file", "filename": "a.pdf", "file_data": "data:y"}],
                [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:y"}}],
            ),
            (
                "user",
                [{"type": "input_file", "file_data": "data:y"}],
                [{"type": "file", "file": {"file_data": "data:y"}}],
            ),
        ],
    )
    def test_parts_are_chats(self, role: str, parts: list[Any], content: Any) -> None:
        assert messages_of({"role": role, "content": parts}) == [{"role": role, "content": content}]

    def test_reasoning_is_dropped(self) -> None:
        assert messages_of(USER, REASONING, SAID) == [USER, SAID]


class TestCalls:
    def test_a_call_is_a_message_and_its_output_the_next(self) -> None:
        assert messages_of(USER, CALL, OUTPUT) == [USER, calling(("c1", "f")), tool("c1", "one")]

    def test_calls_that_follow_each_other_are_one_message_with_what_was_said_before(self) -> None:
        both = [calling(("c1", "f"), ("c2", "g"), content="Let me see."), tool("c1", "one"), tool("c2", "two")]
        for items in (
            (SAID, CALL, OTHER_CALL, OUTPUT, OTHER_OUTPUT),
            (SAID, REASONING, CALL, REASONING, OTHER_CALL, OTHER_OUTPUT, OUTPUT),
        ):
            assert messages_of(USER, *items) == [USER, *both]

    def test_each_round_is_a_message_of_its_own(self) -> None:
        assert messages_of(USER, CALL, OUTPUT, OTHER_CALL, OTHER_OUTPUT, USER) == [
            USER,
            calling(("c1", "f")),
            tool("c1", "one"),
            calling(("c2", "g")),
            tool("c2", "two"),
            USER,
        ]

    def test_an_output_follows_its_call_wherever_it_stands(self) -> None:
        expected = [USER, calling(("c1", "f")), tool("c1", "one"), SAID]
        assert messages_of(USER, CALL, SAID, OUTPUT) == expected

    def test_an_output_may_be_in_parts(self) -> None:
        text = {"type": "input_text", "text": "a"}
        assert messages_of(CALL, {**OUTPUT, "output": [text]})[1] == tool("c1", "a")
        parts = messages_of(CALL, {**OUTPUT, "output": [text, text]})[1]
        assert parts == tool("c1", [{"type": "text", "text": "a"}] * 2)

    @pytest.mark.parametrize(
        ("items", "param", "told"),
        [
            ([CALL], "input[0].call_id", "No tool output found for function call c1."),
            ([USER, CALL, USER], "input[1].call_id", "No tool output found for function call c1."),
            ([OUTPUT], "input[0].call_id", "No tool call found for function call output with call_id c1."),
            ([OUTPUT, CALL], "input[0].call_id", "No tool call found for function call output with call_id c1."),
            ([CALL, OUTPUT, OUTPUT], "input[2].call_id", "Two outputs for function call c1."),
            ([CALL, CALL, OUTPUT], "input[1].call_id", "Two function calls with call_id c1."),
            ([CALL, OUTPUT, CALL], "input[2].call_id", "Two function calls with call_id c1."),
        ],
    )
    def test_calls_and_outputs_belong_together(self, items: list[Any], param: str, told: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            messages_of(*items)
        assert (caught.value.code, caught.value.param, caught.value.message) == ("invalid_value", param, told)

    def test_where_each_message_stood_is_known(self) -> None:
        items = [USER, SAID, CALL, OTHER_CALL, OTHER_OUTPUT, OUTPUT, {**CALL, "call_id": "c3"}]
        request = parse_response(
            {"model": "m", "instructions": "x", "input": [*items, {**OUTPUT, "call_id": "c3"}]},
        )
        assert request.places == (
            Place("instructions"),
            Place("input[0]"),
            Place("input[1]", ("input[2]", "input[3]")),
            Place("input[5]", output=True),
            Place("input[4]", output=True),
            Place("input[6]", ("input[6]",)),
            Place("input[7]", output=True),
        )
        assert parse_response({"model": "m", "input": "x"}).places == (Place("input"),)


class TestParameters:
    def test_those_that_chat_has_go_under_its_names(self) -> None:
        chat = chat_of(
            temperature=0.5, top_p=0.9, user="u", safety_identifier="s", service_tier="flex", max_output_tokens=20,
            prompt_cache_key="k", prompt_cache_retention="24h", prompt_cache_options={"mode": "implicit"},
            reasoning={"effort": "low"}, text={"verbosity": "high"}, stream=True, colour="red", nothing=None,
        )  # fmt: skip
        assert chat.body == {
            "model": "m",
            "messages": [USER],
            "temperature": 0.5,
            "top_p": 0.9,
            "user": "u",
            "safety_identifier": "s",
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "prompt_cache_retention": "24h",
            "prompt_cache_options": {"mode": "implicit"},
            "max_completion_tokens": 20,
            "reasoning_effort": "low",
            "verbosity": "high",
            "stream": True,
            "colour": "red",
        }
        assert chat.sampling == Sampling(temperature=0.5, top_p=0.9, max_tokens=20)
        assert (chat.stream, chat.include_usage) == (True, True)

    def test_what_is_for_this_server_alone_goes_nowhere(self) -> None:
        chat = chat_of(store=False, background=False, truncation="disabled", metadata={"a": "b"}, include=[])
        assert chat.body == {"model": "m", "messages": [USER]}
        assert chat == ChatRequest(
            model="m", messages=(USER,), body=chat.body, include_usage=True, tool_choice=ToolChoice("none")
        )

    def test_a_schema_is_a_response_format(self) -> None:
        form: dict[str, Any] = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
        chat = chat_of(text={"format": {**form, "description": None}})
        described = {"name": "n", "schema": {"type": "object"}, "strict": True}
        assert chat.body["response_format"] == {"type": "json_schema", "json_schema": described}
        assert chat.response_format == ResponseFormat("json_schema", "n", {"type": "object"}, True)
        chat = chat_of(text={"format": {"type": "json_object"}})
        assert chat.body["response_format"] == {"type": "json_object"}
        assert chat.response_format == ResponseFormat("json_object")
        for text in ({"format": {"type": "text"}}, {"format": None}, {}):
            chat = chat_of(text=text)
            assert ("response_format" in chat.body, chat.response_format) == (False, ResponseFormat("text"))

    def test_a_function_is_a_tool(self) -> None:
        chat = chat_of(tools=[FUNCTION, {"type": "function", "name": "g", "strict": None}], parallel_tool_calls=False)
        described = {name: FUNCTION[name] for name in ("name", "description", "parameters", "strict")}
        assert chat.body["tools"] == [
            {"type": "function", "function": described},
            {"type": "function", "function": {"name": "g"}},
        ]
        assert chat.tools == (Tool("f", "d", {"type": "object"}, True), Tool("g", "", {}, False))
        assert chat.body["parallel_tool_calls"] is chat.parallel_tool_calls is False
        assert ("tool_choice" in chat.body, chat.tool_choice) == (False, ToolChoice("auto"))

    @pytest.mark.parametrize(
        ("given", "sent", "read"),
        [
            ("required", "required", ToolChoice("required")),
            (
                {"type": "function", "name": "f"},
                {"type": "function", "function": {"name": "f"}},
                ToolChoice("function", "f"),
            ),
        ],
    )
    def test_so_is_the_choice_of_one(self, given: Any, sent: Any, read: ToolChoice) -> None:
        chat = chat_of(tools=[FUNCTION], tool_choice=given)
        assert (chat.body["tool_choice"], chat.tool_choice) == (sent, read)

    def test_without_tools_nothing_is_said_of_them(self) -> None:
        chat = chat_of(tools=[], tool_choice="auto", parallel_tool_calls=True)
        assert (chat.body, chat.tool_choice) == ({"model": "m", "messages": [USER]}, ToolChoice("none"))

    @pytest.mark.parametrize(
        ("asked", "most"),
        [
            ({}, None),
            ({"top_logprobs": 0}, None),
            ({"top_logprobs": 2}, 2),
            ({"include": ["message.output_text.logprobs"]}, 0),
            ({"include": ["message.output_text.logprobs"], "top_logprobs": 2}, 2),
        ],
    )
    def test_logprobs_are_asked_for_by_either_name(self, asked: dict[str, Any], most: int | None) -> None:
        chat = chat_of(**asked)
        sent = {} if most is None else {"logprobs": True, "top_logprobs": most}
        assert chat.top_logprobs == most
        assert {name: chat.body[name] for name in ("logprobs", "top_logprobs") if name in chat.body} == sent
