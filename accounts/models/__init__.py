"""Organisations, projects, people, service accounts and API keys."""

from accounts.models.apikeys import ApiKey, ServiceAccount
from accounts.models.organizations import Membership, Organization, Project, Role
from accounts.models.users import User

__all__ = ["ApiKey", "Membership", "Organization", "Project", "Role", "ServiceAccount", "User"]
