"""Who asks for flags under /api, and which flags and environments they see: people who signed in, admin keys, and the
secret keys of projects.

What counts is a person's role in the organisation, and the scope of a project's key. People and admin keys see every
environment of their organisation; a project's key the one that its project is in, as it does when it evaluates.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from rest_framework.exceptions import ValidationError

from accounts.caller import Caller
from accounts.exceptions import NotThere, ScopeMissing
from accounts.models import Organization, Project
from accounts.principal import Principal
from accounts.roles import allowed
from features.models import Environment, Flag
from features.models.environments import PRODUCTION
from features.problems import is_key
from features.protection import UPDATE

READ = "organization.flags.read"
SCOPES = {READ: "flags.read", UPDATE: "flags.write"}
"""The scope by which a project's key may do what a role allows to people."""
ADMIN = "admin.*"


@dataclass(frozen=True)
class Access:
    """What somebody who may do what they ask for sees. Ids are public ones; `project_id` is that of a project's key."""

    organization_id: str
    project_id: str | None = None

    @cached_property
    def organization(self) -> Organization:
        return Organization.objects.get(public_id=self.organization_id)

    @cached_property
    def own(self) -> str | None:
        """The only environment that is seen; None for all."""
        return None if self.project_id is None else self.environment_of(self.project_id)

    @property
    def sees_people(self) -> bool:
        """Whether names of people are shown: to whoever is of the organisation, and to no program of a project."""
        return self.project_id is None

    def environment(self, key: str) -> Environment:
        """Returns the environment with the key that `place` gave."""
        if key == PRODUCTION:
            return Environment.objects.production(self.organization)
        return Environment.objects.get(organization=self.organization, key=key)

    def flag(self, key: str) -> Flag:
        """Returns the flag. Raises NotThere, also for one of another organisation."""
        found = None
        if is_key(key):  # anything else no database needs to be asked for
            flags = Flag.objects.filter(organization__public_id=self.organization_id, key=key)
            found = flags.with_surroundings().first()
        if found is None:
            raise NotThere("feature", key)
        return found

    def named(self, environment: str | None, project: str | None) -> str | None:
        """Returns the key of the environment that is asked for, by its own key or by a project that is in it; None
        where none is. Raises NotThere for one that is not seen."""
        if environment is not None and project is not None:
            raise ValidationError({"project": ["Name the environment or the project, not both."]}, "invalid_value")
        if project is not None:
            if self.project_id not in (None, project):
                raise NotThere("project", project)
            return self.environment_of(project)
        if environment is not None:
            there = Environment.objects.filter(organization__public_id=self.organization_id, key=environment)
            if self.own not in (None, environment) or not is_key(environment) or not there.exists():
                raise NotThere("environment", environment)
        return environment

    def place(self, environment: str | None, project: str | None) -> str:
        """Returns the key of the environment that is meant: the one that is named, else that of the key's project, else
        production."""
        return self.named(environment, project) or self.own or PRODUCTION

    def seen(self, environment: str | None, project: str | None) -> Collection[str] | None:
        """Returns the keys of the environments to show: the one that is named, else all that are seen; None for all
        that there are."""
        only = self.named(environment, project) or self.own
        return None if only is None else (only,)

    def environment_of(self, project_id: str) -> str:
        """Returns the key of the environment that a project of the organisation is in. Raises NotThere."""
        projects = Project.objects.filter(organization__public_id=self.organization_id, public_id=project_id)
        home = projects.values_list("pk", "environment__environment__key").first()
        if home is None:
            raise NotThere("project", project_id)
        return home[1] or PRODUCTION


def access_of(caller: Caller | Principal, action: str, scope: str | None = None) -> Access:
    """Returns what whoever calls sees. A project's key needs `scope`, by which it may do `action`, else that of
    `SCOPES`. Raises ScopeMissing where they may not, and what `Caller.seat_for` raises."""
    if isinstance(caller, Caller):
        return Access(caller.seat_for(action).organization_id)
    if caller.is_admin:
        if not caller.allows(ADMIN) or not allowed(caller.role, action):
            raise ScopeMissing((ADMIN,))
        return Access(caller.organization_id)
    needed = scope or SCOPES[action]
    # A publishable key evaluates: rules tell more of an organisation than its pages should.
    if caller.origins is not None or not caller.allows(needed):
        raise ScopeMissing((needed,))
    return Access(caller.organization_id, caller.project_id)
