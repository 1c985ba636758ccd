"""/api/experiments: experiments, listed, made, read, changed and deleted; and what came of them."""

from functools import partial
from typing import Any, cast

from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from accounts.exceptions import NotThere
from accounts.pagination import page
from analytics.experiments import editing
from analytics.experiments.hints import hints
from analytics.experiments.results import results_of
from analytics.experiments.wire import experiment_object, results_object
from analytics.models import Experiment
from analytics.models.experiments import ExperimentQuerySet, Status
from features.access import access_of
from features.exceptions import telling
from features.models import FlagsVersion
from features.views.base import FeaturesView

USAGE, USAGE_SCOPE = "organization.usage.read", "usage.read"
"""What the result of an experiment on requests takes beside reading flags."""


class ExperimentsView(FeaturesView):
    """A view of experiments, for whoever may see their flags."""

    def visible(self) -> ExperimentQuerySet:
        found = Experiment.objects.filter(flag__organization__public_id=self.access.organization_id)
        own = self.access.own
        return found if own is None else found.filter(environment__key=own)

    def find(self, id: str) -> Experiment:
        """Raises NotThere, also for one of another organisation or environment."""
        found = None
        if id.isascii() and id.isprintable():  # anything else no database needs to be asked for
            found = self.visible().with_flags().filter(public_id=id).first()
        if found is None:
            raise NotThere("experiment", id)
        return found

    def answer_experiment(self, id: str, status: int = 200) -> HttpResponse:
        """The experiment as it is now."""
        return self.answer(experiment_object(self.find(id), names=self.access.sees_people), status)


class ExperimentListView(ExperimentsView):
    """The organisation's experiments, the newest first; a new one."""

    http_method_names = ("get", "head", "post")

    def get(self, request: Request) -> HttpResponse:
        known, cursor = self.visible(), self.query.cursor()
        found = known.with_flags()
        if status := self.query.choice("status", Status.values):
            found = found.having(status)
        if flag := self.query.text("flag"):
            found = found.filter(flag__key=flag)
        if (seen := self.seen()) is not None:
            found = found.filter(environment__key__in=list(seen))
        render = partial(experiment_object, names=self.access.sees_people)
        return self.answer(page(found, cursor, render, anchors=known))

    def post(self, request: Request) -> HttpResponse:
        place, body = self.place(), self.body
        with transaction.atomic(), telling():
            made = editing.create(body, self.access, place)
        return self.answer_experiment(made.public_id, 201)


class ExperimentView(ExperimentsView):
    """One experiment."""

    http_method_names = ("get", "head", "patch", "delete")

    def get(self, request: Request, id: str) -> HttpResponse:
        self.query.done()
        return self.answer_experiment(id)

    def patch(self, request: Request, id: str) -> HttpResponse:
        self.query.done()
        body = self.body
        with transaction.atomic(), telling():
            FlagsVersion.hold()  # so that nobody starts or stops it meanwhile
            editing.change(self.find(id), body, self.access)
        return self.answer_experiment(id)

    def delete(self, request: Request, id: str) -> HttpResponse:
        self.query.done()
        with transaction.atomic():
            FlagsVersion.hold()
            self.find(id).delete()
        return self.answer({"id": id, "object": "experiment.deleted", "deleted": True})


class ResultsView(ExperimentsView):
    """What came of an experiment. A key of a project is told of that project alone."""

    http_method_names = ("get", "head")

    def get(self, request: Request, id: str) -> HttpResponse:
        experiment = self.find(id)
        if experiment.of_usage:
            access_of(cast(Any, request.user), USAGE, USAGE_SCOPE)
        now, project = timezone.now(), self.project()
        found = results_of(experiment, now, project)
        return self.answer(results_object(found, hints(found, now)))

    def project(self) -> str:
        """The public id of the only project that counts; empty for all. Raises NotThere."""
        asked = self.query.text("project") or self.access.project_id
        self.query.done()
        self.access.named(None, asked)
        return asked or ""
