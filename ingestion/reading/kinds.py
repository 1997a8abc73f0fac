"""Which kind of content bytes are: by the bytes first, by the name and the declared type where bytes cannot tell."""

import re
from pathlib import PurePosixPath

from ledger.failures import Malformed
from ledger.reasons import Reason

PLAIN, MARKDOWN, HTML, PDF = "text/plain", "text/markdown", "text/html", "application/pdf"
MAIL = "message/rfc822"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

SUFFIXES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".pdf": PDF,
    ".docx": DOCX,
    ".eml": MAIL,
    ".txt": PLAIN,
    ".rst": PLAIN,
}

SIGNATURES = (  # offset, bytes, media type
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"OggS\0", "audio/ogg"),
    (0, b"fLaC\0", "audio/flac"),
    (0, b"ID3\2", "audio/mpeg"),
    (0, b"ID3\3", "audio/mpeg"),
    (0, b"ID3\4", "audio/mpeg"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
    (0, b"\0asm", "application/wasm"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (4, b"1AY&SY", "application/x-bzip2"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO\0", "font/otf"),
    (0, b"\0\1\0\0\0", "font/ttf"),
    (0, b"\xde\x12\x04\x95", "application/x-gettext-translation"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
# An Office file under a password is an OLE container with a stream of this name.
SEALED = "EncryptedPackage".encode("utf-16-le")
# Possessive (*+): a page that opens with thousands of comments must not be tried in every split of them.
MARKUP = re.compile(rb"(?:\s+|<\?xml.*?\?>|<!--.*?-->)*+<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL)
HEAD_BYTES = 4096


def looks_like_html(data: bytes) -> bool:
    head = data[:HEAD_BYTES].replace(b"\0", b"")  # without its NULs, UTF-16 markup looks like any other
    return bool(MARKUP.match(head.lstrip(b"\xef\xbb\xbf\xff\xfe")))


def signature(data: bytes) -> str | None:
    """Return the media type that the first bytes prove; None where they could be text."""
    if data[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf\t\n\f\r ").startswith(b"%PDF-"):
        return PDF
    if data.startswith(ZIP):
        return DOCX if b"word/document.xml" in data else "application/zip"
    binary = b"\0" in data[:HEAD_BYTES]  # "a sound WAVE" is text, for all its eighth byte
    return next((m for at, magic, m in SIGNATURES if data.startswith(magic, at) and (binary or not at)), None)


def expected(name: str, media_type: str) -> str | None:
    """Return the kind that the extension names, else the declared type; None when neither names one that we read."""
    declared = media_type.partition(";")[0].strip().lower()
    return SUFFIXES.get(PurePosixPath(name).suffix.lower()) or (declared if declared in SUFFIXES.values() else None)


def kind_of(data: bytes, name: str, media_type: str = "") -> str:
    """Return the media type to read `data` as. Raises Malformed: ENCRYPTED, CORRUPT or UNSUPPORTED_TYPE.

    A name that promises another kind is no obstacle as long as the bytes are of a kind that we read; a PDF or DOCX
    that is none of them is corrupt.
    """
    found, promised = signature(data), expected(name, media_type)
    if found in (PDF, DOCX):
        return found
    if promised == PDF and b"%PDF-" in data[:1024]:  # readers accept junk in front of the header
        return PDF
    if found == "application/x-ole-storage" and SEALED in data:
        raise Malformed(Reason.ENCRYPTED, found)
    if promised in (PDF, DOCX) and not looks_like_html(data):
        raise Malformed(Reason.CORRUPT, f"not a file of type {promised}")
    if found:
        raise Malformed(Reason.UNSUPPORTED_TYPE, found)
    return HTML if looks_like_html(data) else promised or PLAIN
