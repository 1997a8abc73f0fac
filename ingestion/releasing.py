"""Send runs back to work from quarantine: one of a kind first, the others once that one did well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.claims import CLAIM_LOCK
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun, Stage
from ingestion.reopening import Obstacles, Standing, look
from ingestion.waking import wake
from ledger import statements
from ledger.crashpoints import reached
from ledger.deeds import Answer, in_pages
from ledger.lifecycle import FromNow
from ledger.reasons import Reason

# Who claims a content of a source has this lock: none is claimed while runs that hold one come back to life.
CLAIMS = "SELECT pg_advisory_xact_lock(%(lock)s, id::int) FROM unnest(%(sources)s::bigint[]) id"
# `taken`: somebody else has taken up the run's content since, so it has to be claimed anew.
WAITING = """
SELECT r.id, r.handoff_id, r.source_id, r.stage, r.failure, r.content_hash, coalesce(q.fingerprint, ''),
  r.content_hash IS NOT NULL AND (
    EXISTS (SELECT FROM ingestion_ingestrun o WHERE o.source_id = r.source_id AND o.content_hash = r.content_hash
            AND o.status IN ('pending', 'running', 'retry_wait', 'in_review'))
    OR EXISTS (SELECT FROM patches_patchbatch b WHERE b.source_id = r.source_id AND b.content_hash = r.content_hash
               AND (b.id IS DISTINCT FROM r.batch_id OR b.status NOT IN ('proposed', 'in_review', 'approved'))))
FROM ingestion_ingestrun r LEFT JOIN ingestion_quarantine q ON q.run_id = r.id
WHERE r.id = ANY(%(runs)s) AND r.status = 'quarantined' ORDER BY r.id
"""
PROBES = """
SELECT q.fingerprint, min(p.id) FROM ingestion_quarantine q JOIN ingestion_ingestrun p ON p.id = q.follows_id
WHERE q.fingerprint = ANY(%(fingerprints)s) AND p.status IN ('pending', 'running', 'retry_wait', 'in_review')
GROUP BY q.fingerprint
"""
FOLLOW = """
UPDATE ingestion_quarantine q SET follows_id = g.probe, asked_by = %(by)s
FROM unnest(%(runs)s::bigint[], %(probes)s::bigint[]) AS g(run, probe) WHERE q.run_id = g.run
"""


@dataclass(frozen=True)
class Waiting:
    id: int
    handoff: int
    source: int
    stage: str
    failure: str
    content_hash: str | None
    fingerprint: str
    taken: bool


def release(runs: QuerySet[IngestRun], *, by: str, probe: bool = True, why: str = "", dry_run: bool = False) -> Answer:
    """Send quarantined runs back to work, at the stage before which they stand, with a fresh count of attempts.

    With `probe` the oldest of each group goes alone; the others go when it did well, and stay when it did not. Refused
    are runs that are not in quarantine, and runs of a payload that is not the reference's newest any more. `why` is
    kept with the event of each run that goes now.
    """
    probes: dict[str, int] | None = {} if probe else None
    told = in_pages(runs, lambda ids: send(ids, by=by, probes=probes, why=why), dry_run=dry_run)
    wake()
    return told


def send(runs: Sequence[int], *, by: str, probes: dict[str, int] | None, why: str = "") -> Answer:
    """Release one page of runs. A constant number of statements; needs a transaction.

    `probes` are the probes by fingerprint of earlier pages, to be added to; None lets all of them go.
    """
    waiting, handoffs = _look(runs)
    refused: dict[str, list[int]] = {"not_quarantined": sorted({*runs} - {run.id for run in waiting})}
    obstacles = Obstacles()
    free: list[Waiting] = []
    for run in sorted(waiting, key=lambda run: -run.handoff):
        if obstacle := _obstacle(run, handoffs[run.handoff], obstacles):
            refused.setdefault(obstacle, []).append(run.id)
        else:
            free.append(run)
    free.sort(key=lambda run: run.id)
    follows = {} if probes is None else _followers(free, probes)
    released = _let_go([run for run in free if run.id not in follows], handoffs, by=by, why=why)
    bound = [(run.id, follows.get(run.id)) for run in free]
    statements.run(FOLLOW, {"by": by, "runs": [run for run, _ in bound], "probes": [probe for _, probe in bound]})
    reached("release.before_commit")
    return Answer({"released": released, "follows_a_probe": list(follows)}, refused)


def _look(runs: Sequence[int]) -> tuple[list[Waiting], dict[int, Standing]]:
    """Lock what others open handoffs and claim contents by, then look."""
    known = IngestRun.objects.filter(pk__in=runs, status="quarantined").values_list("source_id", "handoff_id")
    sources = sorted({source for source, _ in known})
    statements.rows(CLAIMS, {"lock": CLAIM_LOCK, "sources": sources})
    handoffs = {standing.id: standing for standing in look([handoff for _, handoff in known])}
    found = (Waiting(*row) for row in statements.rows(WAITING, {"runs": list(runs)}))
    return [run for run in found if run.handoff in handoffs], handoffs


def _obstacle(run: Waiting, handoff: Standing, obstacles: Obstacles) -> str | None:
    if handoff.last_run != run.id:
        return "newer_run"  # its handoff was opened again since
    return obstacles.to(handoff)


def _followers(free: Sequence[Waiting], probes: dict[str, int]) -> dict[int, int]:
    """Of each group the first goes, unless one is on its way already; the others follow it: run → probe."""
    fingerprints = sorted({run.fingerprint for run in free if run.fingerprint})
    for fingerprint, probe in statements.rows(PROBES, {"fingerprints": fingerprints}):
        probes.setdefault(fingerprint, probe)
    follows = {}
    for run in free:
        if run.fingerprint and probes.setdefault(run.fingerprint, run.id) != run.id:
            follows[run.id] = probes[run.fingerprint]
    return follows


def _let_go(runs: Sequence[Waiting], handoffs: Mapping[int, Standing], *, by: str, why: str) -> list[int]:
    """Move the runs, then the handoffs of those that moved."""
    if not runs:
        return []
    anew = _claims_anew(runs)
    released = RUN.move(
        IngestRun.objects.filter(pk__in=[run.id for run in runs]),
        was={"quarantined"},
        to="pending",
        reason=Reason.RELEASED,
        by=by,
        note=why,
        next_attempt_at=FromNow(),
        flight=None,
        waits_for=None,
        attempts=0,
        cancel_requested="",
        alone={run.id: run.failure == "crash" for run in runs},
        stage={run.id: Stage.FETCH if run.id in anew else run.stage for run in runs},
        content_hash={run.id: None if run.id in anew else run.content_hash for run in runs},
    )
    opened = {run.handoff: handoffs[run.handoff].opened + 1 for run in runs if run.id in released}
    again = Handoff.objects.filter(pk__in=list(opened))
    HANDOFF.move(again, was={"failed"}, to="pending", reason=Reason.RELEASED, by=by, opened=opened)
    return released


def _claims_anew(runs: Sequence[Waiting]) -> set[int]:
    """The runs whose content somebody else has taken up, or a run before them in this page: they begin at its claim."""
    first: dict[tuple[int, str], int] = {}
    for run in runs:
        if run.content_hash:
            first.setdefault((run.source, run.content_hash), run.id)
    return {run.id for run in runs if run.taken or (run.content_hash and first[run.source, run.content_hash] != run.id)}
