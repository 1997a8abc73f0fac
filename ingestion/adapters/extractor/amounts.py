"""Sums of money and numbers of people: "£3.4 million", "1,200". No model.

Money is currency, number and scale ("GBP 3.4 million"), people are a whole number ("1200").
"""

import re

CURRENCIES = {"£": "GBP", "€": "EUR", "$": "USD", "pound": "GBP", "euro": "EUR", "dollar": "USD"}
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
SCALE = r"million|billion|thousand|bn|m|k"
SCALES = {"bn": "billion", "m": "million", "k": "thousand"}
MONEY = re.compile(
    rf"(?:(?P<sign>[£€$]|\b(?:GBP|EUR|USD|CHF)\b)\s?(?P<n>{NUMBER})(?:\s?(?P<scale>{SCALE})\b)?"
    rf"|\b(?P<n2>{NUMBER})(?:\s(?P<scale2>{SCALE}))?\s(?P<name>pound|euro|dollar)s?\b)(?![\w%]|[.,]\d)"
)
ONES = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - read as a sentence
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
COUNTS = {word: str(n) for n, word in [*enumerate(ONES, 1), *zip(range(20, 100, 10), TENS, strict=True)]}
PEOPLE = re.compile(
    r"(?:about|around|some|roughly|nearly|over|ca\.|c\.)?\s*(\d{1,3}(?:,\d{3})+|\d{1,7}|[a-z]+)", re.IGNORECASE
)


def money(text: str) -> str | None:
    """Return the one sum of money that the text names, or None if it names none or several."""
    found = list(MONEY.finditer(text))
    if len(found) != 1:
        return None
    match = found[0]
    currency = CURRENCIES.get(match["sign"] or match["name"], match["sign"])
    scale = match["scale"] or match["scale2"] or ""
    number = (match["n"] or match["n2"]).replace(",", "")
    return " ".join(filter(None, (currency, number, SCALES.get(scale, scale))))


def people(text: str) -> str | None:
    """Return a whole number that is written alone, with figures or as a word; None for anything else."""
    match = PEOPLE.fullmatch(text.strip())
    if not match:
        return None
    plain = match[1].replace(",", "").lower()
    return plain if plain.isdigit() else COUNTS.get(plain)
