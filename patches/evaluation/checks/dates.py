"""dates_stand_in_the_words: the days, months and years of a claim are in its quote, and stand together there.

Where the quote names no year they are in its block, as in a table or in the head of a note.
"""

import re
from collections.abc import Iterator

from patches.evaluation.checks.words import block
from patches.evaluation.context import Claim, Context, Judged, Measured

YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAMED = (
    r"\b(?P<name>jan(?:uary?|vier|uari)?|feb(?:ruary?|ruari)?|mar(?:ch|s)?|apr(?:il)?|may|june?|july?|jul[io]|juni"
    r"|aug(?:ust)?|sep(?:t|tember|tembre)?|oct(?:ober|obre)?|nov(?:ember|embre)?|dec(?:ember)?)\b"
)
# A month whose year follows it: May 2019, May 12th, 2019, 12 May of 2019.
NAMED_MONTH = re.compile(
    rf"{NAMED}\.?,?(?:\s+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:of\s+)?(?P<year>\d{{4}})(?!\d))?", re.IGNORECASE
)
# 2019-05-12, 2019/05, and 12.5.2019 or 5/12/2019: which of the two is the month, nobody can say
ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})(?!\d)")
WRITTEN = re.compile(r"(?<!\d)(?:(\d{1,2})[-/.]\s?)?(\d{1,2})[-/.]\s?(\d{4})(?!\d)")

Mention = tuple[int, int | None]  # a month, and its year if that stands with it


def stand(batch: Judged, _: Context) -> Measured:
    return Measured.count({n: why for n, claim in batch.claims if (why := _undated(claim, batch.text))})


def _undated(claim: Claim, text: str) -> str:
    stated = [date for date in (claim["from"], claim["to"]) if date]
    if claim["object_type"] == "date":
        stated.append(claim["object"])
    if not stated:
        return ""
    where = claim["quote"] if YEAR.search(claim["quote"]) else block(claim, text)
    numbers, months = {int(number) for number in re.findall(r"\d+", where)}, set(_months(where))
    missing = [date for date in stated if not _stands(date, numbers, months)]
    return f"{', '.join(missing)} does not stand there" if missing else ""


def _stands(date: str, numbers: set[int], months: set[Mention]) -> bool:
    year, *rest = map(int, date.split("-"))
    if year not in numbers or (rest[1:] and rest[1] not in numbers):
        return False
    return not rest or (rest[0], year) in months or (rest[0], None) in months


def _months(where: str) -> Iterator[Mention]:
    for match in NAMED_MONTH.finditer(where):
        yield MONTHS.index(match["name"][:3].casefold()) + 1, int(match["year"]) if match["year"] else None
    for year, month in ISO.findall(where):
        yield int(month), int(year)
    for *either, year in WRITTEN.findall(where):
        yield from ((int(month), int(year)) for month in either if month)
