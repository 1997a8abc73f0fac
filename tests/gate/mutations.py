"""Ways in which a batch can be wrong: each is made of a sound one, and the gate has to see it.

A kind is a function from sound documents to mutants. It changes one thing and knows nothing of the checks.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patches.evaluation.context import Judged
from patches.names import key_of
from patches.propose import digest_of
from tests.gate.clean import Sound
from tests.gate.secrets import SECRETS

POISONS, HELD_OUT, PASSED_ABOUT = (
    [line.replace("⏎", "\n") for line in Path(__file__).with_name(f"{name}.txt").read_text("utf-8").splitlines()]
    for name in ("poisons", "poisons_held_out", "others")
)
NAMED = ("person", "organization", "place")
OTHERS = {
    "person": ("Simon Farrow", "Claire Whitcombe", "Henry Colborne", "Ayesha Rahman"),
    "organization": ("Kestrel Rail plc", "Ostrava Glass Works", "The Quiet Bank", "Umbra Mining Ltd"),
    "place": ("Ostrava", "Port Lincoln", "Valdivia", "Kirkwall"),
}
VERB = re.compile(r"\b(?:was|is|has been|became|joined|works|acquired|owns|leads|founded)\b")


@dataclass(frozen=True)
class Mutant:
    """A batch with one thing wrong: the patch `n`, or the whole of it. `says` is for the list of what was missed."""

    batch: Judged
    n: int | None
    says: str


Claim = dict[str, Any]
Change = Callable[[Claim, Judged, random.Random], Iterator[Mapping[str, Any]]]
Kind = Callable[[Sequence[Sound]], Iterator[Mutant]]


def of_claims(change: Change) -> Kind:
    """A kind that changes one claim; the others stay as they are."""

    def kind(documents: Sequence[Sound]) -> Iterator[Mutant]:
        chance = random.Random(change.__name__)  # noqa: S311  a seed, not a secret
        for document in documents:
            for n in sorted(document.claims):
                claim = dict(document.batch.patches[n][1])
                for new in change(claim, document.batch, chance):
                    told = {**claim, **new}
                    when = f"{told['from'] or ''}..{told['to'] or ''}"
                    says = f"{told['subject']} {told['predicate']} {told['object']} {when}"
                    yield Mutant(
                        _with(document.batch, n, told), n, f"{says} – “{' '.join(told['quote'].split())[:120]}”"
                    )

    return kind


def of_texts(pieces: Sequence[str], where: Sequence[str]) -> Kind:
    """A kind that puts each piece into some documents; claims and quotes stay where they are in the words."""

    def kind(documents: Sequence[Sound]) -> Iterator[Mutant]:
        long = [document.batch for document in documents if document.of == "example"]
        chance = random.Random(len(pieces))  # noqa: S311
        for piece in pieces:
            for place in where:
                yield Mutant(_grown(chance.choice(long), piece, place), None, f"{place}: {' '.join(piece.split())}")

    return kind


def _with(batch: Judged, n: int, claim: Mapping[str, Any]) -> Judged:
    patches = [*batch.patches]
    patches[n] = (patches[n][0], claim)
    return replace(batch, patches=patches, digest=digest_of(patches))


def _grown(batch: Judged, piece: str, place: str) -> Judged:
    text = {
        "at its end": f"{batch.text}\n\n{piece}\n",
        "in a comment": f"{batch.text}\n\n<!-- {piece} -->\n",
        "in a list": f"{batch.text}\n\n- tea\n- {piece}\n- towels\n",
        "between joiners": batch.text + "\n\n" + "\u200b".join(piece),
    }[place]
    return replace(batch, text=text)


def invented_quote(claim: Claim, _: Judged, chance: random.Random) -> Iterator[Claim]:
    yield {"quote": f"It is a matter of record that {claim['quote']}"}
    words = claim["quote"].split(" ")
    if len(words) > 2:
        words[chance.randrange(len(words))] = "certainly"
        yield {"quote": " ".join(words)}


def moved_quote(claim: Claim, _: Judged, chance: random.Random) -> Iterator[Claim]:
    by = chance.choice((-7, -1, 1, 3, 40))
    yield {"start": claim["start"] + by, "end": claim["end"] + by}


def strange_name(claim: Claim, batch: Judged, chance: random.Random) -> Iterator[Claim]:
    """A name of nobody in the document, for the subject and for the object."""
    for role in ("subject", "object"):
        names = [one for one in OTHERS.get(claim[f"{role}_type"], ()) if key_of(one) not in key_of(batch.text)]
        if names:
            yield _called(role, chance.choice(names))


def name_of_another_sentence(claim: Claim, batch: Judged, chance: random.Random) -> Iterator[Claim]:
    """The name of somebody else whom the same document names in other words, as the object."""
    for role in ("subject", "object"):
        names = {
            other[part]
            for _, other in batch.claims
            for part in ("subject", "object")
            if other[f"{part}_type"] == claim[f"{role}_type"] in NAMED
            and key_of(other[part]) not in key_of(claim["quote"])
            and other[part] != claim[role]
        }
        if names:
            yield _called(role, chance.choice(sorted(names)))


def turned_round(claim: Claim, _batch: Judged, _: random.Random) -> Iterator[Claim]:
    """Who does it and to whom it is done: both stand in the words."""
    if claim["subject_type"] == claim["object_type"] in NAMED:
        yield {**_called("subject", claim["object"]), **_called("object", claim["subject"])}


def wrong_year(claim: Claim, _: Judged, chance: random.Random) -> Iterator[Claim]:
    for end in ("from", "to"):
        if claim[end]:
            year = int(claim[end][:4]) + chance.choice((-11, -1, 1, 7))
            yield {end: f"{year:04}{claim[end][4:]}", ("to" if end == "from" else "from"): None}


def wrong_day(claim: Claim, _: Judged, __: random.Random) -> Iterator[Claim]:
    for end in ("from", "to"):
        if claim[end] and "-" in claim[end]:
            year, month, *_rest = claim[end].split("-")
            yield {end: f"{year}-{int(month) % 12 + 1:02}", ("to" if end == "from" else "from"): None}


def date_of_nothing(claim: Claim, _: Judged, __: random.Random) -> Iterator[Claim]:
    """A period where the words have none."""
    if (
        not claim["from"]
        and not claim["to"]
        and claim["object_type"] != "date"
        and not re.search(r"\d{4}", claim["quote"])
    ):
        yield {"from": "1987"}


def impossible_date(_claim: Claim, _: Judged, chance: random.Random) -> Iterator[Claim]:
    yield chance.choice(
        (
            {"from": "2019", "to": "2018"},
            {"from": "2019-02-30"},
            {"to": "2019-13"},
            {"from": "0000"},
            {"from": "last year"},
            {"dated": "1066-10-14"},
        )
    )


def wrong_kind(_claim: Claim, _: Judged, chance: random.Random) -> Iterator[Claim]:
    """A predicate that nobody registered, or one for other types."""
    yield {"predicate": chance.choice(("hates", "led-by", "LED_BY", ""))}
    yield {"subject_type": "date"}


def denied(_claim: Claim, _batch: Judged, _: random.Random) -> Iterator[Claim]:
    yield from ({"polarity": polarity} for polarity in ("negated", "hedged", "reported"))


def two_at_once(documents: Sequence[Sound]) -> Iterator[Mutant]:
    """A second leader from the same day on, whose name stands in the words too."""
    for document in documents:
        for n in sorted(document.claims):
            claim = document.batch.patches[n][1]
            if claim["predicate"] == "led_by" and len(claim["object"].split()) > 1:
                half = claim["object"].split()[-1]
                patches = [*document.batch.patches, ("assert_fact", {**claim, **_called("object", half)})]
                batch = replace(document.batch, patches=patches, digest=digest_of(patches))
                if key_of(half) != key_of(claim["object"]):
                    yield Mutant(batch, len(patches) - 1, f"{claim['object']} and {half}")


def altered_after(documents: Sequence[Sound]) -> Iterator[Mutant]:
    """A patch that was changed, added or taken away once the batch was proposed."""
    for document in documents:
        if document.claims:
            patches = document.batch.patches
            yield Mutant(replace(document.batch, patches=patches[:-1]), None, "one taken away")
            yield Mutant(replace(document.batch, patches=[*patches, patches[-1]]), None, "one added")


def unsaid(documents: Sequence[Sound]) -> Iterator[Mutant]:
    """What the text denies, doubts or reports, passed off as asserted; the claim's words are whole or cut short."""
    for document in documents:
        for n, claim in document.batch.claims:
            if claim["polarity"] == "asserted":
                continue
            yield Mutant(
                _with(document.batch, n, {**claim, "polarity": "asserted"}),
                n,
                f"{claim['polarity']}: “{claim['quote']}”",
            )


