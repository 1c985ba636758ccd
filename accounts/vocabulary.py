"""The wire's names for roles, and ours. These tables are the only ones; docs/roles.md prints them.

OpenAI's specification has two or three roles where we have four. What is shown over the wire never claims more than
is held: `owner` only for owners, and `none` only for no role.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.roles import Role


class UnknownRole(ValueError):
    """A name that is no role here. `known` lists those that are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.known = known
        super().__init__(f"Unknown role: {name!r}. Use one of: {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`reads` is what callers may write, `shows` is what they are told; neither has anything else."""

    reads: Mapping[str, Role | None]
    shows: Mapping[Role | None, str]

    def read(self, name: str) -> Role | None:
        """Returns the role that `name` stands for, None for `none`. Raises UnknownRole."""
        if name not in self.reads:
            raise UnknownRole(name, tuple(self.reads))
        return self.reads[name]

    def show(self, role: Role | None) -> str:
        """Returns the wire's name of `role`. Raises KeyError where this part of the wire has no name for it."""
        return self.shows[role]


OURS: dict[str, Role | None] = {role.value: role for role in Role}
OUR_NAMES: dict[Role | None, str] = {role: role.value for role in Role}

USERS = Vocabulary(reads={**OURS, "reader": Role.VIEWER}, shows=OUR_NAMES)
"""Of an organisation; the wire's field is a free string."""
PROJECT_USERS = Vocabulary(reads=OURS, shows=OUR_NAMES)
"""Of a project; likewise."""
INVITES = Vocabulary(
    reads={"owner": Role.OWNER, "reader": Role.VIEWER},
    shows={Role.OWNER: "owner", Role.ADMIN: "reader", Role.MEMBER: "reader", Role.VIEWER: "reader"},
)
INVITED_TO_PROJECTS = Vocabulary(
    reads={"owner": Role.OWNER, "member": Role.MEMBER},
    shows={Role.OWNER: "owner", Role.ADMIN: "member", Role.MEMBER: "member", Role.VIEWER: "member"},
)
SERVICE_ACCOUNTS = Vocabulary(
    reads={"owner": Role.OWNER, "member": Role.MEMBER, "none": None},
    shows={Role.OWNER: "owner", Role.ADMIN: "member", Role.MEMBER: "member", Role.VIEWER: "member", None: "none"},
)
