"""The text of a message: what models that read only text make of OpenAI's content parts."""

from api.exceptions import UnsupportedValue
from api.requests import JSONObject


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
