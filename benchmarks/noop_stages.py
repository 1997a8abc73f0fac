"""Seven stages that do nothing but say what the ledger needs to take a run through all of its guards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingestion.outcomes import Done, Item, Outcome
from ingestion.stages import StageWork
from patches.apply import Content
from patches.evaluation.judging import Judgement
from patches.models import Patch, Verdict


@dataclass
class Noop:
    """Stands in for a stage: what is loaded for it is loaded, only its work is not done."""

    name: str
    recipe: str
    needs: tuple[str, ...]
    memos: tuple[str, ...]
    say: Callable[[Item], Done]

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        yield from map(self.say, items)


def fetched(item: Item) -> Done:
    """Every payload is another content: the worst case for the claims."""
    text = {"text": "", "title": item.external_id, "markdown": False, "dated": None}
    return Done(item, {**text, "content_hash": item.payload_hash})


def drafted(item: Item) -> Done:
    return Done(item, {"patches": 1, "new": 0}, result=[(Patch.Op.PUT_PASSAGES, {"spans": []})])


def judged(item: Item) -> Done:
    assert item.examined is not None and item.around is not None and item.batch_id is not None  # noqa: S101
    digest = item.examined.batch.digest
    approval = Judgement(item.batch_id, digest, Verdict.Decision.APPROVE, item.around.policy)
    return Done(item, {"decision": "approve", "rejected": []}, result=approval)


def gathered(item: Item) -> Done:
    assert item.proposal is not None and item.batch_id is not None  # noqa: S101
    content = Content(
        batch_id=item.batch_id,
        content_hash=item.content_hash,
        comes_back=False,
        carriers=[(item.reference_id, item.payload_hash)],
        claims=[],
        passages=[],
        vocabulary=item.proposal.vocabulary,
    )
    return Done(item, result=content)


SAYS: Mapping[str, Callable[[Item], Done]] = {
    "fetch": fetched,
    "chunk": lambda item: Done(item, {"spans": []}),
    "embed": lambda item: Done(item, {"passages": 0, "new": 0}),
    "entity": lambda item: Done(item, {"new": 0}),
    "fact": drafted,
    "eval": judged,
    "apply": gathered,
}


def without_work(table: Mapping[str, StageWork]) -> Mapping[str, StageWork]:
    """The same stages with the same needs, but nothing done in them."""
    return {name: Noop(name, f"noop-{name}", work.needs, work.memos, SAYS[name]) for name, work in table.items()}
