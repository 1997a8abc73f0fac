"""claim_is_complete: each patch is of a known kind, and a claim says all that belongs to one, in the right types."""

from collections.abc import Mapping
from typing import Any

from patches.evaluation.context import CLAIM_KEYS, Context, Judged, Measured

KINDS = frozenset({"put_passages", "assert_fact", "merge_entity", "split_entity"})
OPTIONAL = frozenset({"from", "to", "dated"})


def complete(batch: Judged, _: Context) -> Measured:
    wrong = {n: why for n, (op, payload) in enumerate(batch.patches) if (why := _wrong(op, payload))}
    return Measured.count(wrong)


def _wrong(op: str, payload: Mapping[str, Any]) -> str:
    if op not in KINDS:
        return f"no such kind of patch: {op}"
    if op != "assert_fact":
        return ""
    if missing := CLAIM_KEYS - payload.keys():
        return f"lacks {', '.join(sorted(missing))}"
    for key in sorted(CLAIM_KEYS):
        kind = int if key in ("start", "end") else str
        if not (isinstance(payload[key], kind) or (payload[key] is None and key in OPTIONAL)):
            return f"{key} is no {kind.__name__}"
    return ""