def cut_short(documents: Sequence[Sound]) -> Iterator[Mutant]:
    """The same, with a quote that begins after what denies it and is verbatim all the same."""
    for document in documents:
        for n, claim in document.batch.claims:
            if claim["polarity"] == "asserted" or claim["subject_type"] == "document":
                continue
            spots = [claim["quote"].find(claim[role]) for role in ("subject", "object")]
            if min(spots) <= 0:
                continue
            first, last = (
                min(spots),
                max(claim["quote"].find(claim[role]) + len(claim[role]) for role in ("subject", "object")),
            )
            told = {"quote": claim["quote"][first:last], "start": claim["start"] + first, "end": claim["start"] + last}
            yield Mutant(
                _with(document.batch, n, {**claim, **told, "polarity": "asserted"}),
                n,
                f"{claim['polarity']}: “{told['quote']}” of “{claim['quote']}”",
            )


def negated(documents: Sequence[Sound]) -> Iterator[Mutant]:
    """The verb between its names is made to deny what the sentence said, and its reader does not notice."""
    for document in documents:
        batch = document.batch
        for n in sorted(document.claims):
            claim = batch.patches[n][1]
            quote, spots = claim["quote"], [claim["quote"].find(claim[role]) for role in ("subject", "object")]
            between = quote[min(spots) : max(spots)]
            changed = quote.replace(between, VERB.sub(_denied, between, count=1), 1)
            if min(spots) < 0 or changed == quote:
                continue
            told = {**claim, "quote": changed, "end": claim["start"] + len(changed)}
            text = batch.text[: claim["start"]] + changed + batch.text[claim["end"] :]
            alone = [("put_passages", {"spans": []}), ("assert_fact", told)]
            yield Mutant(replace(batch, text=text, patches=alone, digest=digest_of(alone)), 1, f"“{changed}”")


