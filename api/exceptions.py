"""Everything that can go wrong on the OpenAI wire, as exceptions; `api.errors` renders them.

    APIError
    ├── InvalidRequest                400  invalid_request_error
    │   ├── NotParsable               400  body is not a JSON object
    │   ├── MissingParameter          400  missing_required_parameter
    │   ├── InvalidType               400  invalid_type
    │   ├── InvalidValue              400  invalid_value
    │   ├── UnknownParameter          400  unknown_parameter
    │   ├── UnsupportedParameter      400  unsupported_parameter
    │   ├── UnsupportedValue          400  unsupported_value
    │   ├── ContextLengthExceeded     400  context_length_exceeded
    │   ├── InputTooLong              400  one embedding input over the model's maximum
    │   ├── TooManyTokens             400  max_tokens_per_request
    │   ├── PolicyViolation           400  content_policy_violation
    │   ├── UnknownRoute              404
    │   ├── NotFound                  404  not_found: no such object, or one of another organisation
    │   ├── UnsupportedEndpoint       404
    │   ├── ModelNotFound             404  model_not_found
    │   ├── MethodNotAllowed          405  method_not_allowed
    │   ├── Conflict                  409  named; never worth a retry
    │   ├── RequestTooLarge           413  request_too_large
    │   └── UnsupportedContentType    415  unsupported_content_type
    ├── RateLimited                   429  rate_limit_exceeded, in `api.refusals`
    ├── QuotaExceeded                 429  insufficient_quota, in `api.refusals`
    ├── ServerError                   500
    ├── UpstreamError                 502  upstream_error
    │   └── MailNotSent               502  mail_not_sent
    ├── Overloaded                    503  server_is_overloaded
    │   ├── UpstreamsDown             503  upstreams_down, in `api.refusals`
    │   └── GuardianUnavailable       503  guardian_unavailable, in `api.refusals`
    └── UpstreamTimeout               504  upstream_timeout

Who is turned away (401, 403) is told by `accounts.exceptions`, whose classes carry the same fields.

`param` is the dotted path of the offending parameter (`messages[0].role`), as in OpenAI's specification of `Error`.
"""

from collections.abc import Iterable, Mapping

from rest_framework.exceptions import APIException

SHOWN_CHARACTERS = 200


def clipped(told: str) -> str:
    """What a caller sent, as far as an error repeats it."""
    return told if len(told) <= SHOWN_CHARACTERS else f"{told[:SHOWN_CHARACTERS]}…"


class APIError(APIException):
    """An error with OpenAI's four fields: message, type, param and code; and headers of its own, if any."""

    status_code = 500
    type = "server_error"
    code: str | None = None
    default_detail = "The server had an error while processing your request. Sorry about that!"

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = str(self.detail)
        self.param = param
        self.code = code or self.code
        self.headers: dict[str, str] = dict(headers or {})


class InvalidRequest(APIError):
    status_code = 400
    type = "invalid_request_error"
    default_detail = "Your request is invalid."


class NotParsable(InvalidRequest):
    default_detail = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
        "library correctly. The API expects a JSON payload, but what was sent was not valid JSON.)"
    )


class MissingParameter(InvalidRequest):
    code = "missing_required_parameter"

    def __init__(self, param: str) -> None:
        super().__init__(f"Missing required parameter: '{param}'.", param=param)


class InvalidType(InvalidRequest):
    code = "invalid_type"

    def __init__(self, param: str, expected: str, got: str) -> None:
        """`expected` and `got` come with their article: `a string`, `an integer`, `null`."""
        super().__init__(f"Invalid type for '{param}': expected {expected}, but got {got} instead.", param=param)


class InvalidValue(InvalidRequest):
    code = "invalid_value"


class UnknownParameter(InvalidRequest):
    code = "unknown_parameter"

    def __init__(self, param: str) -> None:
        name = clipped(param)
        super().__init__(f"Unknown parameter: '{name}'.", param=name)


class UnsupportedParameter(InvalidRequest):
    code = "unsupported_parameter"

    def __init__(self, param: str, message: str | None = None) -> None:
        super().__init__(message or f"Unsupported parameter: '{param}' is not supported with this model.", param=param)


class UnsupportedValue(InvalidRequest):
    code = "unsupported_value"


