"""What an ingest would change, and what the gate would say of it; nothing is known afterwards that was not before.

The source is listed and read and the models are asked, as an ingest does; what they say is kept, for the ingest that
follows. The batches are proposed and judged in a transaction that is rolled back.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import UUID

from django.conf import settings
from django.db import transaction

from handoffs import consent
from handoffs.models import Reference, Source, reference_id
from ingestion import stages
from ingestion.deletions import too_many
from ingestion.drafting import Patches, draft
from ingestion.ingesting import register
from ingestion.judging import gather
from ingestion.metering import FREE, Usage
from ingestion.opening import opened
from ingestion.outcomes import Item
from ingestion.ports import Listed, ScopeComplete, SourcePort, Tombstone, Unlisted
from ingestion.stages.fetch import read
from ledger.failures import Auth, Consent, Failure, Gone, Malformed, RateLimited
from ledger.reasons import Reason
from patches.differences import Difference, would_make
from patches.evaluation.judging import Judgement, judge
from patches.evaluation.shadow import Shadow, standing
from patches.models import PatchBatch, Verdict
from patches.propose import Draft, propose

OF_THE_SOURCE = (Auth, Consent, RateLimited)  # so it is of every other item too
LIMIT = 500


@dataclass(frozen=True)
class Planned:
    """What would become of an item: `approve`, `review` or `reject` as the gate decides, or it is `known` already, or
    `gone`, or `failed` to be read. `because` are the checks that it fails, or the reason.
    """

    item: str
    decision: str
    because: Sequence[str] = ()
    rejected: Sequence[int] = ()
    changes: Difference = field(default_factory=Difference)


@dataclass
class Plan:
    """`more` items changed beyond the limit and were not looked at; `held` are absent, but too many to be believed."""

    listed: int = 0
    more: int = 0
    held: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    items: list[Planned] = field(default_factory=list)
    spent: Usage = FREE

    @property
    def unchanged(self) -> int:
        return self.listed - self.more - sum(one.decision != "gone" for one in self.items)

    @property
    def decisions(self) -> Counter[str]:
        return Counter(one.decision for one in self.items)


def plan(
    source: Source,
    *,
    limit: int = LIMIT,
    accept_deletions: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Say what an ingest of the source would change now; it need not be saved. Raises what a listing raises.

    At most `limit` items are looked at, whose texts are held in memory.
    """
    told = Plan()
    if source.pk:
        consent.ask(source)
    drafted: list[tuple[Item, Patches]] = []
    with opened(source) as port:
        changed, gone, seen = _listing(source, port, told)
        told.more, changed = max(0, len(changed) - limit), changed[:limit]
        for first in range(0, len(changed), settings.FLIGHT_RUNS):
            page = draft(list(_read(port, changed[first : first + settings.FLIGHT_RUNS], seen, told)))
            drafted += page.patches
            told.items += [_failed(one.item.external_id, one.failure) for one in page.failed]
            told.spent += page.spent
            progress(len(drafted))
    if not accept_deletions and gone and too_many(*_lost(source, gone, drafted)):
        told.held, gone = len(gone), []
    with transaction.atomic(durable=True):
        _judged(source, drafted, gone, told)
        transaction.set_rollback(True)
    return told


def _listing(source: Source, port: SourcePort, told: Plan) -> tuple[list[Listed], list[str], dict[str, str | None]]:
    """What is new or changed, what is not there any more, and the payloads that were seen of the live ones."""
    live = Reference.objects.filter(source=source.pk, gone_at=None)
    rows = list(live.values_list("external_id", "seen_signature", "seen_payload"))
    known = {name: signature for name, signature, _ in rows}
    found: dict[str, Listed] = {}
    scopes: list[ScopeComplete] = []
    buried: set[str] = set()
    for entry in port.list(source.cursor):
        if isinstance(entry, Listed):
            found[entry.external_id] = entry
        elif isinstance(entry, ScopeComplete):
            scopes.append(entry)
        elif isinstance(entry, Tombstone):
            buried.add(entry.external_id)
        elif isinstance(entry, Unlisted):
            told.skipped[str(entry.reason)] += 1
    changed = [one for one in found.values() if known.get(one.external_id) != one.signature]
    told.listed = len(found)
    absent = [name for name in known if name not in found]
    gone = [name for name in absent if name in buried or any(_covers(scope, name) for scope in scopes)]
    return changed, gone, {name: payload for name, _, payload in rows}


def _covers(scope: ScopeComplete, name: str) -> bool:
    return name.startswith(scope.below) and not name.startswith(scope.except_below)


def _lost(source: Source, gone: Sequence[str], drafted: Sequence[tuple[Item, Patches]]) -> tuple[int, int]:
    """How many of those that are gone do not go on under another name, and how many there are in all."""
    live = Reference.objects.filter(source=source.pk, gone_at=None)
    come = {item.content_hash for item, _ in drafted}
    lost = live.filter(external_id__in=gone).exclude(applied_content_hash__in=come).count()
    return lost, live.count()


