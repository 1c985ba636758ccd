"""Public ids: opaque, random and typed (`proj_…`), shown on the wire instead of primary keys.

One function a kind, because migrations refer to a field's default by name.
"""

import secrets
import string

ALPHANUMERICS = string.ascii_letters + string.digits
RANDOM_CHARACTERS = 24
"""62 ** 24 is more than 2 ** 142: neither guessed nor met twice."""
MAX_LENGTH = 40


def random_text(length: int) -> str:
    """Returns `length` alphanumerics from the system's random source, 5.95 bits each."""
    return "".join(secrets.choice(ALPHANUMERICS) for _ in range(length))


def user_id() -> str:
    return f"user-{random_text(RANDOM_CHARACTERS)}"


def organization_id() -> str:
    return f"org-{random_text(RANDOM_CHARACTERS)}"


def project_id() -> str:
    return f"proj_{random_text(RANDOM_CHARACTERS)}"


def service_account_id() -> str:
    return f"svc_acct_{random_text(RANDOM_CHARACTERS)}"


def key_id() -> str:
    return f"key_{random_text(RANDOM_CHARACTERS)}"


def audit_event_id() -> str:
    return f"audit_log-{random_text(RANDOM_CHARACTERS)}"
