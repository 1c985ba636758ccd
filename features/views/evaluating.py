"""/api/features/{key}/evaluate and …/explain: what a flag answers to a context, and why."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.exceptions import NotThere
from features.access import READ
from features.evaluation import Evaluation
from features.explaining import explain
from features.ruleset import watch
from features.views.base import FeaturesView
from features.wire import evaluation_object

MOST_BYTES = 64 * 1024
"""How large a request with a context may be."""


class EvaluateView(FeaturesView):
    """What the flag answers. Nothing of the context is answered, logged or kept."""

    http_method_names = ("post",)
    needed = READ
    most_bytes = MOST_BYTES
    explained = False

    def post(self, request: Request, key: str) -> HttpResponse:
        place, context = self.place(), self.member("context", dict)
        found = self.evaluated(key, place, context)
        if found.error is not None and found.error.code == "FLAG_NOT_FOUND":
            raise NotThere("feature", key)
        return self.answer(evaluation_object(key, place, found, explained=self.explained))

    def evaluated(self, key: str, environment: str, context: object) -> Evaluation:
        """The answer of what this process knows; a flag that it changed itself is as it is now."""
        ruleset = watch.current_blocking().of_environment(self.access.organization_id, environment).ruleset
        return explain(ruleset, key, context) if self.explained else ruleset.evaluate(key, context)


class ExplainView(EvaluateView):
    """What the flag answers, and step by step why."""

    explained = True