def _denied(verb: re.Match[str]) -> str:
    plain = {
        "became": "did not become",
        "joined": "did not join",
        "works": "does not work",
        "acquired": "did not acquire",
        "owns": "does not own",
        "leads": "does not lead",
        "founded": "did not found",
    }
    return plain.get(verb[0], f"{verb[0]} not")


def _called(role: str, name: str) -> Claim:
    return {role: name, f"{role}_key": key_of(name)}


# (what it is, whether a check can be certain, how it is made)
KINDS: Mapping[str, tuple[bool, Kind]] = {
    "a batch altered after it was proposed": (True, altered_after),
    "an invented quote": (True, of_claims(invented_quote)),
    "a quote from elsewhere": (True, of_claims(moved_quote)),
    "a name that the document lacks": (True, of_claims(strange_name)),
    "a wrong year": (True, of_claims(wrong_year)),
    "a wrong month": (True, of_claims(wrong_day)),
    "a date where none is said": (True, of_claims(date_of_nothing)),
    "an impossible date": (True, of_claims(impossible_date)),
    "an unknown predicate or type": (True, of_claims(wrong_kind)),
    "a claim marked as denied, doubted or reported": (True, of_claims(denied)),
    "two leaders at once": (True, two_at_once),
    "a secret": (True, of_texts(SECRETS, ["at its end", "in a list"])),
    "a name of another sentence": (False, of_claims(name_of_another_sentence)),
    "subject and object exchanged": (False, of_claims(turned_round)),
    "a denial, doubt or report taken for a fact": (False, unsaid),
    "the same, its quote cut short": (False, cut_short),
    "a negation dropped": (False, negated),
    "words to a model": (False, of_texts(POISONS, ["at its end", "in a comment", "between joiners"])),
    "words to a model that no check was written for": (False, of_texts(HELD_OUT, ["at its end", "in a comment"])),
    "words to a model as they are passed about": (False, of_texts(PASSED_ABOUT, ["at its end", "in a comment"])),
}
