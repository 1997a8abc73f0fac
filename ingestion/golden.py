"""Golden questions as people keep them: put down, taken in from a file, asked of the store as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from handoffs.models import Reference, Reflection
from ingestion.adapters import chosen_embeddings
from ingestion.asking import search
from ledger import statements
from ledger.edits import note
from ledger.failures import Failure
from ledger.reasons import Reason
from patches import lookup
from patches.entities import counting_as
from patches.evaluation.golden import Expected, expected
from patches.models import Entity, Fact, GoldenQuestion, Predicate
from patches.moments import Unclear, period
from patches.names import key_of
from patches.timeline import Held

VECTORS = """
UPDATE patches_goldenquestion g SET vector = v.vector, recipe = %(recipe)s
FROM unnest(%(ids)s::bigint[], %(vectors)s::vector[]) AS v(id, vector) WHERE g.id = v.id
"""
K, MOST_K = 5, 50


@dataclass(frozen=True)
class Asked:
    """How a golden question is answered now. `missing` are documents that were not found and facts that do not hold.

    `recall` and `reciprocal` (1 / rank of the first expected document) are None where no document is expected.
    """

    id: int
    question: str
    recall: float | None
    reciprocal: float | None
    found: Sequence[str] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Run:
    """All golden questions of a reflection, asked once; the means are over those that expect documents."""

    asked: Sequence[Asked] = field(default_factory=list)

    @property
    def recall(self) -> float | None:
        return _mean([one.recall for one in self.asked])

    @property
    def reciprocal(self) -> float | None:
        return _mean([one.reciprocal for one in self.asked])

    @property
    def failing(self) -> list[Asked]:
        return [one for one in self.asked if one.missing]


def add(
    owner: Reflection,
    question: str,
    *,
    documents: Sequence[str] = (),
    facts: Sequence[Mapping[str, Any]] = (),
    k: int = K,
    by: str,
) -> GoldenQuestion:
    """Put down a question, or what else it expects from now on. Raises Unclear, or what the model fails with.

    A fact is {"subject", "predicate", "object"} by name, and "at" for a moment other than now; all have to be known.
    """
    words = " ".join(question.split())
    if not words or not (documents or facts):
        raise Unclear("a golden question has words, and expects documents or facts")
    if not 1 <= k <= MOST_K:
        raise Unclear(f"k is a number from 1 to {MOST_K}")
    unknown = set(documents) - set(_known(owner, documents))
    if unknown:
        raise Unclear(f"no source of {owner} has {', '.join(sorted(unknown))}")
    told = {"documents": sorted(set(documents)), "facts": [_fact(owner, said) for said in facts], "k": k, "by": by}
    with transaction.atomic():
        made, new = GoldenQuestion.objects.update_or_create(reflection=owner, question=words, defaults=told)
        note(made, Reason.ADDED if new else Reason.EDITED, by=by)
        if failure := refresh([made.pk]):
            raise failure
    return made


def take_in(owner: Reflection, rows: Sequence[Any], *, by: str, dry_run: bool = False) -> list[GoldenQuestion]:
    """Put down many, all or none: objects as `golden list --json` shows them.

    Raises Unclear with the number of the row.
    """
    made = []
    with transaction.atomic():
        for n, row in enumerate(rows, 1):
            try:
                known = {key: row[key] for key in ("documents", "facts", "k") if key in row}
                made.append(add(owner, row["question"], by=by, **known))
            except (KeyError, TypeError, AttributeError):
                raise Unclear(f"row {n}: a golden question has “question”, and “documents” or “facts”") from None
            except Unclear as unclear:
                raise Unclear(f"row {n}: {unclear}") from None
        if dry_run:
            transaction.set_rollback(True)
    return made


def remove(chosen: QuerySet[GoldenQuestion], *, by: str, dry_run: bool = False) -> list[GoldenQuestion]:
    """Ask them no more; return those that were there."""
    with transaction.atomic():
        found = list(chosen.select_for_update())
        for one in [] if dry_run else found:
            note(one, Reason.REMOVED, by=by)
            one.delete()
    return found


def run(owner: Reflection) -> Run:
    """Ask every golden question of the store as it is. Raises what the model fails with."""
    return Run([ask(owner, one) for one in GoldenQuestion.objects.filter(reflection=owner).order_by("pk")])


def refresh(ids: Sequence[int]) -> Failure | None:
    """Give questions the vectors of the present model; return what it fails with. No statement for none."""
    if not ids:
        return None
    port = chosen_embeddings()
    found = dict(GoldenQuestion.objects.filter(pk__in=ids).values_list("pk", "question"))
    try:
        vectors = list(port.embed(list(found.values())))
    except Failure as failure:
        return failure
    for vector in vectors:
        if isinstance(vector, Failure):
            return vector
    told = ["[" + ",".join(format(x, ".8g") for x in vector) + "]" for vector in vectors]
    statements.run(VECTORS, {"recipe": port.recipe, "ids": list(found), "vectors": told})
    return None


def ask(owner: Reflection, one: GoldenQuestion) -> Asked:
    """Ask one of the store as it is. Raises what the model fails with."""
    missing = [said.says for said in _expected(owner, one) if not said.holds(_facts(said), timezone.now())]
    if not one.documents:
        return Asked(one.pk, one.question, None, None, missing=missing)
    hits = search(owner, one.question, limit=one.k).hits
    wanted = set(one.documents)
    found = {name for hit in hits for name in hit.documents}
    ranks = [n for n, hit in enumerate(hits, 1) if wanted & set(hit.documents)]
    return Asked(
        one.pk,
        one.question,
        len(wanted & found) / len(wanted),
        1 / ranks[0] if ranks else 0.0,
        found=[name for hit in hits for name in hit.documents],
        missing=[*sorted(wanted - found), *missing],
    )


def _expected(owner: Reflection, one: GoldenQuestion) -> list[Expected]:
    """The facts that it expects, where they count now."""
    named = [UUID(said[role]) for said in one.facts for role in ("subject_id", "object_id") if said[role]]
    aliases = {entity: (to.pk, to.key, to.name) for entity, to in counting_as(named).items()}
    return [expected(owner.pk, said, aliases) for said in one.facts]


def _facts(said: Expected) -> list[Held]:
    open_ = Fact.objects.filter(slot=said.slot, sys__upper_inf=True)
    return [Held(one.valid.lower, one.valid.upper, one.object_key) for one in open_]


def _known(owner: Reflection, names: Sequence[str]) -> list[str]:
    found = Reference.objects.filter(source__reflection=owner, external_id__in=list(names))
    return list(found.values_list("external_id", flat=True))


def _fact(owner: Reflection, said: Mapping[str, Any]) -> dict[str, Any]:
    """The fact with what the gate looks it up by."""
    subject = lookup.entity(owner.pk, said["subject"])
    predicate = Predicate.objects.get(name=lookup.predicate(said["predicate"]))
    of_entity = [kind for kind in predicate.object_types if kind not in ("text", "date")]
    object_ = Entity.objects.filter(reflection=owner, type__in=of_entity, key=key_of(said["object"])).first()
    if of_entity and not object_ and len(of_entity) == len(predicate.object_types):
        raise Unclear(f"nothing of the kind {' or '.join(of_entity)} is called {said['object']!r}")
    if said.get("at"):
        period(said["at"])
    return {
        "subject": subject.name,
        "subject_id": str(subject.pk),
        "predicate": predicate.name,
        "cardinality": predicate.cardinality,
        "object": said["object"],
        "object_id": str(object_.pk) if object_ else None,
        "object_key": object_.key if object_ else said["object"].strip(),
        "at": said.get("at"),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
