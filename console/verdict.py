"""Whether learning is healthy, in one line, and what to look at first: a pure function of what was seen."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from console.overview import Overview
from console.rolling import COUNTED
from ingestion.depths import STARVED_S
from ledger.reasons import Reason
from ledger.rendering import duration

FAILING_SHARE, FAILING_LEAST = 0.2, 5
SHOWN = 3  # sources of a kind of trouble, each with its own line

TROUBLE, ATTENTION, WELL = "trouble", "attention", "well"
HEADLINES = {
    TROUBLE: "Learning is held up",
    ATTENTION: "Learning goes on, and something waits for you",
    WELL: "Learning is healthy",
}


@dataclass(frozen=True)
class Sign:
    """One thing that is not as it should be: how bad, in words, what to do, and where to look."""

    level: str
    says: str
    remedy: str
    where: str


@dataclass(frozen=True)
class Verdict:
    level: str
    says: str
    signs: list[Sign]


def verdict(seen: Overview) -> Verdict:
    """Judge what was seen; the worst comes first."""
    signs = sorted(
        [*_machinery(seen), *_line(seen), *_persons(seen), *_sources(seen)], key=lambda s: s.level != TROUBLE
    )
    level = signs[0].level if signs else WELL
    told = f"{seen.applied:,} applied in {seen.range.name}"
    waits = f"{_counted(seen.standing.waiting) if seen.standing.waiting else 'none'} in line"
    return Verdict(level, f"{HEADLINES[level]}: {told}, {waits}.", signs)


def _machinery(seen: Overview) -> Iterator[Sign]:
    if not seen.dispatcher:
        yield Sign(
            TROUBLE, "No dispatcher is on duty: nothing new is begun", "manage.py up, or manage.py dispatcher", ""
        )
    if not seen.clock:
        yield Sign(ATTENTION, "No clock is on duty: schedules stand still", "manage.py up, or celery beat", "")
    if seen.heard is None:
        yield Sign(TROUBLE, "The broker does not answer: workers are not reached, nothing is lost", "start it", "")
        return
    if all(one.silent for one in seen.heard):
        level = TROUBLE if seen.standing.waiting or seen.flights else ATTENTION
        yield Sign(level, "No worker was heard of lately", "manage.py up, or start a worker; look at its log", "")
    yield from _flights(seen)


def _flights(seen: Overview) -> Iterator[Sign]:
    """Stuck and starved look alike from afar, and are mended differently."""
    where = _list("ingestion_flight", "status__exact=open")
    if silent := [flight.silent_s or 0 for flight in seen.flights if flight.stuck and flight.worker]:
        told = f"{len(silent)} of {len(seen.flights)} flights are stuck: no heartbeat for {duration(max(silent))}"
        yield Sign(TROUBLE, told, "the next sweep takes them back", where)
    if starved := [flight.waits_s or 0 for flight in seen.flights if flight.starved]:
        told = f"{len(starved)} of {len(seen.flights)} flights have waited for a worker for {duration(max(starved))}"
        yield Sign(
            ATTENTION, told, "nothing is wrong with them: start a worker, or wait for those that are busy", where
        )


def _line(seen: Overview) -> Iterator[Sign]:
    if seen.standing.oldest_s > STARVED_S and not seen.flights and seen.dispatcher:
        told = f"The oldest has waited {duration(seen.standing.oldest_s)}, and nothing is under way"
        yield Sign(
            TROUBLE, told, "open a run: it says what it waits for", _list("handoffs_handoff", "status__exact=pending")
        )
    if seen.ended >= FAILING_LEAST and seen.troubled >= FAILING_SHARE * seen.ended:
        worst = next((one for one in seen.missed if one.became in ("failed", "quarantined")), None)
        why = f", most of them for {Reason(worst.reason).label.lower()}" if worst and worst.reason in Reason else ""
        told = f"{seen.troubled:,} of {seen.ended:,} runs failed in {seen.range.name}{why}"
        yield Sign(ATTENTION, told, "requeue or acknowledge them", _list("ingestion_ingestrun", "attention=needed"))


def _persons(seen: Overview) -> Iterator[Sign]:
    """What waits for a person."""
    if quarantined := seen.standing.quarantined:
        kinds = f", the largest group is {seen.groups[0].runs:,} of {_cause(seen)}" if seen.groups else ""
        told = f"{_counted(quarantined)} in quarantine{kinds}"
        yield Sign(ATTENTION, told, "probe one, release, or discard", reverse("admin:ingestion_quarantine_groups"))
    if in_review := seen.standing.in_review:
        told = f"{_counted(in_review)} batches wait for a reviewer"
        yield Sign(ATTENTION, told, "approve or reject", _list("patches_patchbatch", "status__exact=in_review"))


def _cause(seen: Overview) -> str:
    group = seen.groups[0]
    return f"{group.exception or group.reason.replace('_', ' ')} at {group.stage}"


def _sources(seen: Overview) -> Iterator[Sign]:
    paused = [one for one in seen.sources if one.paused]
    for one in paused[:SHOWN]:
        why = f": {one.paused_why}" if one.paused_why else ""
        yield Sign(ATTENTION, f"{one.name} is paused{why}", f"manage.py sources resume {one.name}", _source(one.id))
    if len(paused) > SHOWN:
        more = f"{len(paused) - SHOWN} more sources are paused"
        yield Sign(ATTENTION, more, "resume them", _list("handoffs_source", "paused__exact=1"))
    for one in [one for one in seen.sources if one.last_error and not one.paused][:SHOWN]:
        yield Sign(
            ATTENTION, f"{one.name} was not listed: {one.last_error}", "mend its address or key", _source(one.id)
        )
    for one in [one for one in seen.sources if one.deletions_held][:SHOWN]:
        told = f"{one.name} misses {one.deletions_held:,} items, too many to be believed"
        yield Sign(ATTENTION, told, "if they are really gone: manage.py ingest --accept-deletions", _source(one.id))


def _counted(rows: int) -> str:
    return f"{COUNTED:,} or more" if rows >= COUNTED else f"{rows:,}"


def _list(table: str, query: str = "") -> str:
    return reverse(f"admin:{table}_changelist") + (f"?{query}" if query else "")


def _source(pk: int) -> str:
    return reverse("admin:handoffs_source_change", args=[pk])
