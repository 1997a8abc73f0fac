"""Which batches a person means, by what they came from: themselves, a source, a payload, a recipe, a fact."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from handoffs.models import Source
from ingestion.models import StageOutput
from ingestion.tracing import facts_of
from patches.models import PatchBatch, ReferenceVersion
from patches.moments import Unclear

PREFIX_CHARS = 8  # of a hash: fewer may mean many


@dataclass(frozen=True)
class Selection:
    """All that is given has to hold. Hashes may be cut short; a recipe is a pipeline's hash or one stage's own name."""

    batches: Sequence[int] = ()
    sources: QuerySet[Source] | None = None
    payload: str | None = None
    recipe: str | None = None
    fact: int | None = None

    def meant(self) -> QuerySet[PatchBatch]:
        """The batches, in whatever state. Raises Unclear if nothing was given, or a part of it is not there."""
        parts = [
            *([_batches(self.batches)] if self.batches else []),
            *([Q(source__in=self.sources)] if self.sources is not None else []),
            *([_payload(self.payload)] if self.payload else []),
            *([_recipe(self.recipe)] if self.recipe else []),
            *([_fact(self.fact)] if self.fact else []),
        ]
        if not parts:
            raise Unclear("say of what: --batch, --source, --payload, --recipe or --fact")
        chosen = PatchBatch.objects.order_by("pk")
        for part in parts:
            chosen = chosen.filter(part)
        return chosen


def _batches(ids: Sequence[int]) -> Q:
    known = set(PatchBatch.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if missing := sorted(set(ids) - known):
        raise Unclear(f"there is no batch {', '.join(map(str, missing))}")
    return Q(pk__in=ids)


def _payload(prefix: str) -> Q:
    if len(prefix) < PREFIX_CHARS:
        raise Unclear(f"give at least {PREFIX_CHARS} characters of a payload's hash")
    versions = ReferenceVersion.objects.filter(payload__payload_hash__startswith=prefix.lower())
    if not versions.exists():
        raise Unclear(f"nothing was ever read from a payload {prefix!r}")
    return Q(pk__in=versions.values("batch"))


def _recipe(name: str) -> Q:
    of_stages = StageOutput.objects.filter(recipe=name, run__batch__isnull=False)
    asked = Q(pk__in=of_stages.values("run__batch"))
    if len(name) >= PREFIX_CHARS:
        asked |= Q(recipe__startswith=name)
    if not PatchBatch.objects.filter(asked).exists():
        known = sorted(set(StageOutput.objects.values_list("recipe", flat=True).distinct()))
        raise Unclear(f"nothing was made by {name!r}; there are {', '.join(known) or 'no recipes yet'}")
    return asked


def _fact(id_: int) -> Q:
    found = facts_of(id_)
    if not found:
        raise Unclear(f"there is no fact {id_}")
    return Q(pk__in={said.batch for said in found[0].evidence})
