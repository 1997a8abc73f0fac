"""What a batch changes: as the store took it when it was applied, or as it would take it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from patches.changes import FactChange
from patches.evaluation.judging import Judgement
from patches.evaluation.shadow import Line
from patches.models import Assertion, BatchLife, Fact, Passage, Patch, PatchBatch, ReferenceVersion


@dataclass(frozen=True)
class Merged:
    """A claim of what was known already: it becomes evidence of it. `n` is its patch."""

    n: int
    subject: str
    predicate: str
    object: str


@dataclass(frozen=True)
class Difference:
    """Facts that end and begin, claims that only confirm, passages that come and go.

    `leaves` are the batches whose place it takes. Of the golden questions `worse` find less than before, `moved` have
    other answers, `lost` are facts that would not hold any more; these are known only of what did not happen yet.
    """

    opened: Sequence[FactChange] = ()
    closed: Sequence[FactChange] = ()
    merged: Sequence[Merged] = ()
    passages_added: int = 0
    passages_gone: int = 0
    golden_worse: Sequence[str] = ()
    golden_moved: Sequence[str] = ()
    golden_lost: Sequence[str] = ()
    leaves: Sequence[int] = ()


def made(batch: PatchBatch) -> Difference | None:
    """What changed when the batch was first applied, with what it took the place of; None if it never was.

    Of a slot that others applied with it in one transaction changed too, all is told. A constant number of statements.
    """
    first = BatchLife.objects.filter(batch=batch).order_by("sys").first()
    if first is None:
        return None
    seq = first.sys.lower
    theirs = ReferenceVersion.objects.filter(batch=batch).values("reference")
    shared = ReferenceVersion.objects.filter(reference__in=theirs).exclude(batch=batch).values("batch")
    gone = list(BatchLife.objects.filter(batch__in=shared, sys__endswith=seq).values_list("batch", flat=True))
    facts = (
        Fact.objects.filter(reflection=batch.reflection_id).select_related("subject").order_by("subject__name", "pk")
    )
    if batch.source_id is not None:  # a person's own order is applied alone
        facts = facts.filter(slot__in=Assertion.objects.filter(batch__in=[batch.pk, *gone]).values("slot"))
    return Difference(
        [_read(fact) for fact in facts.filter(sys__startswith=seq)],
        [_read(fact) for fact in facts.filter(sys__endswith=seq)],
        _merged(batch.pk, seq, gone),
        Passage.objects.filter(batch=batch).count(),
        Passage.objects.filter(batch__in=gone).count(),
        leaves=sorted(gone),
    )


def would_make(judgement: Judgement, patches: Sequence[tuple[str, Mapping[str, Any]]]) -> Difference:
    """What the change that was judged comes to, if it is let in. `patches` are the batch's as (op, payload)."""
    change, golden = judgement.change, judgement.golden
    return Difference(
        [_line(line) for line in change.opened],
        [_line(line) for line in change.closed],
        [_claim(n, patches[n][1]) for n in sorted(change.merged)],
        sum(len(payload["spans"]) for op, payload in patches if op == Patch.Op.PUT_PASSAGES),
        Passage.objects.filter(batch__in=change.leaving).count() if change.leaving else 0,
        golden.worse,
        golden.moved,
        golden.lost,
        sorted(change.leaving),
    )


def _merged(batch_id: int, seq: int, gone: Sequence[int]) -> list[Merged]:
    """Claims that another live batch had made before, or an earlier patch of this one."""
    same = Assertion.objects.filter(slot=OuterRef("slot"), object_key=OuterRef("object_key"))
    before = Q(sys__startswith__lt=seq) | Q(sys__startswith=seq, batch__lt=batch_id)
    live = BatchLife.objects.filter(before, batch=OuterRef("batch"), sys__contains=seq).exclude(batch__in=gone)
    others = same.exclude(batch=batch_id).filter(Exists(live))
    earlier = same.filter(batch=batch_id, n__lt=OuterRef("n"))
    confirming = Assertion.objects.filter(Exists(others) | Exists(earlier), batch=batch_id)
    claims = Patch.objects.filter(batch=batch_id, n__in=confirming.values("n")).order_by("n")
    return [_claim(n, payload) for n, payload in claims.values_list("n", "payload")]


def _read(fact: Fact) -> FactChange:
    valid = fact.valid
    return FactChange(fact.subject.name, fact.predicate_id, fact.object_text, valid.lower, valid.upper, fact.precision)


def _line(line: Line) -> FactChange:
    held = line.held
    return FactChange(line.subject, line.predicate, held.object_text, held.start, held.end, held.precision)


def _claim(n: int, payload: Mapping[str, Any]) -> Merged:
    return Merged(n, payload["subject"], payload["predicate"], payload["object"])
