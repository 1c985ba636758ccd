"""Organisations, projects, people, service accounts, API keys, limits, and the audit log."""

from accounts.models.apikeys import ApiKey
from accounts.models.audit import AuditCheckpoint, AuditEvent, AuditHead
from accounts.models.limits import Budget, RateLimit, Spend
from accounts.models.organizations import Membership, Organization, Project, ProjectMembership
from accounts.models.serviceaccounts import ServiceAccount
from accounts.models.users import User
from accounts.roles import Role

__all__ = [
    "ApiKey",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "Budget",
    "Membership",
    "Organization",
    "Project",
    "ProjectMembership",
    "RateLimit",
    "Role",
    "ServiceAccount",
    "Spend",
    "User",
]
