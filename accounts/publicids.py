"""Public ids: opaque, random and typed (`proj_…`), shown on the wire instead of primary keys.

One function a kind, because migrations refer to a field's default by name.
"""

import hashlib
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


def invite_id() -> str:
    return f"invite-{random_text(RANDOM_CHARACTERS)}"


def audit_event_id() -> str:
    return f"audit_log-{random_text(RANDOM_CHARACTERS)}"


def spend_alert_id() -> str:
    return f"alert_{random_text(RANDOM_CHARACTERS)}"


def spend_notice_id() -> str:
    return f"notice_{random_text(RANDOM_CHARACTERS)}"


def rollout_guard_id() -> str:
    return f"guard_{random_text(RANDOM_CHARACTERS)}"


def turn_back_id() -> str:
    return f"turned_{random_text(RANDOM_CHARACTERS)}"


def rate_limit_id(project_id: str, model: str) -> str:
    """The wire's id of the limits of a model in a project, always the same: here they are several rows, or none."""
    return f"rl-{hashlib.sha256(f'{project_id}/{model}'.encode()).hexdigest()[:24]}"


def session_id() -> str:
    return f"sess_{random_text(RANDOM_CHARACTERS)}"


def experiment_id() -> str:
    return f"exp_{random_text(RANDOM_CHARACTERS)}"
