"""What can go wrong with a request whatever view it is for.

    rest_framework.exceptions.APIException
    ├── HostNotAllowed        400  the Host header names a host that this server does not answer for
    ├── UndecodableUrl        400  the query string is not UTF-8
    ├── BadClientRequestId    400  X-Client-Request-Id is not ASCII, or too long
    ├── BodyTooLarge          413
    └── ServerStopping        503  the server ends, and the answer took longer than it may wait

Everything else that the floor refuses is one of Django REST Framework's own exceptions.
"""

from collections.abc import Mapping
from typing import ClassVar

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import APIException

# What says that a request is at fault, or that the server cannot serve it now. All else is a crash.
EXPECTED = (APIException, Http404, PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)


class HostNotAllowed(APIException):
    status_code = 400
    default_code = "host_not_allowed"
    default_detail = "The Host header of your request names a host that this server does not answer for."


class UndecodableUrl(APIException):
    status_code = 400
    default_code = "undecodable_url"
    default_detail = "The query string of your request is not UTF-8."


class BadClientRequestId(APIException):
    status_code = 400
    default_code = "bad_client_request_id"
    default_detail = "X-Client-Request-Id must be ASCII and at most 512 characters long."


class BodyTooLarge(APIException):
    """`limit` is the size that would have been accepted, in bytes."""

    status_code = 413
    default_code = "request_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than the {limit} bytes this server accepts.")
        self.limit = limit


class ServerStopping(APIException):
    """The last event of a stream that the server could not wait for."""

    status_code = 503
    type = "service_unavailable_error"
    code = default_code = "server_stopping"
    message = default_detail = (
        "The server is stopping, and could not wait for the end of this answer. Please try again."
    )
    param: str | None = None
    headers: ClassVar[Mapping[str, str]] = {"retry-after": "1"}
