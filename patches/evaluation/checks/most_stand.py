"""most_claims_stand: a document most of whose claims were refused was misread, and teaches nothing."""

from collections.abc import Mapping
from typing import Any

from patches.evaluation.checks.polarity import ASSERTED
from patches.evaluation.context import Context, Judged, Measured

NO_CLAIMS = frozenset({"put_passages", "merge_entity", "split_entity"})
FEWEST = 4  # below this a share says little


def share(batch: Judged, _: Context) -> Measured:
    """The share of claims refused, without those that the text itself does not assert."""
    asserted = [n for n, (op, payload) in enumerate(batch.patches) if op not in NO_CLAIMS and _meant(payload)]
    refused = sum(n in batch.struck for n in asserted)
    return Measured(share_of(refused, len(asserted)), of=len(asserted))


def share_of(refused: int, asserted: int) -> float:
    return refused / asserted if refused >= FEWEST else 0.0


def _meant(payload: Mapping[str, Any]) -> bool:
    return bool(payload.get("polarity", ASSERTED) == ASSERTED)
