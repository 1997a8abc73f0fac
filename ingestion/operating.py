"""What operators do to work: cancel it, send it back, hold a source and let it go, have it done by a newer recipe.

Each deed goes through its rows in pages of one transaction, with a constant number of statements a page, and answers
what became of each row by name; ids are those of the rows given, unless it says otherwise.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from handoffs import consent
from handoffs.lifecycles import ENDED, HANDOFF, WAITING
from handoffs.models import Handoff, Reference, Source
from ingestion import stages
from ingestion.lifecycles import ACTIVE, DUE, RUN
from ingestion.models import IngestRun
from ingestion.releasing import send
from ingestion.reopening import Obstacles, Standing, look
from ingestion.waking import wake
from ledger import statements
from ledger.crashpoints import reached
from ledger.deeds import Answer, Page, in_pages
from ledger.lifecycle import take
from ledger.models import Event
from ledger.reasons import Reason

CALLABLE_OFF = DUE | {"in_review", "quarantined"}
UNDER_WAY = frozenset({"pending", "held", "queued", "ingesting"})
HELD_WITH_SOURCE = (Reason.PAUSED, Reason.NO_CONSENT)
BY_CHARS = 80
WHY_CHARS = 200

RUNS = "SELECT id, status, handoff_id FROM ingestion_ingestrun WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
CALLED_OFF = "UPDATE ingestion_ingestrun SET cancel_requested = %(by)s WHERE id = ANY(%(ids)s)"


def cancel(runs: QuerySet[IngestRun], *, by: str, why: str = "", dry_run: bool = False) -> Answer:
    """End runs, with their handoffs: those that wait at once, those under way before their next stage."""
    return in_pages(runs, cancelling(by=by, why=why), dry_run=dry_run)


def cancelling(*, by: str, why: str = "") -> Page:
    """As `cancel`, for a page of runs."""
    return lambda ids: _cancel(ids, by=by, why=why)


def cancel_handoffs(handoffs: QuerySet[Handoff], *, by: str, why: str = "", dry_run: bool = False) -> Answer:
    """End handoffs, with their runs. Ids in the answer are the handoffs'."""
    return in_pages(handoffs, cancelling_handoffs(by=by, why=why), dry_run=dry_run)


def cancelling_handoffs(*, by: str, why: str = "") -> Page:
    """As `cancel_handoffs`, for a page of handoffs."""

    def page(ids: list[int]) -> Answer:
        active = IngestRun.objects.filter(handoff__in=ids, status__in=ACTIVE)
        rows = Handoff.objects.filter(pk__in=ids).exclude(pk__in=list(active.values_list("handoff_id", flat=True)))
        moved = HANDOFF.move(rows, was=WAITING, to="cancelled", reason=Reason.CANCELLED, by=by, note=why)
        # looked at again: dispatch may have put one aboard while its lock was waited for
        run_of = dict(active.values_list("pk", "handoff_id"))
        told = _cancel(sorted(run_of), by=by, why=why)
        done = {name: [run_of[run] for run in found] for name, found in told.done.items()}
        left = sorted(set(ids) - set(moved) - set(run_of.values()))
        return Answer(done, {"ended": left}) + Answer({"cancelled": moved})

    return page


def _cancel(ids: Sequence[int], *, by: str, why: str) -> Answer:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for run, status, handoff in statements.rows(RUNS, {"ids": list(ids)}):
        where = "waits" if status in CALLABLE_OFF else "under_way" if status == "running" else "ended"
        found[where][run] = handoff
    waits, under_way = found["waits"], list(found["under_way"])
    rows, handoffs = IngestRun.objects.filter(pk__in=list(waits)), Handoff.objects.filter(pk__in=list(waits.values()))
    told: dict[str, Any] = {"reason": Reason.CANCELLED, "by": by, "note": why}
    take(
        RUN.step(rows, was=CALLABLE_OFF, to="cancelled", next_attempt_at=None, flight=None, **told),
        HANDOFF.step(handoffs, was=UNDER_WAY, to="cancelled", **told),
    )
    if under_way:
        statements.run(CALLED_OFF, {"ids": under_way, "by": by[:BY_CHARS]})
    reached("cancel.before_commit")
    return Answer({"cancelled": list(waits), "before_its_next_stage": under_way}, {"ended": list(found["ended"])})


def requeue(
    handoffs: QuerySet[Handoff], *, by: str, why: str = "", probe: bool = True, dry_run: bool = False
) -> Answer:
    """Have handoffs that ended worked on again, but those that were applied.

    Where its run is in quarantine that one is released instead: those ids in the answer are runs.
    """
    told = in_pages(handoffs, requeueing(by=by, why=why, probe=probe), dry_run=dry_run)
    wake()
    return told


def requeueing(*, by: str, why: str = "", probe: bool = True) -> Page:
    """As `requeue`, for a page of handoffs."""
    probes: dict[str, int] | None = {} if probe else None

    def page(ids: list[int]) -> Answer:
        standings = look(ids)
        waits = [h for h in standings if h.status == "failed" and h.last_status == "quarantined"]
        ended = [h for h in standings if h not in waits]
        applied = [h.id for h in ended if h.status == "ingested"]
        open_ = [h for h in ended if h.id not in set(applied)]
        told = _open(open_, Obstacles(), Reason.REQUEUED, "requeued", by=by, why=why)
        runs = [h.last_run for h in waits if h.last_run]
        released = send(runs, by=by, probes=probes, why=why) if waits else Answer()
        return told + released + Answer(refused={"applied": applied})

    return page


