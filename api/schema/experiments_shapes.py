"""The shapes and examples of /api/experiments."""

from typing import Any

from rest_framework import serializers

from analytics.experiments.results import UNITS
from analytics.models.events import EVENT_NAME_LENGTH
from analytics.models.experiments import HYPOTHESIS_LENGTH, NAME_LENGTH, Metric, Status
from api.schema.features_shapes import page_of, switch
from api.schema.organization_shapes import MOMENT, moment, one_of
from api.schema.shapes import NULLABLE, OPTIONAL, constant, integer, shape, text


def number(description: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=description, **options)


def metric(**more: Any) -> serializers.ChoiceField:
    return one_of(*Metric.values, help_text="What is measured of each variant.", **more)


def words(**more: Any) -> dict[str, Any]:
    return {
        "hypothesis": text("What is expected, and why.", max_length=HYPOTHESIS_LENGTH, allow_blank=True, **more),
        "event": text(
            "The name of the event, where `metric` is `event_rate`; else null.",
            max_length=EVENT_NAME_LENGTH,
            **NULLABLE,
            **more,
        ),
        "planned_end": integer("When the result is to be read, in seconds since 1970.", **NULLABLE, **more),
    }


Experiment = shape(
    "Experiment",
    "A question to the callers of a flag: does a variant do better than the control?",
    {
        "id": text("Its id, `exp_…`."),
        "object": constant("experiment"),
        "name": text("For people."),
        **words(),
        "flag": text("The key of the flag."),
        "environment": text("The key of the environment."),
        "metric": metric(),
        "control": text("The variant that the others are compared with."),
        "status": one_of(*Status.values, help_text="`draft` until it is started, and `ended` for good."),
        "weights": serializers.DictField(
            child=integer(min_value=0),
            help_text="How units were to be split when it was started; null where that cannot be told.",
            **NULLABLE,
        ),
        "created_by": text("Who made it; null for keys of projects, which see no people.", **NULLABLE),
        "created_at": integer("When it was made, in seconds since 1970."),
        "started_at": moment("When it was started; null for a draft."),
        "ended_at": moment("When it was stopped; null until then."),
    },
)
CreateExperiment = shape(
    "CreateExperiment",
    "A new experiment: a draft, unless it says that it is to run.",
    {
        "name": text("For people.", max_length=NAME_LENGTH),
        **words(**OPTIONAL),
        "flag": text("The key of the flag.", max_length=100),
        "environment": text("The key of the environment; else the one that the URL means.", max_length=100, **OPTIONAL),
        "metric": metric(),
        "control": text("One of the flag's variants.", max_length=100),
        "status": one_of(Status.DRAFT.value, Status.RUNNING.value, help_text="`running` starts it.", **OPTIONAL),
    },
)
UpdateExperiment = shape(
    "UpdateExperiment",
    "What is to change; what is left out stays. Once it is started, its question is for good.",
    {
        "name": text("For people.", max_length=NAME_LENGTH, **OPTIONAL),
        **words(**OPTIONAL),
        "flag": text("The key of the flag.", max_length=100, **OPTIONAL),
        "environment": text("The key of the environment.", max_length=100, **OPTIONAL),
        "metric": metric(**OPTIONAL),
        "control": text("One of the flag's variants.", max_length=100, **OPTIONAL),
        "status": one_of(*Status.values, help_text="`running` starts it, `ended` stops it for good.", **OPTIONAL),
    },
)
Experiments = page_of("ExperimentList", "A page of experiments, the newest first.", Experiment)
Deleted = shape(
    "ExperimentDeleted",
    "It is gone.",
    {"id": text(), "object": constant("experiment.deleted"), "deleted": switch("Yes.")},
)
Comparison = shape(
    "ExperimentComparison",
    "How a variant differs from the control.",
    {
        "difference": number("By how much its value is above the control's."),
        "relative": number("The same, as a share of the control's value; null where that is 0.", **NULLABLE),
        "low": number("Where the 95 % interval of the difference begins."),
        "high": number("Where it ends."),
        "p_value": number("How often chance alone makes a difference as large.", min_value=0, max_value=1),
        "method": text("The test that the p-value is of."),
    },
)
Arm = shape(
    "ExperimentVariant",
    "What is known of a variant.",
    {
        "variant": text("Its key."),
        "units": integer("How many units got it, and no other."),
        "count": integer("How many units, requests or streams the value is of."),
        "hits": integer("How many of them did what is measured; null where the value is no share.", **NULLABLE),
        "value": number(
            "The share or the mean, in the `unit` of the result; null where there are too few.", **NULLABLE
        ),
        "comparison": Comparison(help_text="Null for the control, and where there are too few.", **NULLABLE),
    },
)
Split = shape(
    "ExperimentSampleRatio",
    "Whether units are split as the flag's rule says.",
    {
        "expected": serializers.DictField(child=number(""), help_text="How many units each variant should have."),
        "chi_square": number("Pearson's statistic; null where a variant has units that should have none.", **NULLABLE),
        "p_value": number("How often chance alone splits them as unevenly.", min_value=0, max_value=1),
        "mismatch": switch("Whether that is below 0.001: then no difference is to be believed."),
    },
)
Results = shape(
    "ExperimentResults",
    "What came of an experiment, as it is known now.",
    {
        "object": constant("experiment.results"),
        "experiment": text("The id of the experiment."),
        "status": one_of(*Status.values),
        "metric": metric(),
        "unit": one_of(*dict.fromkeys(UNITS.values()), help_text="What values and differences are in."),
        "control": text("The variant that the others are compared with."),
        "since": moment("When it was started; null for a draft."),
        "until": integer("Up to when it counts, in seconds since 1970."),
        "planned_end": moment("When the result is to be read."),
        "variants": Arm(many=True, help_text="The control first."),
        "left_out": shape(
            "ExperimentLeftOut",
            "Units that are counted for no variant.",
            {
                "several_variants": integer("They got more than one variant."),
                "seen_before": integer("They had got their variant before the experiment began."),
            },
        )(),
        "sample_ratio": Split(help_text="Null where it cannot be told, or there are too few units.", **NULLABLE),
        "hints": serializers.ListField(child=text(), help_text="What to know before believing it, as sentences."),
    },
)

