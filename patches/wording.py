"""Patches, and what checks found of them, in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.text import Truncator

from ledger.commands import spoken
from patches.models import Patch

WHO_IS_WHO = (Patch.Op.MERGE_ENTITY, Patch.Op.SPLIT_ENTITY)
CHARS = 200  # of a patch that is of no kind known here


def says(op: str, said: Mapping[str, Any]) -> tuple[str, str]:
    """What a patch says, and of when; one of a kind unknown here as it is stored."""
    if op == Patch.Op.ASSERT_FACT:
        when = f"{said.get('from') or '…'} to {said.get('to') or '…'}" if said.get("from") or said.get("to") else ""
        return f"{said['subject']} – {spoken(said['predicate'])} – {said['object']}", when
    if op in WHO_IS_WHO:
        return f"{said['name']} is {said.get('into_name', 'itself alone')}", ""
    if op == Patch.Op.PUT_PASSAGES:
        return f"{len(said['spans'])} passages", ""
    return Truncator(str(said)).chars(CHARS), ""


def offenders(check: Mapping[str, Any]) -> Mapping[int, str]:
    """The patches that offend, each with what is wrong; verdicts of old have the numbers alone."""
    told = check["offenders"]
    return {int(n): why for n, why in told.items()} if isinstance(told, dict) else dict.fromkeys(told, "")
