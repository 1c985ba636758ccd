"""An export as the answer to a request, sent while it is read."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from analytics.exporting.formats import Format
from analytics.exporting.kinds import Kind
from analytics.exporting.reading import pieces


class Streamed(StreamingHttpResponse):
    """What a generator that asks the database yields. Under ASGI each piece is asked for in the thread that may do so,
    and is sent before the next one is; Django itself would hold all of them first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts: Iterator[bytes] = iter(self)

        def following() -> bytes | None:
            return next(parts, None)

        while (part := await sync_to_async(following)()) is not None:
            yield part


def answer(kind: Kind, rows: QuerySet[Any], form: Format, now: datetime) -> Streamed:
    """Returns these rows as a file to be kept. That nobody on the way keeps it is said by the staff pages."""
    response = Streamed((text for _, text in pieces(kind, rows, form)), content_type=form.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{kind.name}-{now:%Y%m%dT%H%M%SZ}.{form.name}"'
    return response
