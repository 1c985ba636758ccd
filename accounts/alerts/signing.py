"""Signatures of webhooks, as the Standard Webhooks specification has them: https://www.standardwebhooks.com.

The secret of an alert is stored nowhere: it is derived from SECRET_KEY, the alert's id, and how often it was exchanged.
After a change of SECRET_KEY, LUKHAS_SECRET_KEY_FALLBACKS go on signing as well, until the secret is exchanged.
"""

import base64
import hmac
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.utils.encoding import force_bytes

from accounts.models.telling import Alerting

PURPOSE = b"lukhas.accounts.alerts"
PREFIX = "whsec_"


@lru_cache(maxsize=16)
def derived_key(secret: str | bytes) -> bytes:
    """Returns the 32 bytes from which secrets are derived, bound to this purpose."""
    return hmac.digest(force_bytes(secret), PURPOSE, "sha256")


def secret_of(alert: Alerting) -> str:
    """Returns the webhook's secret as its receiver needs it: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(_secret(settings.SECRET_KEY, alert, alert.secret_version)).decode()


def signatures(alert: Alerting, id: str, timestamp: int, body: bytes, now: datetime) -> str:
    """Returns the header `webhook-signature`: a signature for each secret under which a receiver may know the alert
    now, the current one first, separated by spaces."""
    signed = f"{id}.{timestamp}.".encode() + body
    keys = [
        _secret(secret, alert, version)
        for version in alert.secret_versions(now)
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)


def _secret(secret: str | bytes, alert: Alerting, version: int) -> bytes:
    return hmac.digest(derived_key(secret), f"{alert.public_id}\n{version}".encode(), "sha256")
