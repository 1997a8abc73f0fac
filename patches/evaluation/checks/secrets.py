"""no_secrets: no key, no private key and no card number goes into a store that is searched."""

import re
from collections.abc import Iterator

from patches.evaluation.context import Context, Judged, Measured
from patches.evaluation.shapes import Shape, level

# The forms that their issuers document: what it is, parts of which each such key has one (found sooner), its shape.
KEYS: tuple[tuple[str, str, str], ...] = (
    ("an AWS access key", "AKIA ASIA", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    (
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b",
    ),
    ("a GitLab token", "glpat-", r"\bglpat-[\w-]{20,}"),
    ("a Slack token", "xox", r"\bxox[abposr]-[\w-]{20,}"),
    ("a Slack webhook", "hooks.slack.com", r"\bhooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    ("a Google API key", "AIza", r"\bAIza[\w-]{35}(?![\w-])"),
    ("a Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("an OpenAI key", "sk-", r"\bsk-(?:proj-|svcacct-)[\w-]{30,}|\bsk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b"),
    ("an Anthropic key", "sk-ant-", r"\bsk-ant-[\w-]{30,}"),
    ("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", "pypi-AgE", r"\bpypi-AgE[\w-]{50,}"),
    ("a SendGrid key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    ("a Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{34}\b"),
    ("a Telegram bot token", ":AA", r"\b\d{8,10}:AA[\w-]{33}\b"),
    ("an Azure storage key", "AccountKey=", r"\bAccountKey=[A-Za-z0-9+/]{86}=="),
    ("an age key", "AGE-SECRET-KEY-", r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    ("a Slack app token", "xapp-", r"\bxapp-\d-[A-Z0-9]{8,}-\d{8,}-[a-f0-9]{40,}\b"),
    ("a Google client secret", "GOCSPX-", r"\bGOCSPX-[\w-]{28}"),
    ("a Stripe webhook secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/]{24,}"),
    ("a DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"\bdo[por]_v1_[a-f0-9]{64}\b"),
    ("a Shopify token", "shpat_ shpca_ shppa_ shpss_", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
    ("a Vault token", "hvs. hvb.", r"\bhv[sb]\.[\w-]{24,}"),
    ("a Grafana token", "glsa_", r"\bglsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}\b"),
    ("a Linear key", "lin_api_", r"\blin_api_[A-Za-z0-9]{40}\b"),
    ("a Docker token", "dckr_pat_", r"\bdckr_pat_[\w-]{27}"),
    ("an Atlassian token", "ATATT3", r"\bATATT3[\w=-]{100,}"),
    ("a Mailgun key", "key-", r"\bkey-[a-f0-9]{32}\b"),
    ("a Databricks token", "dapi", r"\bdapi[a-f0-9]{32}\b"),
    (
        "an AWS secret key",
        "secret SECRET Secret",
        r"(?i:aws_?secret_?access_?key)[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/])",
    ),
    (
        "a password in an address",
        "://",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,60}:([^\s:/@\"'<>{}$]{8,})@[\w.-]+",
    ),
    ("a signed token", "eyJ", r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"),
    (
        "a private key",
        "KEY PuTTY-User-Key-File",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\bPuTTY-User-Key-File-\d:",
    ),
)
COMPILED = tuple((what, tuple(parts.split()), re.compile(shape)) for what, parts, shape in KEYS)
GIVEN = r"(?:passwords?|passwd|pwd|passphrase|secret|api[_-]?key|token))[\"']?\s{0,3}(?:[:=]|:=|=>)"
SOMETHING_GIVEN = Shape(f"(?:{GIVEN}")
# What is given to a name, and may be a password.
PASSWORD = re.compile(rf"(?i:\b(?:\w+[_-])?{GIVEN}\s{{0,3}}" r"([\"']?)(?=[^\s\"']*[A-Za-z])([^\s\"'<>{}$(),;]{10,})\1")
# Fifteen or sixteen digits, in one piece or grouped as on the card (ISO/IEC 7812); then the issuer and the check digit.
CARD = re.compile(r"(?<![\w.-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5})(?![\w-]|\.\d)")
ISSUER = re.compile(r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|35(?:2[89]|[3-8])")
# Names, paths and numbers of versions, as in a list of settings.
WORDS = re.compile(r"[a-z]+(?:[._/:-]+(?:[a-z]+\d*|\d+))*|[\d.:/T+Zx-]+|[a-z]+\d{1,3}", re.IGNORECASE)
PLACEHOLDER = re.compile(r"EXAMPLE|(?i:example|change-?me|placeholder|your[_-])|(?:x{6}|X{6}|0{8}|\*{4})|1234567890")
DISTINCT = 6  # characters at least: "ghp_xxxx…" is no key
RISE, HUMP = re.compile(r"[a-z][A-Z]"), re.compile(r"[A-Z]+[a-z]*|[a-z]+")
RISES, HUMP_CHARS = 2, 3.5  # more rises at least and shorter humps than names have that are writtenLikeThis


def absent(batch: Judged, _: Context) -> Measured:
    """Says what kind of secret stands where; never the secret."""
    found = list(_found(batch.text))
    return Measured(len(found), note="; ".join(found[:5]))


def _found(text: str) -> Iterator[str]:
    for what, parts, shape in COMPILED:
        if any(part in text for part in parts):
            for match in shape.finditer(text):
                if what == "a private key" or not _is_placeholder(match[match.lastindex or 0]):
                    yield f"{what} at character {match.start()}"
    for match in PASSWORD.finditer(text) if SOMETHING_GIVEN.search(text, level(text)) else ():
        if not _is_placeholder(match[2]) and _is_no_word(match[2]):
            yield f"a password at character {match.start(2)}"
    yield from _cards(text)


def _cards(text: str) -> Iterator[str]:
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if ISSUER.match(digits) and len(set(digits)) > 2 and luhn(digits):  # noqa: PLR2004  4000 0000 …
            yield f"a card number at character {match.start()}"


def _is_no_word(given: str) -> bool:
    """Letters with digits between them, or large letters among small ones as in no name."""
    if re.search(r"\d", given):
        return not WORDS.fullmatch(given)
    humps = HUMP.findall(given)
    return len(RISE.findall(given)) >= RISES and sum(map(len, humps)) < HUMP_CHARS * len(humps)


def _is_placeholder(key: str) -> bool:
    return PLACEHOLDER.search(key) is not None or len(set(key[4:])) < DISTINCT


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others: ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(digits)))
    return sum(digit // 10 + digit % 10 for digit in doubled) % 10 == 0
