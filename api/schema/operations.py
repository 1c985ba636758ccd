"""Decorators of operations that are documented alike: those of a tag, with the errors that any of them can give."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema

from api.schema.errors import Examples, responses
from api.schema.shapes import Shape, answers


def of(tag: str, every: Mapping[int, Examples], descriptions: Mapping[int, str]) -> Callable[..., Any]:
    """Returns what makes the decorators of a tag: `every` are the errors that any operation can give, `descriptions`
    what each status means there."""

    def operation(
        operation_id: str,
        summary: str,
        answer: tuple[Shape, Mapping[str, Any]],
        *tables: Mapping[int, Examples],
        status: int = 200,
        **more: Any,
    ) -> Any:
        """The decorator of an operation that answers this shape, as in the examples; `tables` are the errors beyond
        those that any can give."""
        good = OpenApiResponse(answer[0], description="It is done.", examples=answers(answer[1]))
        return extend_schema(
            operation_id=operation_id,
            summary=summary,
            tags=[tag],
            responses={status: good, **responses(every, *tables, descriptions=descriptions)},
            **{"request": None, **more},
        )

    return operation
