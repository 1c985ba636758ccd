"""What a chat request asks of the embedded model, found out before the model is: its prompt and its grammar."""

from api.backends.embedded_turns import turns
from api.engines.llama_grammar import Rules, SchemaNotHeld
from api.engines.llama_schema import add_schema
from api.engines.llama_tools import ParametersNotHeld, ToolGrammar
from api.exceptions import InvalidValue
from api.requests import ChatRequest, ResponseFormat, Tool


class Plan:
    """What a chat request asks for, before the model is asked: the turns of its prompt, and the rules of its answer.

    `form` is the expression of a text that is not free, `calls` are those of the tools that may be called, if any.
    """

    def __init__(self, request: ChatRequest) -> None:
        choice = request.tool_choice
        chosen = enumerate(() if choice.mode == "none" else request.tools)
        at = [(index, tool) for index, tool in chosen if choice.name in (None, tool.name)]
        self.tools: list[Tool] = [tool for _, tool in at]
        self.rules = Rules()
        self.form = _form(self.rules, request.response_format)
        self.calls: ToolGrammar | None = None
        if self.tools:
            try:
                self.calls = ToolGrammar(self.rules, self.tools)
            except ParametersNotHeld as error:
                index, tool = at[error.index]
                raise InvalidValue(
                    f"Invalid schema for function '{tool.name}': {error}", param=f"tools[{index}].function.parameters"
                ) from error
        self.turns = turns(request.messages, self.tools)


def _form(rules: Rules, form: ResponseFormat) -> str | None:
    if form.type == "text":
        return None
    if form.type == "json_object":
        return "object"
    try:
        return add_schema(rules, form.schema, strict=form.strict)
    except SchemaNotHeld as error:
        raise InvalidValue(
            f"Invalid schema for response_format '{form.name}': {error}", param="response_format.json_schema.schema"
        ) from error
