"""Organisations, projects, people, their invites and sessions, service accounts, API keys, limits, alerts, and the
audit log."""

from accounts.models.alerts import SpendAlert
from accounts.models.apikeys import ApiKey
from accounts.models.audit import AuditCheckpoint, AuditEvent, AuditHead
from accounts.models.invites import Invite
from accounts.models.limits import Budget, RateLimit, Spend
from accounts.models.notices import SpendNotice
from accounts.models.organizations import Membership, Organization, Project, ProjectMembership
from accounts.models.serviceaccounts import ServiceAccount
from accounts.models.sessions import EndReason, Session
from accounts.models.users import User
from accounts.roles import Role

__all__ = [
    "ApiKey",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "Budget",
    "EndReason",
    "Invite",
    "Membership",
    "Organization",
    "Project",
    "ProjectMembership",
    "RateLimit",
    "Role",
    "ServiceAccount",
    "Session",
    "Spend",
    "SpendAlert",
    "SpendNotice",
    "User",
]
