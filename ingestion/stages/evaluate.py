"""eval: the gate's judgement on each proposed batch."""

from collections.abc import Iterator, Sequence

from ingestion.outcomes import Done, Item, Outcome
from patches.evaluation.judging import RECIPE


class Evaluate:
    """Runs every check on every batch, in the order of the items; what it finds becomes a verdict.

    Each batch is judged as if those approved before it in the same flight were applied already.
    """

    name = "eval"
    recipe = RECIPE
    needs: tuple[str, ...] = ("fetch", "judged")
    memos: tuple[str, ...] = ()

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        surroundings = next((item.around for item in items if item.around), None)
        batches = [(item, item.examined) for item in items if item.examined]
        assert surroundings is not None and len(batches) == len(items)  # noqa: S101
        if surroundings.failure:
            raise surroundings.failure
        for (item, _), judgement in zip(batches, surroundings.judge(one for _, one in batches), strict=True):
            told = {"decision": judgement.decision, "rejected": list(judgement.rejected)}
            yield Done(item, told, result=judgement)
