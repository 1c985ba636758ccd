"""Every /v1/… URL. No trailing slashes and no redirects: a redirected POST loses its body."""

from django.urls import include, path

from api.views.inference import (
    ChatCompletionsView,
    CompletionsView,
    EmbeddingsView,
    ModerationsView,
    ResponsesView,
)
from api.views.models import ModelDetailView, ModelListView
from api.views.organization.urls import project_urlpatterns

urlpatterns = [
    path("chat/completions", ChatCompletionsView.as_view(), name="chat-completions"),
    path("responses", ResponsesView.as_view(), name="responses"),
    path("completions", CompletionsView.as_view(), name="completions"),
    path("embeddings", EmbeddingsView.as_view(), name="embeddings"),
    path("moderations", ModerationsView.as_view(), name="moderations"),
    path("models", ModelListView.as_view(), name="models"),
    path("models/<path:model_id>", ModelDetailView.as_view(), name="model"),
    path("organization/", include("api.views.organization.urls")),
    path("projects/", include(project_urlpatterns)),
]
