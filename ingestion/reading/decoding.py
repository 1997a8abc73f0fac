"""Bytes to normalised text: which encoding they are in, and which characters may stand in a text."""

import codecs
import re
import unicodedata

import charset_normalizer

from ledger.failures import Malformed
from ledger.reasons import Reason

BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What people write in; the detector is surer and faster with fewer guesses.
MULTIBYTE = ("cp932", "euc_jp", "gb18030", "big5", "euc_kr")
CANDIDATES = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp866", "iso8859_2"),
    *MULTIBYTE,
]
FOREIGN = 0.3  # share of bytes beyond ASCII up to which a text in no known language can still be Latin
SAMPLE_BYTES = 65_536
BINARY_UTF8, BINARY_LEGACY = 0.1, 0.01  # share of control characters from which data is no text
BINARY = re.compile(rb"[\0-\7\x0e-\x1a\x1c-\x1f\x7f]")
CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})|<\?xml[^>]{0,100}?encoding=["']([\w.:-]{1,40})""",
    re.IGNORECASE,
)
# Python knows others that are no character sets: unicode_escape, say, can write half a surrogate pair.
DECLARABLE = ("cp", "iso8859", "iso2022", "koi8", "shift_jis", "euc_", "gb", "hz", "big5", "mac-", "tis-", "utf-16")

BREAKS = re.compile(r"[\v\f\x85]")
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\0-\x08\x0e-\x1f\x7f-\x9f]")  # first the colours of terminals
SUSPECT = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f]")  # one class is found five times as fast as what it leads to
# Normalisation sorts the marks on a letter in quadratic time: 40,000 take a second, a million ten minutes.
MARKS = "".join(c for c in map(chr, range(0x300, 0x1E94B)) if unicodedata.combining(c))
LOW, HIGH = re.findall(r"[\0-\uffff]+|[^\0-\uffff]+", MARKS)  # beyond U+FFFF a class is a list, so it comes second
PILED_MARKS = re.compile(rf"(?:[{LOW}]|[\U00010000-\U0001e94b](?<=[{HIGH}])){{100}}")


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """Return the text and the name of its encoding; `declared` is tried after byte order marks and UTF-8.

    Raises Malformed (UNDECODABLE) for what looks binary, or fits no encoding.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark) and (text := strictly(data, encoding)) is not None:
            return text, encoding.removesuffix("-sig")
    if (text := strictly(data, "utf-8")) is not None:
        refuse_binary(data, BINARY_UTF8)
        return text, "ascii" if text.isascii() else "utf-8"
    for encoding in filter(None, (codec(declared), wide(data))):
        if (text := strictly(data, encoding)) is not None:
            return text, encoding
    refuse_binary(data, BINARY_LEGACY)
    return mixed(data) or detected(data)


def strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def refuse_binary(data: bytes, share: float) -> None:
    sample = data[:SAMPLE_BYTES]
    if len(BINARY.findall(sample)) > share * len(sample):
        raise Malformed(Reason.UNDECODABLE, "it looks binary")


def wide(data: bytes) -> str:
    """UTF-16 without its mark shows in every other byte being NUL; such files come from Windows."""
    low, high = data[1:SAMPLE_BYTES:2].count(0), data[0:SAMPLE_BYTES:2].count(0)
    most = 0.4 * min(len(data), SAMPLE_BYTES) / 2
    return "utf-16-le" if low > most > 10 * high else "utf-16-be" if high > most > 10 * low else ""


def mixed(data: bytes) -> tuple[str, str] | None:
    """UTF-8 with stray bytes (old names in a changelog, a file cut short): the strays are read as cp1252.

    Only where well-formed sequences prevail; in other encodings they are accidents.
    """
    text = data.decode("utf-8", "replace")
    strays = text.count("\ufffd")
    if sum(map(len, re.findall(r"[^\0-\x7f\ufffd]+", text))) < 2 * strays:
        return None
    return data.decode("utf-8", "cp1252_strays"), "utf-8"


def stray_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 (registered for decoding alone)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("cp1252_strays", stray_bytes)


def detected(data: bytes) -> tuple[str, str]:
    sample = data[:SAMPLE_BYTES]
    if len(data) > SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample  # so that no character is cut in two
    matches = list(charset_normalizer.from_bytes(sample, cp_isolation=CANDIDATES))
    # Western letters are in many code pages; among near equals the common one is right more often.
    western = [m for m in matches if "cp1252" in m.could_be_from_charset and m.coherence > matches[0].coherence - 0.1]
    foreign = sum(map(len, re.findall(rb"[\x80-\xff]+", sample))) / len(sample)
    for match, encoding in [(m, "cp1252") for m in western] + [(m, m.encoding) for m in matches]:
        known = match.coherence > 0 or encoding in MULTIBYTE or foreign < FOREIGN
        if known and (text := strictly(data, encoding)) is not None:
            return text, encoding
    raise Malformed(Reason.UNDECODABLE, "it fits no known encoding")


def charset(data: bytes) -> str:
    """Return the encoding that markup declares in its first 4 KiB; "" for none."""
    found = CHARSET.search(data[:4096])
    return (found[1] or found[2]).decode("ascii", "replace") if found else ""


def parameter(media_type: str) -> str:
    """Return the charset parameter of a declared type ("text/html; charset=koi8-r"); "" for none."""
    found = re.search(r"charset=[\"']?([\w.:-]+)", media_type, re.IGNORECASE)
    return found[1] if found else ""


def codec(declared: str) -> str:
    """Return Python's name of a declared character set, "" for none that it knows."""
    try:
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):
        return ""
    if name in ("ascii", "iso8859-1"):
        return "cp1252"  # Encoding Standard §4.2: what calls itself Latin-1 is windows-1252
    return name if name.startswith(DECLARABLE) else ""


def normalise(text: str) -> str:
    """Return `text` in NFC, its lines ended by line feeds, without control characters other than those and tabs.

    Raises Malformed (TOO_COMPLEX) for a letter under a hundred marks.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if SUSPECT.search(text):
        text = CONTROLS.sub("", BREAKS.sub("\n", text))
    if text.isascii():
        return text
    if PILED_MARKS.search(text):
        raise Malformed(Reason.TOO_COMPLEX, "a hundred combining marks on one letter")
    return unicodedata.normalize("NFC", text)
