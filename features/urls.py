"""Every /ofrep/… URL, without trailing slashes and redirects, as the protocol has it; and what stands under /api."""

from django.urls import path

from features.views.evaluating import EvaluateView, ExplainView
from features.views.events import EventsView
from features.views.features import FeatureListView, FeatureView
from features.views.history import HistoryView, RestoreView
from features.views.killing import KillView
from features.views.ofrep import FlagsView, FlagView, UnknownView
from features.views.ramps import PauseView, RampView, ResumeView

urlpatterns = [
    path("v1/evaluate/flags", FlagsView.as_view(), name="ofrep-flags"),
    path("v1/evaluate/flags/<path:key>", FlagView.as_view(), name="ofrep-flag"),
    path("v1/events", EventsView.as_view(), name="ofrep-events"),
    path("<path:rest>", UnknownView.as_view(), name="ofrep-unknown"),
]
api_urlpatterns = [
    path("features", FeatureListView.as_view(), name="features"),
    path("features/<str:key>", FeatureView.as_view(), name="feature"),
    path("features/<str:key>/evaluate", EvaluateView.as_view(), name="feature-evaluate"),
    path("features/<str:key>/explain", ExplainView.as_view(), name="feature-explain"),
    path("features/<str:key>/kill", KillView.as_view(), name="feature-kill"),
    path("features/<str:key>/history", HistoryView.as_view(), name="feature-history"),
    path("features/<str:key>/restore", RestoreView.as_view(), name="feature-restore"),
    path("features/<str:key>/ramp", RampView.as_view(), name="feature-ramp"),
    path("features/<str:key>/ramp/pause", PauseView.as_view(), name="feature-ramp-pause"),
    path("features/<str:key>/ramp/resume", ResumeView.as_view(), name="feature-ramp-resume"),
]
