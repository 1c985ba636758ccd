"""Every URL under /v1/organization/ and /v1/projects/. What is not here is refused by name, in the envelope."""

from django.urls import path, re_path

from api.views.organization.alerts import (
    OrganizationAlertListView,
    OrganizationAlertView,
    ProjectAlertListView,
    ProjectAlertView,
)
from api.views.organization.api_keys import AdminKeyListView, AdminKeyView, ProjectKeyListView, ProjectKeyView
from api.views.organization.audit_logs import AuditLogListView
from api.views.organization.base import UnsupportedView
from api.views.organization.data_retention import OrganizationRetentionView, ProjectRetentionView
from api.views.organization.invites import InviteListView, InviteView
from api.views.organization.limits import (
    ModelPermissionsView,
    OrganizationSpendLimitView,
    ProjectSpendLimitView,
    RateLimitListView,
    RateLimitView,
)
from api.views.organization.project_users import ProjectUserListView, ProjectUserView
from api.views.organization.projects import ProjectArchiveView, ProjectListView, ProjectView
from api.views.organization.roles import (
    ProjectRoleListView,
    ProjectRoleView,
    ProjectUserRoleListView,
    ProjectUserRoleView,
    RoleListView,
    RoleView,
    UserRoleListView,
    UserRoleView,
)
from api.views.organization.service_accounts import (
    ServiceAccountKeyListView,
    ServiceAccountListView,
    ServiceAccountView,
)
from api.views.organization.usage import (
    AudioSpeechesUsageView,
    AudioTranscriptionsUsageView,
    CodeInterpreterSessionsUsageView,
    CompletionsUsageView,
    CostsView,
    EmbeddingsUsageView,
    FileSearchCallsUsageView,
    ImagesUsageView,
    ModerationsUsageView,
    VectorStoresUsageView,
    WebSearchCallsUsageView,
)
from api.views.organization.users import UserListView, UserView

PROJECT = "projects/<str:project_id>"
ACCOUNT = f"{PROJECT}/service_accounts/<str:service_account_id>"

rest = re_path(r"^(?P<rest>.*)\Z", UnsupportedView.as_view(), name="unsupported")
urlpatterns = [
    path("admin_api_keys", AdminKeyListView.as_view(), name="admin-api-keys"),
    path("admin_api_keys/<str:key_id>", AdminKeyView.as_view(), name="admin-api-key"),
    path("audit_logs", AuditLogListView.as_view(), name="audit-logs"),
    path("usage/completions", CompletionsUsageView.as_view(), name="usage-completions"),
    path("usage/embeddings", EmbeddingsUsageView.as_view(), name="usage-embeddings"),
    path("usage/moderations", ModerationsUsageView.as_view(), name="usage-moderations"),
    path("usage/images", ImagesUsageView.as_view(), name="usage-images"),
    path("usage/audio_speeches", AudioSpeechesUsageView.as_view(), name="usage-audio-speeches"),
    path("usage/audio_transcriptions", AudioTranscriptionsUsageView.as_view(), name="usage-audio-transcriptions"),
    path("usage/vector_stores", VectorStoresUsageView.as_view(), name="usage-vector-stores"),
    path(
        "usage/code_interpreter_sessions",
        CodeInterpreterSessionsUsageView.as_view(),
        name="usage-code-interpreter-sessions",
    ),
    path("usage/file_search_calls", FileSearchCallsUsageView.as_view(), name="usage-file-search-calls"),
    path("usage/web_search_calls", WebSearchCallsUsageView.as_view(), name="usage-web-search-calls"),
    path("costs", CostsView.as_view(), name="usage-costs"),
    path("spend_limit", OrganizationSpendLimitView.as_view(), name="organization-spend-limit"),
    path("spend_alerts", OrganizationAlertListView.as_view(), name="organization-spend-alerts"),
    path("spend_alerts/<str:alert_id>", OrganizationAlertView.as_view(), name="organization-spend-alert"),
    path("data_retention", OrganizationRetentionView.as_view(), name="organization-data-retention"),
    path("users", UserListView.as_view(), name="users"),
    path("users/<str:user_id>", UserView.as_view(), name="user"),
    path("users/<str:user_id>/roles", UserRoleListView.as_view(), name="user-roles"),
    path("users/<str:user_id>/roles/<str:role_id>", UserRoleView.as_view(), name="user-role"),
    path("invites", InviteListView.as_view(), name="invites"),
    path("invites/<str:invite_id>", InviteView.as_view(), name="invite"),
    path("roles", RoleListView.as_view(), name="roles"),
    path("roles/<str:role_id>", RoleView.as_view(), name="role"),
    path("projects", ProjectListView.as_view(), name="projects"),
    path(PROJECT, ProjectView.as_view(), name="project"),
    path(f"{PROJECT}/archive", ProjectArchiveView.as_view(), name="project-archive"),
    path(f"{PROJECT}/users", ProjectUserListView.as_view(), name="project-users"),
    path(f"{PROJECT}/users/<str:user_id>", ProjectUserView.as_view(), name="project-user"),
    path(f"{PROJECT}/service_accounts", ServiceAccountListView.as_view(), name="service-accounts"),
    path(ACCOUNT, ServiceAccountView.as_view(), name="service-account"),
    path(f"{ACCOUNT}/api_keys", ServiceAccountKeyListView.as_view(), name="service-account-keys"),
    path(f"{PROJECT}/api_keys", ProjectKeyListView.as_view(), name="project-api-keys"),
    path(f"{PROJECT}/api_keys/<str:api_key_id>", ProjectKeyView.as_view(), name="project-api-key"),
    path(f"{PROJECT}/rate_limits", RateLimitListView.as_view(), name="rate-limits"),
    path(f"{PROJECT}/rate_limits/<str:rate_limit_id>", RateLimitView.as_view(), name="rate-limit"),
    path(f"{PROJECT}/spend_limit", ProjectSpendLimitView.as_view(), name="project-spend-limit"),
    path(f"{PROJECT}/spend_alerts", ProjectAlertListView.as_view(), name="project-spend-alerts"),
    path(f"{PROJECT}/spend_alerts/<str:alert_id>", ProjectAlertView.as_view(), name="project-spend-alert"),
    path(f"{PROJECT}/data_retention", ProjectRetentionView.as_view(), name="project-data-retention"),
    path(f"{PROJECT}/model_permissions", ModelPermissionsView.as_view(), name="model-permissions"),
    rest,
]
# The specification has these outside of /v1/organization.
project_urlpatterns = [
    path("<str:project_id>/roles", ProjectRoleListView.as_view(), name="project-roles"),
    path("<str:project_id>/roles/<str:role_id>", ProjectRoleView.as_view(), name="project-role"),
    path("<str:project_id>/users/<str:user_id>/roles", ProjectUserRoleListView.as_view(), name="project-user-roles"),
    path(
        "<str:project_id>/users/<str:user_id>/roles/<str:role_id>",
        ProjectUserRoleView.as_view(),
        name="project-user-role",
    ),
    rest,
]
