"""Who is calling, as every stage after authentication sees it: immutable, and readable without SQL."""

from dataclasses import dataclass
from typing import Literal

from accounts.roles import Role
from accounts.scopes import covers


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller that a key stands for.

    `organization` is the slug and `organization_id` the public id (`org-…`). `project_id` (`proj_…`) and `project`,
    its name, are None for admin keys, which act on the whole organisation. `owner_id` is the public id of the user or
    service account, `owner_name` its e-mail or name, and `role` what the owner is in the project, or, for an admin key,
    in the organisation. `scopes` are those of the key that this role allows. `origins` are where a publishable key may
    be used, and None for a secret key. `key_family` is what the key is limited and charged as, together with those that
    it replaced or that replaced it. The anonymous development principal has an empty key id, family and owner id, and a
    person who signed in an empty key id and family.
    """

    key_id: str
    key_name: str
    organization_id: str
    organization: str
    project_id: str | None
    project: str | None
    owner_kind: Literal["user", "service_account", "anonymous"]
    owner_id: str
    scopes: frozenset[str]
    is_admin: bool = False
    role: Role | None = None
    owner_name: str = ""
    origins: frozenset[str] | None = None
    key_family: str = ""

    @property
    def is_authenticated(self) -> bool:
        """True: DRF asks this of whatever stands in `request.user`."""
        return True

    def allows(self, scope: str) -> bool:
        """Returns whether the key holds `scope`, itself or by a wildcard."""
        return covers(self.scopes, scope)
