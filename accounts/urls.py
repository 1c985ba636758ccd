"""What accounts answers under /api."""

from django.urls import path

from accounts.views.audit import AuditListView, AuditRestoreView
from accounts.views.sessions import PasswordView, SessionListView, SessionView

urlpatterns = [
    path("audit", AuditListView.as_view(), name="audit"),
    path("audit/<str:event_id>/restore", AuditRestoreView.as_view(), name="audit-restore"),
    path("sessions", SessionListView.as_view(), name="sessions"),
    path("sessions/<str:session_id>", SessionView.as_view(), name="session"),
    path("password", PasswordView.as_view(), name="password"),
]
