"""What keeps a flag from rolling out models, asked whenever an alias, a model or a flag is saved; and what keeps one
that does from being deleted.

A flag whose key is the `rollout` of an alias rolls out there, in whichever organisation it is. Each of its variants
must be the id of a model that can take the place of the alias's target: one that answers the same endpoints and, where
embeddings are among them, declares the same vector space. Vectors of two spaces cannot be compared, and nobody would
notice. Requests are asked the same (`api.rollouts`), so that what changed past these checks mixes nothing either.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from features.models import Flag
from features.problems import Problem

FIELDS = frozenset("model_id chat completions embeddings moderations vector_space target target_id rollout".split())
"""What of a model or an alias a rollout rests on."""


class Misfit(NamedTuple):
    """A variant of a flag that cannot roll out where this alias leads."""

    alias: Any
    flag: Flag
    variant: str
    why: str

    def __str__(self) -> str:
        home = self.flag.organization.slug
        return f"{self.alias} rolls out with the flag {self.flag} of {home}, whose variant {self.variant} {self.why}."


def touched(names: Collection[str] | None) -> bool:
    """Whether a change of these fields may break a rollout; None stands for all fields."""
    return names is None or not FIELDS.isdisjoint(names)


def complain(row: Any) -> None:
    """Raises ValidationError with what is wrong if this alias or model becomes as it is here."""
    aliases = apps.get_model("api", "Alias")
    is_alias = isinstance(row, aliases)
    if is_alias:
        if not row.rollout or not row.target_id:  # a form has told already that the target is missing
            return
        found = between([row], flags_for([row]))
    else:
        rolled = list(aliases.objects.exclude(rollout="").select_related("target"))
        found = between(rolled, flags_for(rolled), row) if rolled else iter(())
    messages = [str(misfit) for misfit in found]
    if messages:
        raise ValidationError({"rollout" if is_alias else NON_FIELD_ERRORS: messages})


def demand(rows: Sequence[Any]) -> Iterator[tuple[Any, Problem]]:
    """What is demanded of flags that are to be saved: see `features.demands`."""
    flags = [row for row in rows if isinstance(row, Flag)]
    if not flags:
        return
    aliases = apps.get_model("api", "Alias").objects.filter(rollout__in={flag.key for flag in flags})
    for alias, flag, variant, why in between(list(aliases.select_related("target")), flags):
        yield flag, Problem(("variants", variant), f"{why}: the alias {alias} rolls out with this flag")


def need(flag: Flag) -> Iterator[str]:
    """What a flag is needed for: see `features.needs`."""
    for alias in apps.get_model("api", "Alias").objects.filter(rollout=flag.key).order_by("pk"):
        yield f"rolls out the alias {alias}"


def flags_for(aliases: Iterable[Any]) -> list[Flag]:
    """The flags, of all organisations, that these aliases roll out with."""
    keys = {alias.rollout for alias in aliases}
    return list(Flag.objects.filter(key__in=keys).select_related("organization"))


def between(aliases: Sequence[Any], flags: Sequence[Flag], given: Any = None) -> Iterator[Misfit]:
    """What does not fit. `given` is a model as it is to be, whatever the database has; then only what concerns it."""
    offered = {value for flag in flags for value in offers(flag).values() if isinstance(value, str)}
    models = apps.get_model("api", "Model").objects.filter(model_id__in=offered) if aliases and offered else ()
    known = {model.model_id: model for model in models if given is None or model.pk != given.pk}
    if given is not None:
        known[given.model_id] = given
    for flag in flags:
        for alias in aliases:
            if alias.rollout != flag.key:
                continue
            target = given if given is not None and alias.target_id == given.pk else alias.target
            for variant, value in offers(flag).items():
                concerned = given is None or target is given or value == given.model_id
                if concerned and (why := unfit(target, value, known)):
                    yield Misfit(alias, flag, variant, why)


def offers(flag: Flag) -> Mapping[str, Any]:
    """The flag's variants; none where they are no such thing, which the flag itself is told."""
    return flag.variants if isinstance(flag.variants, dict) else {}


def unfit(target: Any, value: Any, known: Mapping[str, Any]) -> str | None:
    """Why a value cannot name the model that answers in the place of `target`; None where it can."""
    model = known.get(value) if isinstance(value, str) else None
    if model is None:
        return "must be the id of a model in the catalogue"
    if model.capabilities != target.capabilities:
        return f"must answer the same endpoints as {target}: {model} answers {listed(model)}, {target} {listed(target)}"
    if target.embeddings and model.pk != target.pk and not comparable(model, target):
        return f"must declare the same vector space as {target}, for both answer embeddings"
    return None


def comparable(one: Any, other: Any) -> bool:
    """Whether the vectors of both can be compared. A space without a name is nobody else's."""
    return bool(one.vector_space) and one.vector_space == other.vector_space


def listed(model: Any) -> str:
    return ", ".join(sorted(model.capabilities)) or "none"
