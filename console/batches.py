"""What a reviewer sees of a batch: what it changes, what it rests on, what the gate measured, what can be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.text import Truncator

from console.evidence import Piece, Quoted, pieces, quoted
from ingestion.judging import would_change
from ingestion.models import IngestRun
from ledger.commands import spoken
from patches.differences import Difference, made
from patches.evaluation.checks import CHECKS
from patches.evaluation.judging import Judgement
from patches.faces import period
from patches.models import Passage, Patch, PatchBatch, Verdict
from patches.wording import offenders, says

PATCHES_SHOWN = 50
CHANGES_SHOWN = 200
PASSAGES_SHOWN = 20
PASSAGE_CHARS = 400
TURNS = {"applied": ["revert"], "superseded": ["revert"], "reverted": ["restore"]}

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a check found of a patch, or of the batch: value, limit, what follows if it fails, whom it concerns."""

    check: str
    passed: bool
    then: str
    value: float
    threshold: float
    scope: str
    offenders: Mapping[int, str]
    note: str


@dataclass(frozen=True)
class Shown:
    """A patch: what it says, the words it rests on, the checks that it failed, and what becomes of it."""

    n: int
    op: str
    says: str
    when: str
    claim: bool
    quote: Quoted | None
    failed: Sequence[tuple[str, str, str]]  # check, why, what follows
    outcome: tuple[str, str]  # a badge's colour, and its word


@dataclass(frozen=True)
class Line:
    """A fact that begins or ends, or a claim that confirms one; `n` is the patch that says it, where one does."""

    kind: str
    subject: str
    predicate: str
    object: str
    when: str
    n: int | None


@dataclass(frozen=True)
class Texts:
    """Passages of one side that the other has not, the first of them."""

    number: int
    shown: Sequence[str]


def page_of(batch: PatchBatch, wanted: str | None) -> dict[str, Any]:
    """All that the batch's page shows beside its columns; `wanted` is the page of its patches.

    A constant number of statements; one that is not applied yet is judged as the store is now.
    """
    happened = made(batch)
    now = would_change(batch.pk) if happened is None else None
    difference = happened or (now and now[1])
    judgement = now and now[0]
    verdict = batch.verdicts.order_by("-pk").first()
    patches = list(batch.patches.order_by("n").values_list("n", "op", "payload"))
    page = Paginator(patches, PATCHES_SHOWN).get_page(wanted)
    passages = pieces(batch)
    findings = findings_of(verdict)
    return {
        "happened": happened is not None,
        "difference": difference,
        "lines": lines(difference, patches)[:CHANGES_SHOWN] if difference else [],
        "texts": texts(passages, difference),
        "verdict": verdict,
        "findings": findings,
        "of_patches": sum(one.scope == "patch" for one in findings),
        "patches": _shown(page, verdict, difference, passages, findings),
        "page": page,
        **orders(batch, judgement),
    }


def orders(batch: PatchBatch, judgement: Judgement | None) -> dict[str, Any]:
    """What a person can do with it now, and if it waits for one, why it could not be approved."""
    turns = [
        (deed, reverse(f"admin:patches_patchbatch_{deed}", args=[batch.pk])) for deed in TURNS.get(batch.status, [])
    ]
    if batch.status != "in_review":
        return {"turns": turns}
    waits = IngestRun.objects.filter(batch=batch, status="in_review", handoff__status="held").exists()
    obstacle = ""
    if judgement is None or not waits:
        obstacle = "Nobody waits for it any more: its document has changed since, or is gone."
    elif judgement.decision == Verdict.Decision.REJECT:
        failing = [name for name, one in judgement.checks.items() if not one.passed and one.then == "reject"]
        obstacle = f"As the store is now it fails what nobody passes over: {', '.join(map(spoken, failing))}."
    return {
        "turns": turns,
        "waits": True,
        "obstacle": obstacle,
        "decide": reverse("admin:decide_batch", args=[batch.pk]),
    }


def findings_of(verdict: Verdict | None) -> list[Finding]:
    """Every check of the verdict, those that failed first; one that there is no more keeps its name."""
    found = [
        Finding(
            name,
            one["passed"],
            one.get("then", "reject"),
            one["value"],
            one["threshold"],
            CHECKS[name].scope if name in CHECKS else "batch",
            offenders(one),
            one.get("note", ""),
        )
        for name, one in (verdict.checks if verdict else {}).items()
    ]
    return sorted(found, key=lambda one: (one.passed, one.check))


def lines(difference: Difference, patches: Sequence[tuple[int, str, Said]]) -> list[Line]:
    """What the batch comes to, fact by fact, with the patch that says so."""
    saying = {
        _key(said["subject"], said["predicate"], said["object"]): n for n, op, said in patches if op == "assert_fact"
    }
    changes = [*(("ends", one) for one in difference.closed), *(("begins", one) for one in difference.opened)]
    told = [
        Line(
            kind,
            one.subject,
            spoken(one.predicate),
            one.object,
            period(one).strip(),
            saying.get(_key(one.subject, one.predicate, one.object)) if kind == "begins" else None,
        )
        for kind, one in changes
    ]
    confirmed = [
        Line("confirmed", one.subject, spoken(one.predicate), one.object, "", one.n) for one in difference.merged
    ]
    return told + confirmed


def _key(*names: str) -> tuple[str, ...]:
    return tuple(name.casefold() for name in names)


def texts(passages: Sequence[Piece], difference: Difference | None) -> dict[str, Any]:
    """Which passages come in and which go: not those that stand in both, however they moved."""
    leaves = difference.leaves if difference else ()
    gone = (
        dict(Passage.objects.filter(batch__in=leaves).order_by("batch", "n").values_list("text_hash", "text"))
        if leaves
        else {}
    )
    come = {one.text_hash: one.text for one in passages}
    return {
        "come": _first([text for name, text in come.items() if name not in gone]),
        "go": _first([text for name, text in gone.items() if name not in come]),
        "stay": len(come.keys() & gone.keys()),
    }


def _first(found: Sequence[str]) -> Texts:
    return Texts(len(found), [Truncator(text).chars(PASSAGE_CHARS) for text in found[:PASSAGES_SHOWN]])


def _shown(
    page: "Page[tuple[int, str, Said]]",
    verdict: Verdict | None,
    difference: Difference | None,
    passages: Sequence[Piece],
    findings: Sequence[Finding],
) -> list[Shown]:
    begins = {one.n for one in lines(difference, list(page)) if one.kind == "begins"} if difference else set()
    merged = {one.n for one in difference.merged} if difference else set()
    found = []
    for n, op, said in page:
        claim = op == Patch.Op.ASSERT_FACT
        failed = [(one.check, one.offenders[n], one.then) for one in findings if n in one.offenders]
        quote = quoted(passages, said["quote"], said.get("start", 0), said.get("end", 0)) if claim else None
        outcome = _outcome(n, verdict, begins, merged) if claim else ("", "")
        found.append(Shown(n, Patch.Op(op).label, *says(op, said), claim, quote, failed, outcome))
    return found


def _outcome(n: int, verdict: Verdict | None, begins: set[int | None], merged: set[int]) -> tuple[str, str]:
    if verdict and n in verdict.rejected:
        return "rejected", "stays out"
    if verdict and n in verdict.held:
        return "in_review", "a person is asked"
    if n in begins:
        return "yes", "a fact begins"
    return ("", "confirms what is known") if n in merged else ("", "changes no fact")
