"""How a notice is told: to people in words, to programs as JSON. What is told, the notice knows."""

import hashlib
from datetime import UTC

import orjson
from django.conf import settings
from django.core.mail import EmailMessage

from accounts.models.telling import Notice


def mail(notice: Notice, recipient: str) -> EmailMessage:
    """The mail to one recipient. Its Message-ID is the same at every try, so that a mail system knows a repetition."""
    sender = settings.DEFAULT_FROM_EMAIL
    domain = sender.rpartition("@")[2].rstrip("> ") or "localhost"
    unique = hashlib.sha256(recipient.encode()).hexdigest()[:16]
    headers = {"Message-ID": f"<{notice.public_id}.{unique}@{domain}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(" ".join(notice.subject().split()), notice.text(), sender, [recipient], headers=headers)


def event(notice: Notice) -> bytes:
    """The body of the webhook; the same at every try."""
    moment = notice.happened_at().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"type": notice.event_type, "timestamp": moment, "data": notice.data()})
