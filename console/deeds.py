"""What can be done to the rows of a list, and who may: one table for those that are ticked and for all that match."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from handoffs.models import Handoff
from ingestion.attention import acknowledging
from ingestion.models import IngestRun, Quarantine
from ingestion.operating import cancelling, cancelling_handoffs, requeueing, requeueing_runs
from ingestion.quarantine import discarding
from ingestion.releasing import send
from ingestion.reviewing import approving, rejecting
from ledger.deeds import Page
from patches.models import PatchBatch
from patches.revert import restoring, reverting

AT_ONCE = 500  # rows of one transaction
RUNS, HANDOFFS, BATCHES = "ingestion.change_ingestrun", "handoffs.change_handoff", "patches.change_patchbatch"


@dataclass(frozen=True)
class Deed:
    """A deed for the rows of a model's list: its name and what it means, and the permission that it takes.

    `pages` makes what deals with a page of ids, given `by` and `why`. With `fixed`, all that match means the rows that
    matched when it was asked for: the deed moves other rows of the list too, into what the list asks for or out of it.
    """

    model: type[Model]
    says: str
    means: str
    may: str
    pages: Callable[..., Page]
    at_once: int = AT_ONCE
    fixed: bool = False


def _releasing(*, by: str, why: str, probe: bool) -> Page:
    probes: dict[str, int] | None = {} if probe else None
    return lambda ids: send(ids, by=by, probes=probes, why=why)


def _of_their_runs(pages: Callable[..., Page], **more: Any) -> Callable[..., Page]:
    """The same for a page of entries of the quarantine, whose runs are meant."""

    def of_entries(*, by: str, why: str) -> Page:
        page = pages(by=by, why=why, **more)
        return lambda ids: page(list(Quarantine.objects.filter(pk__in=ids).values_list("run_id", flat=True)))

    return of_entries


DEEDS: Mapping[str, Deed] = {
    "run.requeue": Deed(IngestRun, "Requeue", "work on what ended again", RUNS, requeueing_runs),
    "run.cancel": Deed(IngestRun, "Cancel", "end them at once, or before their next stage", RUNS, cancelling),
    "run.acknowledge": Deed(
        IngestRun, "Acknowledge", "seen, nothing to be done about what failed", RUNS, acknowledging
    ),
    "handoff.requeue": Deed(Handoff, "Requeue", "work on what ended again", HANDOFFS, requeueing),
    "handoff.cancel": Deed(Handoff, "Cancel", "end them, with their runs", HANDOFFS, cancelling_handoffs),
    "quarantine.probe": Deed(
        Quarantine, "Probe", "the oldest of a kind goes first", RUNS, _of_their_runs(_releasing, probe=True)
    ),
    "quarantine.release": Deed(Quarantine, "Release", "back to work", RUNS, _of_their_runs(_releasing, probe=False)),
    "quarantine.discard": Deed(Quarantine, "Discard", "give them up", RUNS, _of_their_runs(discarding)),
    "batch.approve": Deed(PatchBatch, "Approve", "let in what waits for a person", BATCHES, approving, at_once=50),
    "batch.reject": Deed(PatchBatch, "Reject", "keep out what waits for a person", BATCHES, rejecting),
    "batch.revert": Deed(
        PatchBatch, "Revert", "take back what they brought, until somebody restores it", BATCHES, reverting, 50, True
    ),
    "batch.restore": Deed(PatchBatch, "Restore", "let what was reverted count again", BATCHES, restoring, 50, True),
}


def of(model: type[Model]) -> Mapping[str, Deed]:
    """The deeds for a list, by name."""
    return {name: deed for name, deed in DEEDS.items() if deed.model is model}
