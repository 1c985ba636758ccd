"""Feature flags, and their state in each environment."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, cast

from django.db import models
from django.db.models.functions import Cast, StrIndex
from django.utils import timezone

from accounts.audit.context import because
from accounts.models import Organization
from features import definitions, protection
from features.definitions import ALGORITHMS, DEFAULT_ALGORITHM, DEFAULT_TOTAL, KINDS, FlagDefinition
from features.models.environments import Environment
from features.models.fields import key_field, keys_only, keys_or_empty, variant_field
from features.models.fitting import Edges, Fitting, Known, edges_of, reading
from features.models.ruling import Ruling, RulingQuerySet, Unfit
from features.needs import needs
from features.problems import Path, Problem, text_problem

WORDS = (
    "description", "owner", "ticket", "tags", "permanent", "archived", "raw_exposures", "algorithm", "salt", "metadata",
)  # fmt: skip
"""What a flag has beside key, kind, variants and states, in its definition and in its row alike."""
LONGEST_REASON = 500
"""How many characters there are for why a flag was switched off."""


class FlagQuerySet(RulingQuerySet["Flag"]):
    def live(self) -> "FlagQuerySet":
        """Returns the flags that are not archived."""
        return self.filter(archived=False)

    def tagged(self, tag: str) -> "FlagQuerySet":
        """Returns the flags with this tag, as it is written."""
        rows = self.annotate(tags_text=Cast("tags", models.TextField()))
        found = models.Q()
        for number, written in enumerate(
            (json.dumps(tag), json.dumps(tag, ensure_ascii=False))
        ):  # as databases have it
            place = f"tag_place_{number}"
            rows = rows.annotate(**{place: StrIndex("tags_text", models.Value(written))})
            found |= models.Q(**{f"{place}__gt": 0})
        return rows.filter(found)

    def matching(self, text: str) -> "FlagQuerySet":
        """Returns the flags of whose key or words this text is a part, in small letters or capitals."""
        parts = (f"{field}__icontains" for field in ("key", "description", "owner", "ticket"))
        return self.filter(reduce(or_, (models.Q(**{part: text}) for part in parts)))

    def untouched_since(self, moment: datetime) -> "FlagQuerySet":
        """Returns the flags of which nothing was changed since then, in no environment."""
        return self.filter(changed_at__lt=moment).exclude(states__changed_at__gte=moment)

    def with_states(self) -> "FlagQuerySet":
        """Returns the flags with their states, read in one query more."""
        return self.prefetch_related(models.Prefetch("states", FlagState.objects.select_related("environment")))

    def with_surroundings(self) -> "FlagQuerySet":
        return self.select_related("organization").with_states()


class Flag(Ruling):
    """What can be asked for. An archived flag is out of people's sight, and answers as before.

    `salt` is what splits hash with each caller: the key at first, and kept when that changes, so that nobody moves.
    `variants`, `tags` and `metadata` are in the form of `features.definitions.FlagDefinition`.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="flags", verbose_name="organisation"
    )
    key = key_field()
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    variants = models.JSONField()
    description = models.TextField(blank=True)
    owner = models.CharField(max_length=200, blank=True, help_text="Who to ask about it.")
    ticket = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(default=list, blank=True)
    permanent = models.BooleanField(default=False, help_text="Meant to stay: never called stale.")
    archived = models.BooleanField(default=False)
    raw_exposures = models.BooleanField(
        default=False, help_text="Who got which variant is kept, too: once for each, under a name that says nothing."
    )
    algorithm = models.CharField(
        max_length=20, choices=[(name, name) for name in ALGORITHMS], default=DEFAULT_ALGORITHM
    )
    salt = models.CharField(max_length=200, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    changed_at = models.DateTimeField("changed", default=timezone.now, editable=False)

    objects = FlagQuerySet.as_manager()

    unfelt = ("description", "owner", "ticket", "tags", "permanent", "archived", "raw_exposures")

    audit_kind = "flag"
    audit_fields = ("organization", "key", "kind", "variants", *WORDS)
    audit_final = ("organization", "key")
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="features_flag_once",
                fields=["organization", "key"],
                violation_error_message="The organisation has a flag with this key already.",
            ),
            keys_only("features_flag_key", "key"),
            models.CheckConstraint(name="features_flag_kind_known", condition=models.Q(kind__in=list(KINDS))),
            models.CheckConstraint(
                name="features_flag_algorithm_known", condition=models.Q(algorithm__in=list(ALGORITHMS))
            ),
            models.CheckConstraint(name="features_flag_salted", condition=~models.Q(salt="")),
            models.CheckConstraint(
                name="features_flag_variants",
                condition=~models.Q(variants={}),
                violation_error_message="A flag has a variant.",
            ),
        )

    def __str__(self) -> str:
        return self.key

    def state_in(self, environment: Environment) -> "FlagState":
        """Returns its state, or, where it has none, a new one that is not saved."""
        return self.states.filter(environment=environment).first() or FlagState(flag=self, environment=environment)

    def to_data(self, states: "Iterable[FlagState]" = ()) -> dict[str, definitions.Json]:
        """Returns the flag as `FlagDefinition.from_data` reads it."""
        words = {name: getattr(self, name) for name in WORDS}
        environments = {state.environment.key: state.to_data() for state in states}
        return {"key": self.key, "kind": self.kind, "variants": self.variants, **words, "environments": environments}

    def definition(self) -> FlagDefinition:
        """Returns the flag with all of its states. Raises `features.problems.Invalid`."""
        return FlagDefinition.from_data(self.to_data(self.states.all()))

    @classmethod
    def stamps(cls) -> dict[str, Any]:
        return {"changed_at": timezone.now()}

    def tidy(self) -> None:
        if not self.salt:
            self.salt = self.key

    def problems(self, fitting: Fitting) -> Iterable[Problem]:
        states = self.states.select_related("environment") if self.pk else ()
        yield from reading(lambda: FlagDefinition.from_data(self.to_data(states)))[1]
        if self.pk and self.organization_id:
            yield from fitting.dangling(self.organization_id)

    def lacking(self, fitting: Fitting) -> Iterable[Problem]:
        yield from (Problem((), f"{self.key} {what}") for what in needs.of(self))
        yield from fitting.dangling(self.organization_id)

    def felt_in(self) -> Iterable[Environment]:
        return Environment.objects.filter(states__flag=self) if self.pk else ()

    def join(self, known: Known) -> None:
        if self.pk in known.flags:
            known.flags[self.pk] = (self.key, cast(Mapping[str, Any], self.variants or {}))

    def audited_in(self) -> Sequence[str]:
        return (self.organization.public_id,)


