"""Why a caller is turned away.

    AuthenticationFailed (DRF, 401)
    ├── KeyMissing                 no key, or an Authorization header that is not `Bearer KEY`
    ├── KeyInvalid                 invalid_api_key: unknown, revoked, expired, or fallen with its owner or project
    │   └── KeyTooShort            invalid_api_key, refused before any look-up
    ├── OrganizationMismatch       mismatched_organization
    └── ProjectMismatch            mismatched_project
    PermissionDenied (DRF, 403)
    └── ScopeMissing               insufficient_permissions

They are plain DRF exceptions that also carry the fields of OpenAI's error object. A database that fails during the
look-up is none of these: its own exception passes, so that an outage never looks like a wrong key.
"""

from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

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
