"""Why a caller is turned away.

    AuthenticationFailed (DRF, 401)
    ├── KeyMissing                 no key, or an Authorization header that is not `Bearer KEY`
    ├── KeyInvalid                 invalid_api_key: unknown, revoked, expired, or fallen with its owner or project
    │   └── KeyTooShort            invalid_api_key, refused before any look-up
    ├── KeyExposed                 invalid_api_key: a secret key in the URL, whatever it is worth
    ├── OrganizationMismatch       mismatched_organization
    └── ProjectMismatch            mismatched_project
    PermissionDenied (DRF, 403)
    ├── ScopeMissing               insufficient_permissions
    └── OriginNotAllowed           origin_not_allowed: a publishable key on a page that is not on its list
    APIException (DRF)
    ├── LimitReached (429)         a rate limit; the caller may wait
    ├── BudgetSpent (429)          a budget; waiting helps only where others are under way
    └── LimitsUnavailable (503)    the limits cannot be kept just now

They are plain DRF exceptions that also carry the fields of OpenAI's error object. A database that fails during the
look-up is none of these: its own exception passes, so that an outage never looks like a wrong key.
"""

from collections.abc import Mapping
from decimal import Decimal

from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied

CHALLENGE = 'Bearer realm="OpenAI API"'


class Refused(AuthenticationFailed):
    """401, with the fields of OpenAI's error object and the challenge that RFC 9110 asks for."""

    type = "invalid_request_error"
    code: str | None = None
    param: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.headers = {"WWW-Authenticate": CHALLENGE}


class KeyMissing(Refused):
    def __init__(self) -> None:
        super().__init__(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
            "auth (i.e. Authorization: Bearer YOUR_KEY)."
        )


class KeyInvalid(Refused):
    code = "invalid_api_key"

    def __init__(self, masked: str) -> None:
        """`masked` is the key as `accounts.keys.masked` shows it, never the key."""
        super().__init__(f"Incorrect API key provided: {masked}.")


class KeyTooShort(KeyInvalid):
    pass


class KeyExposed(Refused):
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "A secret API key was sent in the URL, where proxies, logs and histories keep it. Send it in an "
            "Authorization header, and replace the key. A key of this server has been marked as exposed."
        )


class OrganizationMismatch(Refused):
    code = "mismatched_organization"

    def __init__(self) -> None:
        super().__init__("OpenAI-Organization header should match organization for API key")


class ProjectMismatch(Refused):
    code = "mismatched_project"

    def __init__(self) -> None:
        super().__init__("OpenAI-Project header should match project for API key")


class ScopeMissing(PermissionDenied):
    """403: the key is good, but may not do this. `missing` names the scopes that would be needed."""

    type = "invalid_request_error"
    code = "insufficient_permissions"
    param: str | None = None

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing
        self.message = (
            f"You have insufficient permissions for this operation. Missing scopes: {', '.join(missing)}. "
            "Check that your key has the scope, and its owner the role."
        )
        self.headers: dict[str, str] = {}
        super().__init__(self.message)


class LimitReached(APIException):
    """429: a rate limit of `scope` (`project:proj_…`) is reached, and the request was not counted.

    `unit` is `requests`, `tokens` or `in_flight`, `period` `minute`, `day` or, for what is in flight, empty. `model` is
    the one that was asked for. `retry_after` is in seconds, None where the request is larger than the whole limit, and
    so never fits. `headers` tell what is left.
    """

    status_code = 429

    def __init__(
        self,
        *,
        scope: str,
        model: str,
        unit: str,
        period: str,
        limit: int,
        used: int,
        requested: int,
        retry_after: float | None,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(f"A limit on {unit} of {scope} is reached.")
        self.scope = scope
        self.model = model
        self.unit = unit
        self.period = period
        self.limit = limit
        self.used = used
        self.requested = requested
        self.retry_after = retry_after
        self.headers = dict(headers)


class BudgetSpent(APIException):
    """429: the budget of `scope` for the `period` (`day` or `month`) does not hold what the request may cost.

    All amounts are US dollars. `retry_after` is in seconds, None where the budget is spent; else it is held by requests
    under way, which may cost less. `headers` tell what is left of the rate limits.
    """

    status_code = 429

    def __init__(
        self,
        *,
        scope: str,
        period: str,
        limit: Decimal,
        used: Decimal,
        requested: Decimal,
        retry_after: float | None,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(f"The budget of {scope} for the {period} is used up.")
        self.scope = scope
        self.period = period
        self.limit = limit
        self.used = used
        self.requested = requested
        self.retry_after = retry_after
        self.headers = dict(headers)


class LimitsUnavailable(APIException):
    """503: where limits are kept cannot be reached, and the server is set to refuse rather than to guess."""

    status_code = 503
    type = "service_unavailable_error"
    code = "server_is_overloaded"
    param: str | None = None

    def __init__(self) -> None:
        self.message = "The limits of your request cannot be checked at the moment. Please try again."
        self.headers = {"retry-after": "1"}
        super().__init__(self.message)


class OriginNotAllowed(PermissionDenied):
    """403: a publishable key is used from elsewhere than the pages that it was made for."""

    type = "invalid_request_error"
    code = "origin_not_allowed"
    param: str | None = None

    def __init__(self) -> None:
        self.message = "This publishable API key may not be used from this origin."
        self.headers: dict[str, str] = {}
        super().__init__(self.message)