class FlagState(Ruling):
    """A flag in one environment, in the form of `features.definitions.FlagState`; an empty variant is no value.

    Without a state a flag is switched off there.
    """

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="states")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="states")
    enabled = models.BooleanField(default=False)
    off_variant = variant_field("Answers while the flag is off. Empty: the caller's own default counts.")
    default_variant = variant_field("Answers where no rule does. Empty: the caller's own default counts.")
    rules = models.JSONField(default=list, blank=True)
    prerequisites = models.JSONField(default=list, blank=True)
    changed_at = models.DateTimeField("changed", default=timezone.now, editable=False)

    objects = RulingQuerySet["FlagState"].as_manager()

    audit_kind = "flag.state"
    audit_fields = ("flag", "environment", "enabled", "off_variant", "default_variant", "rules", "prerequisites")
    audit_final = ("flag", "environment")
    audit_recreatable = True

    class Meta:
        constraints = (
            models.UniqueConstraint(
                name="features_flagstate_once",
                fields=["flag", "environment"],
                violation_error_message="The flag has a state in this environment already.",
            ),
            keys_or_empty("features_flagstate_variants", "off_variant", "default_variant"),
        )

    def __str__(self) -> str:
        return f"{self.flag} in {self.environment}"

    def to_data(self) -> dict[str, definitions.Json]:
        """Returns the state as `features.definitions.FlagState` reads it."""
        return {
            "enabled": self.enabled,
            "off_variant": self.off_variant or None,
            "default_variant": self.default_variant or None,
            "rules": self.rules,
            "prerequisites": self.prerequisites,
        }

    @classmethod
    def stamps(cls) -> dict[str, Any]:
        return {"changed_at": timezone.now()}

    def tidy(self) -> None:
        rules, _ = reading(lambda: definitions.rules_from_data(self.rules))
        needed, _ = reading(lambda: definitions.prerequisites_from_data(self.prerequisites))
        if rules is not None and needed is not None:
            self.rules = definitions.rules_to_data(rules)
            self.prerequisites = definitions.prerequisites_to_data(needed)

    def problems(self, fitting: Fitting) -> Iterable[Problem]:
        # Unset where the form has told already that they are missing.
        if not self.flag_id or not self.environment_id:
            return
        organization_id, environment = self.flag.organization_id, self.environment.key
        if organization_id != self.environment.organization_id:
            yield Problem(("environment",), "is of another organisation than the flag")
        segments = fitting.segments(organization_id) if self.rules else {}
        inside: Path = ("environments", environment)
        _, found = reading(lambda: FlagDefinition.from_data(self.flag.to_data([self]), segments))
        for problem in found:
            if problem.path[:2] == inside:
                yield Problem(problem.path[2:], problem.message)
        if self.prerequisites:
            yield from fitting.unmet(organization_id, edges_of(environment, self.flag.key, self.prerequisites))
            yield from fitting.circular(organization_id, environment, self.flag.key)

    def stated(self, reason: str) -> str:
        """Returns the reason as it is kept. Raises Unfit for one that cannot be."""
        if problem := text_problem(reason, LONGEST_REASON):
            raise Unfit([(self, Problem(("reason",), problem))])
        return reason.strip()

    def kill(self, reason: str) -> bool:
        """Switches it off, at once and whether the environment is protected or not, and writes the reason down. Returns
        whether it was on. Raises Unfit for a reason that says nothing, or cannot be kept."""
        told = self.stated(reason)
        if not told:
            raise Unfit([(self, Problem(("reason",), "must say why it is switched off"))])
        if not self.enabled:
            return False
        self.enabled = False
        with protection.lifted(), because(told):
            self.save(update_fields=["enabled"])
        return True

    def roll_out(self, variant: str, weight: int, rest: str) -> None:
        """Gives `weight` of 100,000 callers whom no other rule answers `variant`, and the others `rest`, without
        saving. Who is spread already is spread as before, so that growing a share moves only those who come to it."""
        rules = list(self.rules)
        last = rules[-1] if rules else {}
        known = last.get("split", {}) if not set(last) & {"conditions", "from", "until"} else {}
        order = [each["variant"] for each in known.get("weights", ())]
        if sorted(order) != sorted({variant, rest}):
            order = list(dict.fromkeys((variant, rest)))
        shares = {rest: DEFAULT_TOTAL - weight, variant: weight if variant != rest else DEFAULT_TOTAL}
        kept = {name: known[name] for name in ("attribute", "algorithm", "salt") if name in known}
        split = {**kept, "weights": [{"variant": each, "weight": shares[each]} for each in order]}
        if last and not set(last) & {"conditions", "from", "until"}:
            rules.pop()
        self.rules = [*rules, {"name": last.get("name", "rollout") if known else "rollout", "split": split}]

    def same_for_all(self) -> bool:
        """Returns whether everybody gets the same answer, now and until it is changed."""
        if not self.enabled:
            return True
        if self.prerequisites:
            return False
        first = self.rules[0] if self.rules else {}
        weights = first.get("split", {}).get("weights", ())
        return not set(first) & {"conditions", "from", "until"} and sum(bool(each["weight"]) for each in weights) < 2

    def join_edges(self, edges: Edges) -> None:
        edges[self.environment_id, self.flag_id] = edges_of(self.environment.key, self.flag.key, self.prerequisites)

    def audited_in(self) -> Sequence[str]:
        return (self.flag.organization.public_id,)