def requeueing_runs(*, by: str, why: str = "") -> Page:
    """As `requeue`, for the handoffs of a page of runs."""
    page = requeueing(by=by, why=why)
    return lambda ids: page(sorted(set(IngestRun.objects.filter(pk__in=ids).values_list("handoff_id", flat=True))))


def reprocess(references: QuerySet[Reference], *, by: str, force: bool = False, dry_run: bool = False) -> Answer:
    """Have what is live done again if it was made by another recipe than the present one; all of it with `force`.

    What the models said of a passage under the same recipe is remembered, so only what changed costs model work. Ids in
    the answer are the handoffs' of the bytes that are live.
    """
    live = Handoff.objects.filter(
        reference__in=references.order_by(),
        reference__gone_at__isnull=True,
        reference__carrier__isnull=False,
        payload=F("reference__applied_payload"),
    )

    def page(ids: list[int]) -> Answer:
        made_by = Handoff.objects.filter(pk__in=ids).values_list("pk", "reference__carrier__batch__recipe")
        unchanged = [] if force else [pk for pk, recipe in made_by if recipe == stages.pipeline_recipe()]
        standings = look(sorted(set(ids) - set(unchanged)))
        told = _open(standings, Obstacles(older_too=True), Reason.REPROCESSED, "reopened", by=by)
        return told + Answer({"recipe_unchanged": unchanged})

    told = in_pages(live, page, dry_run=dry_run)
    wake()
    return told


def _open(
    handoffs: Sequence[Standing], obstacles: Obstacles, reason: Reason, name: str, *, by: str, why: str = ""
) -> Answer:
    """Open those of the handoffs that nothing stands in the way of."""
    refused: dict[str, list[int]] = defaultdict(list)
    opened = {}
    for handoff in handoffs:
        if obstacle := obstacles.to(handoff):
            refused[obstacle].append(handoff.id)
        else:
            opened[handoff.id] = handoff.opened + 1
    rows = Handoff.objects.filter(pk__in=list(opened))
    told: dict[str, Any] = {"reason": reason, "by": by, "note": why}
    moved = HANDOFF.move(rows, was=ENDED, to="pending", opened=opened, **told) if opened else []
    return Answer({name: moved}, refused)


def pause(
    sources: QuerySet[Source], why: str, *, by: str, dry_run: bool = False, reason: Reason = Reason.PAUSED
) -> Answer:
    """Hold sources: nothing of them is begun, what waits is held, what is under way stops before its next stage.

    The ids `paused` and `already_paused` are sources, `held` are handoffs.
    """
    which = list(sources.values_list("pk", flat=True))
    changed = _turn(which, reason, why=why[:WHY_CHARS], by=by, dry_run=dry_run)

    def page(ids: list[int]) -> Answer:
        rows = Handoff.objects.filter(pk__in=ids)
        return Answer({"held": HANDOFF.move(rows, was={"pending"}, to="held", reason=reason, by=by)})

    held = in_pages(Handoff.objects.filter(source__in=which, status="pending"), page, dry_run=dry_run)
    return Answer({"paused": changed}, {"already_paused": sorted(set(which) - set(changed))}) + held


def resume(sources: QuerySet[Source], why: str = "", *, by: str, dry_run: bool = False) -> Answer:
    """Let sources go on, but those whose grant ended. The ids `let_go` are handoffs, others are sources."""
    asked = list(sources.values_list("pk", flat=True))
    ended = consent.ended(asked)
    which = sorted(set(asked) - set(ended))
    changed = _turn(which, Reason.RESUMED, why=why[:WHY_CHARS], by=by, dry_run=dry_run)

    def page(ids: list[int]) -> Answer:
        rows = Handoff.objects.filter(pk__in=ids, reason__in=HELD_WITH_SOURCE)
        return Answer({"let_go": HANDOFF.move(rows, was={"held"}, to="pending", reason=Reason.RESUMED, by=by)})

    held = Handoff.objects.filter(source__in=which, status="held", reason__in=HELD_WITH_SOURCE)
    let_go = in_pages(held, page, dry_run=dry_run)
    wake()
    return Answer({"resumed": changed}, {"not_paused": sorted(set(which) - set(changed)), "no_consent": ended}) + let_go


def _turn(sources: Sequence[int], reason: Reason, *, why: str, by: str, dry_run: bool) -> list[int]:
    """Write who paused or resumed which sources; return those that changed."""
    paused = reason != Reason.RESUMED
    was, became = ("active", "paused") if paused else ("paused", "active")
    with transaction.atomic(durable=True):
        locked = Source.objects.filter(pk__in=sources, paused=not paused).order_by("pk").select_for_update()
        changed = list(locked.values_list("pk", flat=True))
        Source.objects.filter(pk__in=changed).update(paused=paused, paused_why=why if paused else "")
        Event.objects.bulk_create(
            Event(lifecycle="source", row_id=pk, was=was, became=became, reason=reason, by=by, note=why)
            for pk in changed
        )
        if dry_run:
            transaction.set_rollback(True)
    return changed
