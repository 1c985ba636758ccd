"""What the OpenAPI document says of /api/experiments, whose views know nothing of it."""

from collections.abc import Mapping
from typing import Final

from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework.exceptions import UnsupportedMediaType, ValidationError

from accounts.exceptions import Conflicting, NotThere, ScopeMissing
from analytics.models.experiments import NOT_RUNNING, RUNNING, STARTED, Status
from analytics.views.experiments import ExperimentListView, ExperimentView, ResultsView
from api.schema import experiments_shapes as shapes
from api.schema import operations
from api.schema.errors import DESCRIPTIONS, NOT_JSON, Examples
from api.schema.features import EVERY, PAGE, PLACE
from api.schema.organization_shapes import page
from api.schema.shapes import requests

TAG = "Experiments"
QUERY: Final = OpenApiParameter.QUERY
ID: Final = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The id of an experiment.")
NARROWING: Final = (
    OpenApiParameter("status", str, QUERY, enum=Status.values, description="Only those with this status."),
    OpenApiParameter("flag", str, QUERY, description="Only those of the flag with this key."),
)
PROJECT: Final = OpenApiParameter(
    "project", str, QUERY, description="The id of a project: only its units and requests. A project's key has its own."
)
OWN_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    403: "The key lacks the scope, or whoever calls the role.",
    404: "There is no such experiment, environment or project, for this caller.",
    409: "The status of the experiment does not permit it, and trying again does not help.",
}
SENT: Mapping[int, Examples] = {400: NOT_JSON, 415: {"Not JSON": UnsupportedMediaType("text/plain")}}
CHANGED: Mapping[int, Examples] = {
    400: {"No such variant": ValidationError({"control": ["It is no variant of the flag."]}, "invalid_value")},
}
FOUND: Mapping[int, Examples] = {404: {"No experiment": NotThere("experiment", "exp_unknown")}}
STILL = Conflicting("The experiment is running. Stop it first.", code=RUNNING)
STATED: Mapping[int, Examples] = {
    409: {
        "Another one is running": Conflicting(
            "The experiment 'exp_Zm4nB7vC2xL9kJ5hG8fD1sA3' of this flag is running there. Stop it first.", code=RUNNING
        )
    }
}
ENDED: Mapping[int, Examples] = {
    409: {
        "Started already": Conflicting("The experiment has ended already.", code=STARTED),
        "Not running": Conflicting("The experiment is not running.", code=NOT_RUNNING),
    }
}
USAGE: Mapping[int, Examples] = {403: {"Usage not permitted": ScopeMissing(("usage.read",))}}

operation = operations.of(TAG, EVERY, OWN_DESCRIPTIONS)

EXPERIMENT = (shapes.Experiment, {"Running": shapes.EXPERIMENT})
DOCUMENTED = (
    extend_schema_view(
        get=operation(
            "listExperiments",
            "List experiments",
            (shapes.Experiments, {"A page": page(shapes.EXPERIMENT)}),
            parameters=[*NARROWING, *PAGE, *PLACE],
        ),
        post=operation(
            "createExperiment",
            "Make an experiment",
            EXPERIMENT,
            SENT,
            CHANGED,
            STATED,
            status=201,
            request=shapes.CreateExperiment,
            examples=requests(
                {
                    "An event's rate": {
                        "name": "Green button",
                        "flag": "green-button",
                        "metric": "event_rate",
                        "event": "cta_clicked",
                        "control": "off",
                        "planned_end": 4_070_908_800,
                    },
                    "Latency": {
                        "name": "The next model",
                        "hypothesis": "It answers sooner.",
                        "flag": "assistant-model",
                        "environment": "production",
                        "metric": "latency",
                        "control": "current",
                        "status": "running",
                    },
                }
            ),
            parameters=[*PLACE],
        ),
    )(ExperimentListView),
    extend_schema_view(
        get=operation("retrieveExperiment", "Retrieve an experiment", EXPERIMENT, FOUND, parameters=[ID]),
        patch=operation(
            "updateExperiment",
            "Change, start or stop an experiment",
            EXPERIMENT,
            SENT,
            CHANGED,
            FOUND,
            STATED,
            ENDED,
            request=shapes.UpdateExperiment,
            examples=requests(
                {"Start": {"status": "running"}, "Stop": {"status": "ended"}, "Words": {"hypothesis": "Green is go."}}
            ),
            parameters=[ID],
        ),
        delete=operation(
            "deleteExperiment",
            "Delete an experiment",
            (shapes.Deleted, {"Gone": shapes.DELETED}),
            FOUND,
            {409: {"Running": STILL}},
            parameters=[ID],
        ),
    )(ExperimentView),
    extend_schema_view(
        get=operation(
            "retrieveExperimentResults",
            "What came of an experiment",
            (shapes.Results, {"An event's rate": shapes.RESULTS}),
            FOUND,
            USAGE,
            parameters=[ID, PROJECT],
        )
    )(ResultsView),
)
"""Those views, described: decorating changes them where they are."""
