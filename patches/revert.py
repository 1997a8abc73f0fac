"""Take batches back, and let them count again: at any time, in any order, also below later ones.

A reference carries the last batch of its own that stands. So what a revert takes away, and what it brings back in its
place, follows from which batches are reverted, and not from when they were.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet

from ledger import statements
from ledger.crashpoints import reached
from ledger.deeds import Answer, Page
from ledger.reasons import Reason
from patches.apply import begin, bring_in_line, end_lives, lock, revive, withdraw
from patches.changes import FactChange, named
from patches.lifecycles import BATCH
from patches.models import Passage, PatchBatch
from patches.sql import statement

# Every batch that may begin or end to live: those asked for, and whatever else their references have said. Locked in
# the order of their ids and before the references, as claims do; no foreign key to them has to wait.
BATCHES = """
WITH concerned AS (
  SELECT unnest(%(batches)s::bigint[]) AS id
  UNION
  SELECT other.batch_id FROM patches_referenceversion v JOIN patches_referenceversion other USING (reference_id)
  WHERE v.batch_id = ANY(%(batches)s::bigint[])
)
SELECT b.id, b.status FROM concerned JOIN patches_patchbatch b USING (id) ORDER BY b.id FOR NO KEY UPDATE OF b
"""
OWN = ("reverted", "restored", "allowed_again")  # what is said of the batches that were asked for
REFERENCES = """
SELECT r.id FROM handoffs_reference r
WHERE r.gone_at IS NULL
  AND r.id IN (SELECT reference_id FROM patches_referenceversion WHERE batch_id = ANY(%(batches)s::bigint[]))