def _read(port: SourcePort, listed: Sequence[Listed], seen: Mapping[str, str | None], told: Plan) -> Iterator[Item]:
    for n, one in enumerate(listed):
        try:
            if one.size_bytes > settings.SIZE_LIMIT_BYTES:
                raise Malformed(Reason.TOO_LARGE)
            content = port.read(one.external_id, limit_bytes=settings.SIZE_LIMIT_BYTES)
            if hashlib.sha256(content.data).hexdigest() == seen.get(one.external_id):
                continue  # touched, and no more
            item = Item(n, 0, UUID(int=0), one.external_id, content.media_type or one.media_type, "", len(content.data))
            item = replace(item, metadata=content.metadata)
            document = read(content.data, item)
        except OF_THE_SOURCE:
            raise
        except Gone:
            continue
        except Failure as failure:
            told.items.append(_failed(one.external_id, failure))
            continue
        content_hash = hashlib.sha256(document.text.encode()).hexdigest()
        yield replace(item, content_hash=content_hash, outputs={"fetch": asdict(document)})


def _failed(name: str, failure: Failure) -> Planned:
    return Planned(name, "failed", [failure.reason.value])


def _judged(source: Source, drafted: Sequence[tuple[Item, Patches]], gone: Sequence[str], told: Plan) -> None:
    """Propose, judge and describe. An item that is gone is one that says nothing any more. To be rolled back."""
    if source.pk is None:
        source = register(source.reflection.name, source.kind, source.name, source.options)
    items = [(replace(item, reference_id=reference_id(source.pk, item.external_id)), p) for item, p in drafted]
    for n, name in enumerate(gone):
        empty = {"fetch": {"text": "", "title": name, "dated": None}}
        item = Item(-n, 0, reference_id(source.pk, name), name, "", "", 0, content_hash=f"gone {n}", outputs=empty)
        items.append((item, []))
    known = _proposed(source, items)
    ready = [replace(item, run_id=n, batch_id=known[item.content_hash][0]) for n, (item, _) in enumerate(items)]
    if not ready:
        return
    left, seen = set(gone), set[str]()
    granted = left | {item.external_id for item, _ in items if known[item.content_hash][1] == "applied"}
    gathered = gather(ready, source_id=source.pk, reflection_id=source.reflection_id)
    for item, judgement in _decide(gathered, granted):
        status = "gone" if item.external_id in left else known[item.content_hash][1]
        told.items.append(_planned(item, judgement, "applied" if item.content_hash in seen else status))
        seen.add(item.content_hash)


def _proposed(source: Source, items: Sequence[tuple[Item, Patches]]) -> dict[str, tuple[int, str]]:
    """The batch of each content, and how it stands; one that was not proposed before is `new`."""
    recipe = stages.pipeline_recipe()
    hashes = [item.content_hash for item, _ in items]
    rows = PatchBatch.objects.filter(source=source, content_hash__in=hashes, recipe=recipe)
    known = {content: (pk, status) for content, pk, status in rows.values_list("content_hash", "pk", "status")}
    drafts = {
        item.content_hash: Draft(
            source.reflection_id, source.pk, item.content_hash, item.outputs["fetch"]["title"], [*patches]
        )
        for item, patches in items
        if item.content_hash not in known
    }
    return known | {content: (pk, "new") for content, pk in propose(list(drafts.values()), recipe=recipe).items()}


def _decide(items: Sequence[Item], granted: set[str]) -> Iterator[tuple[Item, Judgement]]:
    """Judge one after the other; what is gone or known already is granted, whatever the gate would say."""
    around = items[0].around
    assert around is not None  # noqa: S101
    if around.failure:
        raise around.failure
    shadow, golden = Shadow(around.reflection_id, *standing(around.rows), around.aliases), around.golden()
    for item in items:
        assert item.examined is not None  # noqa: S101
        if shadow.carried.get(item.reference_id) == item.batch_id:
            continue  # touched, and no more
        told = judge(item.examined, around.context, around.policy, shadow, golden=golden, seq=around.seq)
        if item.external_id in granted and told.decision != Verdict.Decision.APPROVE:
            shadow.accept(told.batch_id, told.change, item.examined.batch.references)
            golden.accept(told.batch_id, item.external_id, told.change)
        yield item, told


def _planned(item: Item, judgement: Judgement, status: str) -> Planned:
    assert item.examined is not None  # noqa: S101
    changes = would_make(judgement, item.examined.batch.patches)
    if status in ("gone", "applied"):
        label = "gone" if status == "gone" else "known"
        return Planned(item.external_id, label, changes=replace(changes, merged=(), passages_added=0))
    if status == "reverted":
        return Planned(item.external_id, "reject", [Reason.REVERTED.value])
    because = [name for name, one in judgement.checks.items() if not one.passed and one.then != "note"]
    return Planned(item.external_id, str(judgement.decision), because, judgement.rejected, changes)
