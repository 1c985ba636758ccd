"""The texts of a request: what models that read only text make of content parts and of token ids."""

from api.catalog import Target
from api.engines import encodings
from api.exceptions import InvalidValue, UnsupportedValue
from api.requests import CompletionRequest, JSONObject


def text_of(message: JSONObject, path: str) -> str:
    """The message's text, its parts joined by nothing; "" when there is none.

    Raises `UnsupportedValue` for a part that is neither text nor a refusal: images, audio and files.
    """
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for at, part in enumerate(content):
        kind = part["type"]
        if kind not in ("text", "refusal"):
            raise UnsupportedValue(
                f"Invalid value: '{kind}'. This model reads only text: supported values are 'text' and 'refusal'.",
                param=f"{path}.content[{at}].type",
            )
        texts.append(part[kind])
    return "".join(texts)


def prompt_of(request: CompletionRequest, at: int, target: Target) -> str:
    """The text of one prompt of a legacy completion. Raises `InvalidValue` as `decoded` does."""
    return decoded(request.prompts[at], target, "prompt" if len(request.prompts) == 1 else f"prompt[{at}]")


def decoded(given: str | tuple[int, ...], target: Target, param: str) -> str:
    """A text as it is; token ids decoded with the encoding that the catalog declares for the model.

    Raises `InvalidValue` for an id that the encoding does not have.
    """
    if isinstance(given, str):
        return given
    try:
        return encodings.decode(target.encoding, given)
    except ValueError as error:
        raise InvalidValue(f"Invalid '{param}': {error}", param=param) from error