EXPERIMENT: dict[str, Any] = {
    "id": "exp_Zm4nB7vC2xL9kJ5hG8fD1sA3",
    "object": "experiment",
    "name": "Green button",
    "hypothesis": "A green button is clicked more often.",
    "flag": "green-button",
    "environment": "production",
    "metric": "event_rate",
    "event": "cta_clicked",
    "control": "off",
    "status": "running",
    "planned_end": MOMENT + 14 * 86_400,
    "weights": {"on": 1, "off": 1},
    "created_by": "ada@example.com",
    "created_at": MOMENT,
    "started_at": MOMENT + 60,
    "ended_at": None,
}
DELETED = {"id": EXPERIMENT["id"], "object": "experiment.deleted", "deleted": True}
RESULTS: dict[str, Any] = {
    "object": "experiment.results",
    "experiment": EXPERIMENT["id"],
    "status": "ended",
    "metric": "event_rate",
    "unit": "share",
    "control": "off",
    "since": MOMENT + 60,
    "until": MOMENT + 14 * 86_400,
    "planned_end": MOMENT + 14 * 86_400,
    "variants": [
        {"variant": "off", "units": 1012, "count": 1012, "hits": 205, "value": 0.2026, "comparison": None},
        {
            "variant": "on",
            "units": 988,
            "count": 988,
            "hits": 256,
            "value": 0.2591,
            "comparison": {
                "difference": 0.0565,
                "relative": 0.2791,
                "low": 0.0196,
                "high": 0.0933,
                "p_value": 0.0027,
                "method": "two-proportion z-test",
            },
        },
    ],
    "left_out": {"several_variants": 3, "seen_before": 0},
    "sample_ratio": {
        "expected": {"on": 1000.0, "off": 1000.0},
        "chi_square": 0.288,
        "p_value": 0.5915,
        "mismatch": False,
    },
    "hints": [],
}
