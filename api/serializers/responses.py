"""POST /v1/responses: what a caller may send, and the frozen request it becomes.

Nothing is stored here, so whatever needs a store, or a tool that somebody else runs, is refused by name.
"""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from api.exceptions import InvalidValue, UnknownParameter
from api.parameters import CHAT, RESPONSES
from api.requests import ChatRequest, JSONObject, ResponseFormat, ResponseRequest, Sampling, Tool, ToolChoice
from api.responses.translating import Conversation, chat_body, top_logprobs
from api.serializers.chat import OPTIONAL
from api.serializers.fields import Flag, Integer, Metadata, Number, Object, OneOf, Text
from api.serializers.response_inputs import Input
from api.serializers.response_tools import (
    Include,
    Reasoning,
    Refused,
    ResponseStreamOptions,
    ResponseToolChoice,
    ResponseTools,
    TextForm,
    unsupported,
)
from api.serializers.tools import only_when_streaming
from lukhas_site.http.serializers import SparseSerializer

STATELESS = "it stores no responses. Send the whole conversation as 'input'."
NOT_CHAT = CHAT - RESPONSES
"""What only chat has: an upstream would take it for what was asked of it."""


@extend_schema_serializer(component_name="CreateResponse")
class ResponseSerializer(SparseSerializer):
    """Every parameter of the specification, with its type and range. Whether the model honours it is for the backend
    to say; an unknown parameter goes through to an upstream."""

    model = Text(help_text="The id of a model or an alias; see GET /v1/models.")
    input = Input(help_text="A text, or the conversation so far.")
    instructions = Text(**OPTIONAL, help_text="A system message that comes first.")
    stream = Flag(**OPTIONAL, help_text="Answer as server-sent events, token by token.")
    stream_options = ResponseStreamOptions(**OPTIONAL)
    max_output_tokens = Integer(**OPTIONAL, min_value=16, help_text="The most tokens to generate.")
    temperature = Number(**OPTIONAL, min_value=0, max_value=2)
    top_p = Number(**OPTIONAL, min_value=0, max_value=1)
    top_logprobs = Integer(**OPTIONAL, min_value=0, max_value=20)
    include = Include(**OPTIONAL)
    text = TextForm(**OPTIONAL)
    reasoning = Reasoning(**OPTIONAL)
    tools = ResponseTools(**OPTIONAL)
    tool_choice = ResponseToolChoice(**OPTIONAL)
    parallel_tool_calls = Flag(**OPTIONAL)
    metadata = Metadata(**OPTIONAL, help_text="Is repeated in the answer.")
    user = Text(**OPTIONAL)
    safety_identifier = Text(**OPTIONAL, max_length=64)
    service_tier = OneOf(**OPTIONAL, choices=["auto", "default", "flex", "scale", "priority"])
    prompt_cache_key = Text(**OPTIONAL)
    prompt_cache_retention = OneOf(**OPTIONAL, choices=["in_memory", "24h"])
    prompt_cache_options = Object(**OPTIONAL)
    truncation = OneOf(**OPTIONAL, choices=["auto", "disabled"], help_text="`disabled` only.")
    store = Flag(**OPTIONAL, help_text="`false` only, which is also what its absence means.")
    background = Flag(**OPTIONAL, help_text="`false` only.")
    previous_response_id = Refused(why=STATELESS)
    conversation = Refused(why=STATELESS)
    prompt = Refused(why="it keeps no prompts.")
    context_management = Refused(why="it does not compact conversations.")
    max_tool_calls = Refused(why="it runs no tools.")
    moderation = Refused(why="it does not moderate.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        only_when_streaming(attrs)
        if attrs.get("store"):
            raise unsupported("store", STATELESS)
        if attrs.get("background"):
            raise unsupported("background", "an answer is given to whoever waits for it.")
        if attrs.get("truncation") == "auto":
            raise unsupported("truncation", "nothing of a conversation is left out. Only 'disabled' is supported.")
        choice: ToolChoice = attrs.get("tool_choice") or ToolChoice("auto")
        tools: tuple[Tool, ...] = attrs.get("tools") or ()
        if choice.mode == "required" and not tools:
            raise InvalidValue("'required' is only allowed when 'tools' are specified.", param="tool_choice")
        if choice.name is not None and choice.name not in {tool.name for tool in tools}:
            raise InvalidValue(
                f"Invalid value for 'tool_choice': no function named {choice.name[:64]!r} was specified in the "
                "'tools' parameter.",
                param="tool_choice",
            )
        return attrs


_serializer = ResponseSerializer()


def parse_response(body: dict[str, Any]) -> ResponseRequest:
    """The frozen request of a JSON body; raises what is wrong with it."""
    data = _serializer.run_validation(body)
    others = [name for name in body if name not in RESPONSES]
    for name in others:
        if name in NOT_CHAT and body[name] is not None:
            raise UnknownParameter(name)
    conversation = Conversation(data["input"], data.get("instructions"))
    tools: tuple[Tool, ...] = data.get("tools") or ()
    chat = ChatRequest(
        model=data["model"],
        messages=tuple(conversation.messages),
        body=chat_body(data, body, conversation.messages, others),
        sampling=Sampling(
            temperature=data.get("temperature"), top_p=data.get("top_p"), max_tokens=data.get("max_output_tokens")
        ),
        stream=bool(data.get("stream")),
        include_usage=True,
        top_logprobs=top_logprobs(data),
        response_format=data["text"][1] if data.get("text") else ResponseFormat("text"),
        tools=tools,
        tool_choice=(data.get("tool_choice") or ToolChoice("auto")) if tools else ToolChoice("none"),
        parallel_tool_calls=data.get("parallel_tool_calls") is not False,
    )
    return ResponseRequest(chat, _repeated(data, body), tuple(conversation.places))


def _repeated(data: dict[str, Any], body: JSONObject) -> dict[str, Any]:
    """What the answer repeats of the request, each member as the specification has it."""
    text = body.get("text") or {}
    form = text.get("format") or {"type": "text"}
    repeated = {
        "background": False,
        "instructions": data.get("instructions"),
        "max_output_tokens": data.get("max_output_tokens"),
        "metadata": data.get("metadata") or {},
        "parallel_tool_calls": data.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "prompt_cache_key": data.get("prompt_cache_key"),
        "reasoning": {"effort": data.get("reasoning"), "summary": None},
        "safety_identifier": data.get("safety_identifier"),
        "store": False,
        "temperature": data.get("temperature"),
        "text": _given({"format": _given(form), "verbosity": text.get("verbosity")}),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [
            _tool(tool, given) for tool, given in zip(data.get("tools") or (), body.get("tools") or (), strict=True)
        ],
        "top_logprobs": data.get("top_logprobs") or 0,
        "top_p": data.get("top_p"),
        "truncation": "disabled",
    }
    return repeated | _given({name: data.get(name) for name in ("user", "prompt_cache_retention")})


def _given(members: JSONObject) -> dict[str, Any]:
    """Without what is null: the specification has these members with a value, or not at all."""
    return {name: value for name, value in members.items() if value is not None}


def _tool(tool: Tool, given: JSONObject) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": given.get("description"),
        "parameters": given.get("parameters"),
        "strict": tool.strict,
    }
