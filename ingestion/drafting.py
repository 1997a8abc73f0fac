"""Take documents through the stages up to their patches, outside of any flight: what they would propose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from ingestion import stages
from ingestion.flights import outcomes
from ingestion.loading import with_memos
from ingestion.metering import FREE, Usage
from ingestion.outcomes import Done, Failed, Item
from ingestion.progress import remember
from patches.models import Patch

STAGES = ("chunk", "embed", "entity", "fact")
Patches = Sequence[tuple[Patch.Op, Mapping[str, Any]]]


@dataclass
class Drafted:
    """The items with their patches, those that failed, and what the models cost. Memos are kept for whoever comes."""

    patches: list[tuple[Item, Patches]] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    spent: Usage = FREE


def draft(items: Sequence[Item]) -> Drafted:
    """Work on items that were read already (`outputs["fetch"]`); the models see each text once, now or ever."""
    told = Drafted()
    done: list[Done] = []
    for name in STAGES:
        work = stages.table()[name]
        found = outcomes(work, with_memos(items, work) if work.memos else items)
        with transaction.atomic(durable=True):
            remember({k: v for one in found for k, v in one.memos.items()}, stage=name, recipe=work.recipe)
        told.spent = sum((one.spent for one in found), told.spent)
        told.failed += [one for one in found if isinstance(one, Failed)]
        done = [one for one in found if isinstance(one, Done)]
        items = [replace(one.item, outputs={**one.item.outputs, name: one.output}) for one in done]
    told.patches = [(item, one.result) for item, one in zip(items, done, strict=True)]
    return told
