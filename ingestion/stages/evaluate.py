"""eval: the gate's judgement on each proposed batch."""

from collections.abc import Iterator, Sequence

from ingestion.outcomes import Done, Item, Outcome
from patches.evaluation.checks import Judged
from patches.evaluation.judge import POLICY, judge


class Evaluate:
    """Runs every check on every batch; what it finds becomes a verdict."""

    name = "eval"
    recipe = POLICY
    needs: tuple[str, ...] = ("fetch", "proposal")
    memos: tuple[str, ...] = ()

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            assert item.proposal is not None and item.batch_id is not None  # noqa: S101
            text, proposal = item.outputs["fetch"]["text"], item.proposal
            judged = Judged(proposal.digest, text, proposal.patches, proposal.vocabulary)
            judgement = judge(item.batch_id, judged)
            yield Done(
                item,
                {"decision": judgement.decision, "rejected": list(judgement.rejected)},
                result=judgement,
            )