class ContextLengthExceeded(InvalidRequest):
    code = "context_length_exceeded"

    def __init__(self, limit: int, requested: int, param: str = "messages") -> None:
        """Both in tokens; `requested` counts the prompt and the tokens asked for."""
        super().__init__(
            f"This model's maximum context length is {limit} tokens. However, your {param} resulted in {requested} "
            f"tokens. Please reduce the length of the {param}.",
            param=param,
        )


class InputTooLong(InvalidRequest):
    def __init__(self, limit: int, requested: int, *, exact: bool = True) -> None:
        """Both in tokens of the model, for one embedding input; `requested` is a lower bound where it is not
        `exact`, for counting stops when the answer is known."""
        shown = f"{'' if exact else 'at least '}{requested}"
        super().__init__(
            f"This model's maximum context length is {limit} tokens, however you requested {shown} tokens "
            f"({shown} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )


class TooManyTokens(InvalidRequest):
    type = "max_tokens_per_request"
    code = "max_tokens_per_request"

    def __init__(self, limit: int, requested: int, *, exact: bool = True) -> None:
        """Both in tokens, all inputs of one embedding request together; `exact` as in `InputTooLong`."""
        shown = f"{'' if exact else 'at least '}{requested}"
        super().__init__(
            f"Requested {shown} tokens, max {limit} tokens per request. Please reduce the number of inputs."
        )


class PolicyViolation(InvalidRequest):
    code = "content_policy_violation"

    def __init__(self, reason_code: str) -> None:
        super().__init__(f"Your request was refused by a policy of this server: {reason_code}.")


class UnknownRoute(InvalidRequest):
    status_code = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"Invalid URL ({method} {clipped(path)})")


class ModelNotFound(InvalidRequest):
    status_code = 404
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(f"The model `{clipped(model)}` does not exist or you do not have access to it.", param="model")


class MethodNotAllowed(InvalidRequest):
    status_code = 405
    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        allow = ", ".join(allowed)
        super().__init__(f"Not allowed to {method} on this URL. Allowed: {allow}.", headers={"Allow": allow})


class Conflict(InvalidRequest):
    """A conflict that no retry can cure; `code` names it."""

    status_code = 409

    def __init__(self, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message, param=param, code=code, headers={"x-should-retry": "false"})


class NotFound(InvalidRequest):
    """An object that is not there; one of another organisation is none. `kind` is in words: `service account`."""

    status_code = 404
    code = "not_found"

    def __init__(self, kind: str, id: str | None = None) -> None:
        """Without an id: where there can be but one of the kind."""
        super().__init__(f"No {kind} found." if id is None else f"No {kind} found with id '{id[:64]}'.")


class UnsupportedEndpoint(InvalidRequest):
    """A path of the specification, or a relative of one, that this server does not have."""

    status_code = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{method} {path[:200]} is not supported by this server.")


class RequestTooLarge(InvalidRequest):
    status_code = 413
    code = "request_too_large"

    def __init__(self, limit: int) -> None:
        """The limit in bytes."""
        super().__init__(f"The request body is larger than the {limit} bytes this server accepts.")


class UnsupportedContentType(InvalidRequest):
    status_code = 415
    code = "unsupported_content_type"

    def __init__(self, complaint: str) -> None:
        """`complaint` is a sentence that names what came; a caller's header is shown in it, so it is cut short."""
        super().__init__(f"{clipped(complaint)} This endpoint accepts 'application/json'.")


class ServerError(APIError):
    """A crash: says nothing but the request id."""

    def __init__(self, request_id: str | None = None) -> None:
        tail = f" Please include the request ID {request_id} in your report." if request_id else ""
        super().__init__(f"{self.default_detail}{tail}")


class UpstreamError(APIError):
    status_code = 502
    code = "upstream_error"
    default_detail = "The upstream server failed to answer."


class MailNotSent(UpstreamError):
    code = "mail_not_sent"
    default_detail = "The mail could not be sent, so nothing was done. Please try again."


class Overloaded(APIError):
    """Out of a resource for the moment. `retry_after` in seconds."""

    status_code = 503
    type = "service_unavailable_error"
    code = "server_is_overloaded"
    default_detail = "The server is overloaded or not ready yet."

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after)})


class UpstreamTimeout(APIError):
    status_code = 504
    code = "upstream_timeout"
    default_detail = "The upstream server did not answer in time."
