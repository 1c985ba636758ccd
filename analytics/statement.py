"""What is done with the events of a project, told from the settings in force. Nothing of it is secret."""

from dataclasses import asdict
from typing import Any

from django.conf import settings

from accounts.models import Project
from analytics.detection import KINDS
from analytics.models import IdentitySalt
from analytics.policies import policies
from analytics.privacy import MOST_DEEP, MOST_TEXT, MOST_VALUES
from lukhas_site.http.addresses import KEPT_OF_IPV4, KEPT_OF_IPV6


def statement(project: Project) -> dict[str, Any]:
    """Returns what `GET /api/analytics/privacy` says of the project."""
    policy = policies.get_blocking(project.public_id)
    salted = IdentitySalt.objects.filter(project=project).first()
    return {
        "object": "analytics.privacy",
        "project": project.public_id,
        "policy": asdict(policy),
        "redaction": {
            "marks": sorted({kind.mark for kind in KINDS if kind.mark}),
            "forbidden_properties": sorted(settings.LUKHAS_FORBIDDEN_PROPERTIES),
            "max_depth": MOST_DEEP,
            "max_values": MOST_VALUES,
            "max_text_length": MOST_TEXT,
        },
        "addresses": {"ipv4_prefix": KEPT_OF_IPV4, "ipv6_prefix": KEPT_OF_IPV6},
        "user_agent": "browser_family",
        "identities": {
            "method": "hmac-sha-256",
            "per": "project",
            "since": None if salted is None else int(salted.since.timestamp()),
        },
    }
