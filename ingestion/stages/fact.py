"""fact: what each passage claims, and the batch of patches that the document's claims amount to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ingestion.answers import ask
from ingestion.outcomes import Done, Failed, Item, Outcome
from ingestion.passages import Span, spans_of
from ingestion.ports import Claim, ExtractorPort, Mention
from patches.models import Patch
from patches.names import key_of

Patches = list[tuple[Patch.Op, Mapping[str, Any]]]


class Facts:
    """Extracts the claims of each distinct new text once and drafts the document's patches from all of them."""

    name = "fact"
    needs: tuple[str, ...] = ("fetch", "chunk")
    memos: tuple[str, ...] = ("entity", "fact")

    def __init__(self, port: ExtractorPort) -> None:
        self.port = port
        self.recipe = port.recipe

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        missing = {
            span.text_hash: (span.text, item.memos["entity"][span.text_hash])
            for item in items
            for span in spans_of(item)
            if span.text_hash not in item.memos["fact"]
        }
        texts = [text for text, _ in missing.values()]
        mentions = [[Mention(*mention) for mention in found] for _, found in missing.values()]
        answers = ask(list(missing), lambda: self.port.claims(texts, mentions))
        for item in items:
            spans = spans_of(item)
            new = answers.share(spans)
            memos = {text_hash: [_memo(claim) for claim in found] for text_hash, found in new.found.items()}
            if new.failure:
                yield Failed(item, new.failure, memos=memos, spent=new.spent)
                continue
            known = {**item.memos["fact"], **memos}
            patches = self._patches(item, [(span, claim) for span in spans for claim in known[span.text_hash]], spans)
            output = {"patches": len(patches), "new": len(memos)}
            yield Done(item, output, memos=memos, result=patches, spent=new.spent)

    def _patches(self, item: Item, claims: list[tuple[Span, dict[str, Any]]], spans: list[Span]) -> Patches:
        put = (Patch.Op.PUT_PASSAGES, {"spans": [(span.start, span.end, span.text_hash) for span in spans]})
        return [put, *((Patch.Op.ASSERT_FACT, _assertion(item, span, claim)) for span, claim in claims)]


def _memo(claim: Claim) -> dict[str, Any]:
    """The claim as it is kept; words of its own are rare, so they are left out where there are none."""
    kept = asdict(claim)
    if claim.quote is None:
        del kept["quote"]
    return kept


def _assertion(item: Item, span: Span, claim: Mapping[str, Any]) -> dict[str, Any]:
    """The claim with its offsets moved from the passage to the document, and the document put in for itself."""
    document = item.outputs["fetch"]
    is_value = claim["object_type"] in ("text", "date")
    subject = claim["subject"]
    return {
        "predicate": claim["predicate"],
        "subject": document["title"] if subject is None else subject,
        "subject_type": claim["subject_type"],
        "subject_key": item.content_hash if subject is None else key_of(subject),
        "object": claim["object"],
        "object_type": claim["object_type"],
        "object_key": claim["object"].strip() if is_value else key_of(claim["object"]),
        "from": claim["period"]["start"],
        "to": claim["period"]["end"],
        "dated": None if subject is None else document["dated"],
        "polarity": claim["polarity"],
        "quote": claim.get("quote", span.text[claim["start"] : claim["end"]]),
        "start": span.start + claim["start"],
        "end": span.start + claim["end"],
    }
