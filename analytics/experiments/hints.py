"""What keeps a result from being trusted, or from being there, and what to do about it: sentences for people."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from accounts.models import Project
from accounts.models.organizations import ProjectRetention, Retention
from analytics.experiments import inference
from analytics.experiments.requests import projects
from analytics.experiments.results import Results
from analytics.models.experiments import Metric, Status
from features.models import FlagState
from features.shares import weights_of

Hint = Callable[[Results, datetime], str]
"""Takes a result, and what time it is; gives a sentence, or an empty text where there is nothing to say."""


def hints(results: Results, now: datetime) -> list[str]:
    """What there is to say. A draft has only to be started."""
    if results.experiment.status == Status.DRAFT:
        return ["It has not been started: nothing is counted yet."]
    return [told for hint in HINTS if (told := hint(results, now))]


def early(results: Results, now: datetime) -> str:
    experiment = results.experiment
    if experiment.status == Status.ENDED or (experiment.planned_end and experiment.planned_end <= now):
        return ""
    if experiment.planned_end is None:
        return "It is running, and no end is planned. Plan one: a p-value is of one look, at the end."
    return f"It is running until {experiment.planned_end:%Y-%m-%d %H:%M} UTC. Decide then: a p-value is of one look."


def split_wrongly(results: Results, now: datetime) -> str:
    if results.split is None or not results.split.mismatch:
        return ""
    return (
        "The units are not split as the flag's rule says, and that is no chance: something takes units of one variant "
        "away. Find it before you believe any difference."
    )


def split_unknown(results: Results, now: datetime) -> str:
    if results.experiment.weights:
        return ""
    return (
        "Whether the units are split as they should be cannot be told: when the experiment was started, the flag did "
        "not split everybody by the targeting key with its first rule."
    )


def nobody(results: Results, now: datetime) -> str:
    if any(arm.units for arm in (results.control, *results.others)):
        return ""
    experiment = results.experiment
    return (
        f"No unit has got a variant. Ask for the flag “{experiment.flag}” in {experiment.environment}, with a "
        "targeting key; a unit is counted within ten seconds."
    )


def nothing_sent(results: Results, now: datetime) -> str:
    event = results.experiment.event
    if not event or not results.control.units or any(arm.hits for arm in (results.control, *results.others)):
        return ""
    return (
        f"No unit has sent the event “{event}” after it got its variant. Send it with the targeting key as "
        "user_id_hash, or as session_id."
    )


def no_requests(results: Results, now: datetime) -> str:
    experiment = results.experiment
    if not experiment.of_usage or any(arm.count for arm in (results.control, *results.others)):
        return ""
    what = "stream" if experiment.metric == Metric.FIRST_TOKEN else "request"
    return f"No {what} was answered by a variant of the flag. Let an alias of a model follow it."


def switched_off(results: Results, now: datetime) -> str:
    experiment = results.experiment
    state: FlagState = experiment.flag.state_in(experiment.environment)
    if experiment.status == Status.ENDED or state.enabled:
        return ""
    return f"The flag is switched off in {experiment.environment}: everybody gets the same."


def not_kept(results: Results, now: datetime) -> str:
    experiment = results.experiment
    if experiment.status == Status.ENDED or experiment.flag.raw_exposures:
        return ""
    return "The flag no longer keeps raw exposures: new units are not counted. Switch them on again."


def shares_changed(results: Results, now: datetime) -> str:
    experiment = results.experiment
    if experiment.status == Status.ENDED or not experiment.weights:
        return ""
    if weights_of(experiment.flag.state_in(experiment.environment)) == experiment.weights:
        return ""
    return (
        "The shares of the variants have changed since the experiment was started: one variant has more of the later "
        "units than the other. Stop it, and start another one."
    )


def projects_without(results: Results, now: datetime) -> str:
    """Those that keep no single events, and so no units."""
    experiment = results.experiment
    silent = Q(analytics_policy__keeps_raw=False) | Q(data_retention=ProjectRetention.NOTHING)
    if experiment.flag.organization.data_retention == Retention.NOTHING:
        silent |= Q(data_retention=ProjectRetention.ORGANIZATION)
    number = Project.objects.filter(silent, public_id__in=projects(experiment)).count()
    if not number:
        return ""
    return (
        f"Projects in {experiment.environment} that keep no single events, and whose units are not counted: {number}."
    )


def forgotten(results: Results, now: datetime) -> str:
    """What was deleted by age."""
    days = settings.LUKHAS_KEEP_RAW_EXPOSURES_DAYS
    if not results.experiment.of_usage:
        days = min(days, settings.LUKHAS_KEEP_EVENTS_DAYS)
    started = results.experiment.started_at
    if started is None or started > now - timedelta(days=days):
        return ""
    return f"It was started more than {days} days ago. Units or events that are older may be deleted already."


def too_few(results: Results, now: datetime) -> str:
    arms = (results.control, *results.others)
    if any(arm.value is not None or arm.hits is not None for arm in arms) or not any(arm.count for arm in arms):
        return ""
    if results.experiment.metric == Metric.COST:
        least = f"at least {inference.FEWEST_STRETCHES} minutes with requests, or hours after two days"
    else:
        least = f"at least {inference.FEWEST}"
    return f"There are too few requests to compare: each variant needs {least}."


HINTS: tuple[Hint, ...] = (
    early,
    split_wrongly,
    split_unknown,
    nobody,
    nothing_sent,
    no_requests,
    too_few,
    switched_off,
    not_kept,
    shares_changed,
    projects_without,
    forgotten,
)
"""In the order in which they are told."""
