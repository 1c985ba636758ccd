"""Who did something, without telling who: one keyed hash for each text that somebody is told apart by, in one project.

Events and exposures use the same, so that they join; two projects never do, for each has a salt of its own. A salt that
is replaced is gone: nobody can compute the old identities any more, and nothing joins them.
"""

import hmac
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from accounts.audit.recording import record
from accounts.keys import derived_key
from accounts.models import Project
from analytics.models.salts import IdentitySalt
from analytics.remembering import PerProject

PURPOSE = b"lukhas.analytics.identities"
DIGITS = 32
"""128 bits: a thousand million people of one project do not collide."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Those of one project; `key` is the secret of all of them."""

    key: bytes = field(repr=False)

    def of(self, text: str) -> str:
        """Returns the identity of whoever this text tells apart, as 32 hexadecimal digits; an empty text is nobody, and
        has an empty one. Any text has one, lone surrogates included."""
        if not text:
            return ""
        return hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGITS]


def read(project_id: str) -> Identities:
    """Reads the salt of the project with this public id, or makes its first. Raises Project.DoesNotExist."""
    salt = IdentitySalt.of(project_id)
    return Identities(hmac.digest(derived_key(settings.SECRET_KEY, PURPOSE), f"{project_id}:{salt}".encode(), "sha256"))


remembered = PerProject[Identities](read)
"""Those that this process remembers."""


async def identities_of(project_id: str) -> Identities:
    """Returns the identities of a project, at most four seconds old, without SQL where they are remembered. Raises
    Project.DoesNotExist, and django.db.Error where the database is away and they are not."""
    return await remembered.get(project_id)


def identity(project_id: str, text: str) -> str:
    """Returns the identity of `text` in this project, for code in threads. Raises likewise."""
    return remembered.get_blocking(project_id).of(text)


def rotate(project: Project) -> None:
    """Gives the project a new salt, and writes that down. Other processes go on with the old one for four seconds."""
    with transaction.atomic():
        IdentitySalt.replace(project)
        record(
            "project.identities_rotated",
            target_type="accounts.project",
            target_id=project.public_id,
            target_name=project.name,
            organizations=(project.organization.public_id,),
            project=(project.public_id, project.name),
        )
    remembered.forget_soon()
