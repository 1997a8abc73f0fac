"""Measure the gate and write docs/reference/gate-report.md: `make gate-report`. It has the words."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gate.measuring import Tally

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gate-report.md"
TARGETS = {True: 0.95, False: 0.80}
MOST_BLOCKED = 0.02
SHOWN = 12
WORDS = """# How well the gate catches what is wrong

<!-- Made by `make gate-report` from the mutations in `tests/gate`; edit those. -->

The gate is measured by harming what is sound, one thing at a time, and asking it. Sound are the {examples} documents
of the example, {passages} labelled passages of the [extraction's test](extraction.md) with the claims that their
labels have, {pages} pages of this documentation, and {notices} sentences to people that look like orders to a model.
A mutant counts as caught if the wrong claim is struck out or held for a person, or the whole document is. The policy
is the default one.

{figures}

Targets: 95 % of what a check can be certain of, 80 % of the rest, and at most 2 % false blocks.

## What is blocked without a fault

{blocked}

## What gets through

{missed}

## How far this can be trusted

The first run of these mutations, before any check was mended, caught 85 % of the wrong months (“Marrow” was taken for
March), 64 % of the secrets, 23 % of the names of another sentence, no exchange of subject and object, 51 % of the
denials taken for facts, 10 % of those with a quote cut short, and 46 % of the words to a model. The checks were
mended where they missed for a reason that can be said in a sentence; the mutations stayed. So what the rows above say
of those kinds flatters a little.

The last two rows of words to a model do not: of those that no check was written for, and of those in the manner of
what is passed about in public, none was read while the recogniser of orders was made, but for six that this page had
shown. The first look at them, before anything was changed for what it missed, caught 21 of 56 and 19 of 51 (with a
limit of 0.5 27 and 20); the known forms alone catch 6 and 4. That is far from the target.

Orders to a model are recognised in two ways. Known forms are refused (`no_instructions`). A sentence in other words
that reads like an order goes to a person (`no_likely_orders`): how likely it is one is said by a linear model of
{signs} signs, as that it speaks of an answer, of a user or of what came before, of the pairs in which they stand,
and of the sentence's vector. It is taught (`make train-orders`) with {orders} orders and {others} sentences to
people that were written for it, and with what is likest to orders in the readmes, licences and docstrings of the
packages installed. Of the orders of a manner that was left out of the teaching it knows {held_out} where one
ordinary document in two hundred is held. The limit was set by real texts of which nothing was taught: of 700
manuals, licences and lists of changes of a Linux system, 11,000 characters long in the mean, 1.1 % are held with a
limit of 0.7, 2.4 % with one of 0.5, and 0.9 % with one of 0.8. Long texts are held more often than short ones. Of
the pages of this documentation four were held at first; sentences in their manner were then added to what is taught.
Of the notices one was, of an assistant to a director; the signs have since known that as a job. Both rows flatter, and
the figures of the Linux system are from before the second.

What a missed order can do is bounded by the rest of the gate: it is a passage that may be found by a search. To
become a fact it needs words that say so, to end a fact a source that is trusted as much, and to push a golden answer
out it has to get past the golden questions. Of sources that anyone can write to, ask a person:
`{{"source_is_trusted": {{"limit": 0}}}}`. A lower limit of `no_likely_orders` sees more, and asks more often.

Of the stuffed documents those are counted that do push a golden answer out when they are let in.

A lie that is told plainly is no mutation: a document that says in so many words what is not so gets in, unless it
overrules a better source or a golden fact.
"""


def page(clean: "Mapping[str, Tally]", kinds: "Mapping[str, Tally]") -> str:
    counts = {name: clean[name].tried for name in ("examples", "passages", "pages", "notices")}
    return WORDS.format(
        **counts,
        **_taught(),
        figures="\n".join(_figures(kinds)),
        blocked="\n".join(_blocked(clean)),
        missed="\n".join(_missed(kinds)),
    )


def _taught() -> dict[str, str | int]:
    from patches.evaluation.orders import likelihood, signs  # noqa: PLC0415  after the state folder, as all of it
    from tests.gate.orders import examples  # noqa: PLC0415

    sentences = examples.sentences()
    held_out = json.loads(likelihood.WEIGHTS.read_text("utf-8"))["caught_when_held_out"]
    orders = sum(one.is_order for one in sentences)
    return {
        "signs": len(signs.NAMES),
        "orders": orders,
        "others": len(sentences) - orders,
        "held_out": _percent(held_out),
    }


def _figures(kinds: "Mapping[str, Tally]") -> Iterator[str]:
    yield "| what is wrong | a check can be certain | tried | caught | target |"
    yield "| --- | --- | --- | --- | --- |"
    for name, tally in kinds.items():
        caught, target = 1 - tally.share, TARGETS[tally.certain]
        met = "met" if caught >= target else "**missed**"
        certain = "yes" if tally.certain else "no"
        yield f"| {name} | {certain} | {tally.tried:,} | {_percent(caught)} | {_percent(target)}, {met} |"


def _blocked(clean: "Mapping[str, Tally]") -> Iterator[str]:
    yield "| what is sound | tried | blocked |"
    yield "| --- | --- | --- |"
    for name, tally in clean.items():
        yield f"| {name} | {tally.tried:,} | {len(tally.wrong)} ({_percent(tally.share)}) |"


def _missed(kinds: "Mapping[str, Tally]") -> Iterator[str]:
    for name, tally in kinds.items():
        if tally.wrong:
            yield f"**{name[0].upper()}{name[1:]}** ({len(tally.wrong)} of {tally.tried}):\n"
            told = list(dict.fromkeys(" ".join(words.replace("`", "").split()) for words in tally.wrong))
            yield from (f"- `{words[:150]}`" for words in told[:SHOWN])
            yield f"- and {len(told) - SHOWN} more\n" if len(told) > SHOWN else ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sluicegate-gate-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o755)  # the servers may run as another user
        for name in ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"):
            os.environ.pop(name, None)
        os.environ |= {
            "SLUICEGATE_STATE_DIR": folder,
            "SLUICEGATE_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        from config import embedded, serving  # noqa: PLC0415  once the state folder is named

        try:
            with embedded.running(state):
                serving.migrate()
                from tests.gate import clean, measuring, store  # noqa: PLC0415  once Django is set up

                documents = clean.sound()
                sound = measuring.blocked(documents)
                kinds = measuring.caught(documents) | store.measured(store.seeded())
        finally:
            embedded.discard(state)
    PAGE.write_text(page(sound, kinds), encoding="utf-8")
    sys.stdout.write("\n".join([*_figures(kinds), "", *_blocked(sound), ""]))


if __name__ == "__main__":
    main()