ORDER BY r.id FOR UPDATE
"""


@dataclass(frozen=True)
class Turned:
    """What a revert or a restoration did, or would do.

    `batches` says by name which batches became what, or were left alone; `seqs` are the apply numbers by reflection.
    """

    batches: Answer = field(default_factory=Answer)
    closed: Sequence[FactChange] = ()
    opened: Sequence[FactChange] = ()
    passages_gone: int = 0
    passages_back: int = 0
    seqs: Sequence[int] = ()

    def __add__(self, other: "Turned") -> "Turned":
        return Turned(
            self.batches + other.batches,
            [*self.closed, *other.closed],
            [*self.opened, *other.opened],
            self.passages_gone + other.passages_gone,
            self.passages_back + other.passages_back,
            [*self.seqs, *other.seqs],
        )


def revert(batches: QuerySet[PatchBatch], *, by: str, reason: str, dry_run: bool = False) -> Turned:
    """Take the batches back, all those of a reflection at once; what their references said before them lives again.

    They stay out until `restore`, also when the same content comes in again. Done to a batch that a later one replaced
    it changes no fact. Refused are batches that were never applied, and those reverted already. With `dry_run` nothing
    is written: the answer is what would happen. Raises ValueError for no reason.
    """
    return _each(batches, _revert, by=by, reason=reason, dry_run=dry_run)


def restore(batches: QuerySet[PatchBatch], *, by: str, reason: str, dry_run: bool = False) -> Turned:
    """Let reverted batches count again: live at once where a reference says nothing later, else when it does again.

    Refused are batches that are not reverted. Otherwise as `revert`.
    """
    return _each(batches, _restore, by=by, reason=reason, dry_run=dry_run)


def reverting(*, by: str, why: str) -> Page:
    """As `revert`, for a page of batches: one transaction, whatever reflections they are of.

    The answer is of the batches of the page alone. A constant number of statements for each of their reflections.
    """
    return _of_page(_revert, Order(by, why))


def restoring(*, by: str, why: str) -> Page:
    """As `restore`, for a page of batches; see `reverting`."""
    return _of_page(_restore, Order(by, why))


@dataclass(frozen=True)
class Order:
    """Whose word it is, and why."""

    by: str
    reason: str


Deed = Callable[[int, Sequence[int], Order], Turned]


def _each(batches: QuerySet[PatchBatch], deed: Deed, *, by: str, reason: str, dry_run: bool) -> Turned:
    """Do the deed in one transaction for each reflection that the batches are of."""
    if not reason.strip():
        raise ValueError("a reason is needed")
    told = Turned()
    for reflection_id, ids in _by_reflection(batches):
        with transaction.atomic(durable=True):
            lock(reflection_id)
            told += deed(reflection_id, ids, Order(by, reason))
            reached("revert.before_commit")
            if dry_run:
                transaction.set_rollback(True)
        reached("revert.after_commit")
    return told


def _of_page(deed: Deed, order: Order) -> Page:
    def page(ids: list[int]) -> Answer:
        groups = _by_reflection(PatchBatch.objects.filter(pk__in=ids))
        for reflection_id, _ in groups:
            lock(reflection_id)  # of all, and in order, before any row
        told = sum((deed(reflection_id, found, order) for reflection_id, found in groups), Turned()).batches
        reached("revert.before_commit")
        return Answer({name: told.of(name) for name in OWN if name in told.done}, told.refused)

    return page


def _by_reflection(batches: QuerySet[PatchBatch]) -> list[tuple[int, list[int]]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for batch_id, reflection_id in batches.order_by("pk").values_list("pk", "reflection_id"):
        groups[reflection_id].append(batch_id)
    return sorted(groups.items())


def _revert(reflection_id: int, ids: Sequence[int], order: Order) -> Turned:
    status = dict(statements.rows(BATCHES, {"batches": list(ids)}))
    taken = BATCH.move(
        PatchBatch.objects.filter(pk__in=ids),
        was={"applied", "superseded"},
        to="reverted",
        reason=Reason.REVERTED,
        by=order.by,
        note=order.reason,
    )
    again = [pk for pk in ids if status.get(pk) == "reverted"]
    never = sorted(set(ids) - set(taken) - set(again))
    ended = [pk for pk in taken if status[pk] == "applied"]
    turned = _settle(reflection_id, taken, Reason.REVERTED, order, ended=ended)
    return turned + Turned(Answer({"reverted": taken}, {"already_reverted": again, "not_applied": never}))


def _restore(reflection_id: int, ids: Sequence[int], order: Order) -> Turned:
    statements.rows(BATCHES, {"batches": list(ids)})
    taken = BATCH.move(
        PatchBatch.objects.filter(pk__in=ids),
        was={"reverted"},
        to="superseded",
        reason=Reason.REINSTATED,
        by=order.by,
        note=order.reason,
    )
    turned = _settle(reflection_id, taken, Reason.REINSTATED, order)
    back = set(turned.batches.of("live_again"))
    told = {"restored": [pk for pk in taken if pk in back], "allowed_again": [pk for pk in taken if pk not in back]}
    others = {name: [pk for pk in found if pk not in taken] for name, found in turned.batches.done.items()}
    not_reverted = sorted(set(ids) - set(taken))
    answer = Answer({**others, **told}, {"not_reverted": not_reverted})
    return Turned(answer, turned.closed, turned.opened, turned.passages_gone, turned.passages_back, turned.seqs)


def _settle(
    reflection_id: int, taken: Sequence[int], reason: Reason, order: Order, *, ended: Sequence[int] = ()
) -> Turned:
    """Let the references of the batches carry what stands of theirs, and bring the knowledge in line with that.

    A constant number of statements. `ended` are those of the batches that were live until now.
    """
    if not taken:
        return Turned()
    references = [reference for (reference,) in statements.rows(REFERENCES, {"batches": list(taken)})]
    [(back, left)] = statements.rows(statement("carry"), {"references": references})
    if reason == Reason.REINSTATED:  # a person's own order needs nobody to carry it
        back += PatchBatch.objects.filter(pk__in=taken, source=None).order_by("pk").values_list("pk", flat=True)
    seq = begin(reflection_id, reason=reason, by=order.by)
    told = Reason.FALLEN_BACK_TO if reason == Reason.REVERTED else Reason.REINSTATED
    BATCH.move(PatchBatch.objects.filter(pk__in=back), was={"superseded"}, to="applied", reason=told, by=order.by)
    touched = end_lives(ended, seq=seq) | revive(back, seq=seq)
    touched |= withdraw(PatchBatch.objects.filter(pk__in=left), seq=seq, by=order.by)
    superseded = list(
        PatchBatch.objects.filter(pk__in=left, status="superseded").exclude(pk__in=back).values_list("pk", flat=True)
    )
    done = bring_in_line(reflection_id, touched, seq=seq)
    closed, opened = named(done)
    return Turned(
        Answer({"live_again": back, "superseded": superseded}),
        closed,
        opened,
        Passage.objects.filter(batch__in=[*ended, *superseded]).count(),
        Passage.objects.filter(batch__in=back).count(),
        [seq],
    )
