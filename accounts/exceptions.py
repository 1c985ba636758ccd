"""Why a caller is turned away.

    AuthenticationFailed (DRF, 401)
    ├── KeyMissing                 no key, or an Authorization header that is not `Bearer KEY`
    ├── KeyInvalid                 invalid_api_key: unknown, revoked, expired, or fallen with its owner or project
    │   └── KeyTooShort            invalid_api_key, refused before any look-up
    ├── KeyExposed                 invalid_api_key: a secret key in the URL, whatever it is worth
    ├── OrganizationMismatch       mismatched_organization
    ├── ProjectMismatch            mismatched_project
    ├── SessionMissing             no session token, where nothing else will do
    ├── SessionInvalid             invalid_session: unknown, ended, or run out
    ├── SessionExposed             invalid_session: a session token in the URL, whatever it is worth
    └── LoginFailed                invalid_credentials: no such user, a wrong password, or a user who is not active
    PermissionDenied (DRF, 403)
    ├── ScopeMissing               insufficient_permissions
    └── OriginNotAllowed           origin_not_allowed: a publishable key on a page that is not on its list
    APIException (DRF)
    ├── OrganizationUnclear (400)  organization_required: of several organisations the caller names none
    ├── NotThere (404)             not_found: no such object, or somebody else's
    ├── Conflicting (409)          named; never worth a retry
    ├── LoginLocked (429)          login_locked: too many wrong passwords
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


class SessionMissing(Refused):
    def __init__(self) -> None:
        super().__init__(
            "You are not signed in. POST your username and password to /api/sessions, and send the token that you get "
            "in an Authorization header (i.e. Authorization: Bearer st-lukhas-…)."
        )


class SessionInvalid(Refused):
    code = "invalid_session"

    def __init__(self) -> None:
        super().__init__("Your session is unknown or has ended. Please sign in again.")


class SessionExposed(Refused):
    code = "invalid_session"

    def __init__(self) -> None:
        super().__init__(
            "The token of a session was sent in the URL, where proxies, logs and histories keep it. Send it in an "
            "Authorization header. The session has been ended; please sign in again."
        )


class LoginFailed(Refused):
    """One message, whatever was wrong: it tells nobody which user names there are."""

    code = "invalid_credentials"

    def __init__(self) -> None:
        super().__init__("The username or the password is wrong.")


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


class OrganizationUnclear(APIException):
    """400: somebody of several organisations, or of none, does not say for which one this is meant."""

    status_code = 400
    type = "invalid_request_error"
    code = "organization_required"
    param: str | None = None

    def __init__(self) -> None:
        self.message = "Say in the OpenAI-Organization header for which of your organizations this is meant."
        self.headers: dict[str, str] = {}
        super().__init__(self.message)


class NotThere(APIException):
    """404: there is no such object, or it is somebody else's. `kind` is in words."""

    status_code = 404
    type = "invalid_request_error"
    code = "not_found"
    param: str | None = None

    def __init__(self, kind: str, id: str) -> None:
        self.message = f"No {kind} found with id '{id[:64]}'."
        self.headers: dict[str, str] = {}
        super().__init__(self.message)


class Conflicting(APIException):
    """409: what is there does not permit this, and trying again does not help. `code` names it."""

    status_code = 409
    type = "invalid_request_error"
    param: str | None = None

    def __init__(self, message: str, *, code: str) -> None:
        self.message = message
        self.code = code
        self.headers = {"x-should-retry": "false"}
        super().__init__(message)


class LoginLocked(APIException):
    """429: too many wrong passwords for this user name from this address. `seconds` until the next attempt."""

    status_code = 429
    type = "invalid_request_error"
    code = "login_locked"
    param: str | None = None

    def __init__(self, seconds: int) -> None:
        self.message = f"Signing in as this user failed too often from your address. Try again in {seconds} seconds."
        self.headers = {"retry-after": str(seconds)}
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
