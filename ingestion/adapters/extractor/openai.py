"""openai: claims from any endpoint that speaks OpenAI's protocol; the passages go there."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from ingestion.adapters.endpoint import Endpoint, encodable
from ingestion.metering import Usage, spend
from ingestion.ports import Claim, Mention
from ledger.failures import Failure

from .prompt import DIGEST, claims_of, question
from .structure import FRONT, structural_claims

RULES = 1  # raise it with every change of what is made of an answer: memos are kept under the recipe
WORD = re.compile(r"[^\W\d_]{2,}")
FEWEST_WORDS = 4  # outside the front matter; less is a heading or a rule


class OpenAI:
    """Asks once for each passage that has prose; one that fails is that passage's failure alone.

    What a note states by its form is read by rules.
    """

    def __init__(self, *, model: str, **endpoint: Any) -> None:
        self.model = model
        digest = hashlib.sha256(f"{RULES} {model} {DIGEST}".encode()).hexdigest()[:16]
        # Neither the address nor the key: a server that moves reads the same.
        self.recipe = f"openai-{model[:60]}-{digest}"
        self.endpoint = Endpoint(**endpoint)

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return nothing: the claims name their things themselves."""
        return [[] for _ in texts]

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim] | Failure]:  # noqa: ARG002
        found: list[list[Claim] | Failure] = [_in_order(structural_claims(text)) for text in texts]
        numbers = [number for number, text in enumerate(texts) if _has_prose(text)]
        answers = self.endpoint.each(self._ask, [texts[number] for number in numbers])
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, Failure):
                found[number] = answer
                continue
            told, usage = answer
            spend(number, usage)
            by_form = found[number]
            if isinstance(told, Failure) or isinstance(by_form, Failure):
                found[number] = told
            else:
                found[number] = _in_order([*by_form, *told])
        return found

    def _ask(self, text: str) -> tuple[list[Claim] | Failure, Usage]:
        """Ask of one passage. An answer that cannot be used was paid for all the same."""
        answer = self.endpoint.ask("chat/completions", question(self.model, encodable(text)))
        usage = self.endpoint.usage(answer)
        try:
            return claims_of(answer, text), usage
        except Failure as failure:
            return failure, usage


def _has_prose(text: str) -> bool:
    return len(WORD.findall(FRONT.sub("", text))) >= FEWEST_WORDS


def _in_order(claims: Sequence[Claim]) -> list[Claim]:
    return sorted(dict.fromkeys(claims), key=lambda c: (c.start, c.predicate, c.object))
