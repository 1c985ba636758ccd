"""What the OpenAPI document says of /api/features, whose views know nothing of it."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework.exceptions import Throttled, UnsupportedMediaType, ValidationError

from accounts.exceptions import (
    Conflicting,
    KeyInvalid,
    KeyMissing,
    NotThere,
    OrganizationUnclear,
    ScopeMissing,
    SessionInvalid,
)
from api import exceptions as wire
from api.schema import features_shapes as shapes
from api.schema import operations
from api.schema.audit_logs import TEXTS
from api.schema.errors import ANYWHERE, DESCRIPTIONS, NOT_JSON, Examples
from api.schema.shapes import requests
from features.exceptions import PreconditionFailed
from features.protection import EnvironmentProtected
from features.views.evaluating import MOST_BYTES, EvaluateView, ExplainView
from features.views.features import SIGHT, FeatureListView, FeatureView
from features.views.history import HistoryView, RestoreView
from features.views.killing import KillView
from lukhas_site.http.problems import BodyTooLarge

TAG = "Feature flags"
QUERY: Final = OpenApiParameter.QUERY
KEY: Final = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The key of a flag.")
PLACE: Final = (
    OpenApiParameter("environment", str, QUERY, description="The key of an environment."),
    OpenApiParameter("project", str, QUERY, description="The id of a project: the environment that it is in."),
)
IF_MATCH: Final = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that the flag must still have."
)
PAGE: Final = (
    OpenApiParameter("limit", int, QUERY, description="How many at most: 1 to 100.", default=20),
    OpenApiParameter("after", str, QUERY, description="The id after which the page begins."),
    OpenApiParameter("before", str, QUERY, description="The id before which the page ends."),
)
NARROWING: Final = (
    OpenApiParameter("search", str, QUERY, description="Part of key, description, owner or ticket."),
    OpenApiParameter("tags[]", TEXTS, QUERY, description="Only flags with all of these tags."),
    OpenApiParameter(
        "archived", str, QUERY, enum=list(SIGHT), default="false", description="Whether archived ones, or any."
    ),
)
OWN_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    403: "The key lacks the scope, or whoever calls the role; or the environment is protected.",
    404: "There is no such flag, environment, project or change, for this caller.",
    409: "What is there does not permit it, and trying again does not help.",
    412: "The flag was changed since the caller read it. Nothing was done.",
}
EVERY: Mapping[int, Examples] = {
    **ANYWHERE,
    400: {
        **ANYWHERE[400],
        "Unknown parameter": wire.UnknownParameter("colour"),
        "Several organisations": OrganizationUnclear(),
    },
    401: {"No key": KeyMissing(), "Wrong key": KeyInvalid("sk-lu***wxyz"), "Session over": SessionInvalid()},
    403: {
        "Scope missing": ScopeMissing(("flags.write",)),
        "Role too low": ScopeMissing(("organization.flags.update",)),
    },
    404: {"No environment": NotThere("environment", "staging")},
    429: {"Too many requests": Throttled(wait=17)},
    503: {"Database away": wire.Overloaded("The database is not reachable.")},
}
FLAG: Mapping[int, Examples] = {404: {"No flag": NotThere("feature", "new-iu")}}
SENT: Mapping[int, Examples] = {400: NOT_JSON, 415: {"Not JSON": UnsupportedMediaType("text/plain")}}
CHANGED: Mapping[int, Examples] = {
    400: {
        "Wrong place": ValidationError(
            {"environments.production.rules[0].variant": ["It must be one of this flag's variants."]}, "invalid_value"
        )
    },
    403: {"Protected": EnvironmentProtected("production")},
}
MATCHED: Mapping[int, Examples] = {412: {"Changed meanwhile": PreconditionFailed()}}
CONTEXT: Mapping[int, Examples] = {413: {"Context too large": BodyTooLarge(MOST_BYTES)}}
TAKEN: Mapping[int, Examples] = {
    409: {"Key taken": Conflicting("There is a feature 'new-ui' already.", code="feature_exists")}
}
IN_USE: Mapping[int, Examples] = {
    409: {
        "In use": Conflicting(
            "checkout needs it in production: there is no flag new-ui. Archive it instead: it answers as before, out "
            "of sight.",
            code="feature_in_use",
        )
    }
}
NOT_BACK: Mapping[int, Examples] = {
    404: {"No change": NotThere("change of this feature", "audit_log-unknown")},
    409: {"Made then": Conflicting("Nothing was there before: delete or end it instead.", code="cannot_restore")},
}

operation = operations.of(TAG, EVERY, OWN_DESCRIPTIONS)

FEATURE = (shapes.Feature, {"A flag": shapes.FEATURE})
WITH_CONTEXT: dict[str, Any] = {
    "request": shapes.Context,
    "examples": requests({"Who is asking": {"context": {"targetingKey": "user-7", "plan": "pro"}}}),
    "parameters": [KEY, *PLACE],
}
DOCUMENTED = (
    extend_schema_view(
        get=operation(
            "listFeatures",
            "List feature flags",
            (shapes.Features, {"A page": shapes.listed(shapes.FEATURE)}),
            parameters=[*NARROWING, *PAGE, *PLACE],
        ),
        post=operation(
            "createFeature",
            "Make a feature flag",
            FEATURE,
            SENT,
            CHANGED,
            TAKEN,
            status=201,
            request=shapes.CreateFeature,
            examples=requests(
                {
                    "On and off": {"key": "new-ui"},
                    "A share": {
                        "key": "new-ui",
                        "environments": {"production": {"enabled": True, "rules": shapes.RULES}},
                    },
                    "Texts": {"key": "theme", "kind": "string", "variants": {"day": "light", "night": "dark"}},
                }
            ),
            parameters=[*PLACE],
        ),
    )(FeatureListView),
    extend_schema_view(
        get=operation("retrieveFeature", "Retrieve a feature flag", FEATURE, FLAG, parameters=[KEY, *PLACE]),
        patch=operation(
            "updateFeature",
            "Change a feature flag",
            FEATURE,
            SENT,
            CHANGED,
            FLAG,
            MATCHED,
            request=shapes.UpdateFeature,
            examples=requests(
                {
                    "Words": {"description": "The new start page.", "tags": ["ui"]},
                    "On": {"environments": {"production": {"enabled": True}}},
                    "Out of sight": {"archived": True},
                }
            ),
            parameters=[KEY, *PLACE, IF_MATCH],
        ),
        delete=operation(
            "deleteFeature",
            "Delete a feature flag",
            (shapes.Deleted, {"Gone": {"id": "new-ui", "object": "feature.deleted", "deleted": True}}),
            {403: CHANGED[403]},
            FLAG,
            MATCHED,
            IN_USE,
            parameters=[KEY, IF_MATCH],
        ),
    )(FeatureView),
    extend_schema_view(
        post=operation(
            "evaluateFeature",
            "Evaluate a feature flag",
            (shapes.Evaluation, {"An answer": shapes.ANSWER, "No answer": shapes.NO_ANSWER}),
            SENT,
            FLAG,
            CONTEXT,
            **WITH_CONTEXT,
        )
    )(EvaluateView),
    extend_schema_view(
        post=operation(
            "explainFeature",
            "Explain what a feature flag answers",
            (shapes.Explanation, {"An answer": {**shapes.ANSWER, "rule": 0, "trace": shapes.TRACE}}),
            SENT,
            FLAG,
            CONTEXT,
            **WITH_CONTEXT,
        )
    )(ExplainView),
    extend_schema_view(
        post=operation(
            "killFeature",
            "Switch a feature flag off, and say why",
            FEATURE,
            SENT,
            FLAG,
            MATCHED,
            request=shapes.Kill,
            examples=requests({"A reason": {"reason": "Checkout fails."}}),
            parameters=[KEY, *PLACE, IF_MATCH],
        )
    )(KillView),
    extend_schema_view(
        get=operation(
            "listFeatureHistory",
            "List what was done to a feature flag",
            (shapes.Events, {"A page": shapes.listed(shapes.EVENT)}),
            FLAG,
            parameters=[KEY, *PAGE, *PLACE],
        )
    )(HistoryView),
    extend_schema_view(
        post=operation(
            "restoreFeature",
            "Put back what a change replaced",
            FEATURE,
            SENT,
            FLAG,
            {403: CHANGED[403]},
            MATCHED,
            NOT_BACK,
            request=shapes.Restore,
            examples=requests({"A change": {"event": "audit_log-Wq9ErTy3UiOp6AsDf1GhJk4L"}}),
            parameters=[KEY, *PLACE, IF_MATCH],
        )
    )(RestoreView),
)
"""Those views, described: decorating changes them where they are."""
