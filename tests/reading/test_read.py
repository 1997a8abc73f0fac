import pytest

from ingestion.reading import RECIPE, read
from ledger.failures import Malformed
from ledger.reasons import Reason
from tests.reading import files

STORY = "The harbour was dredged in spring, and the ferries came back to the old quay. " * 12
ARTICLE = f"<article><h2>Dredged</h2><p>{STORY}</article>"


def refusal(data: bytes, name: str, media_type: str = "") -> tuple[Reason, str]:
    with pytest.raises(Malformed) as caught:
        read(data, name, media_type)
    return caught.value.reason, caught.value.detail


def test_markdown_keeps_its_front_matter_and_tells_title_and_date_from_it():
    text = "---\ntitle: Harbour log\ncreated: 2020-01-01\ndate: 2019-05\n---\n# Other\nThe ferry sank.\n"

    document = read(text.encode(), "notes/log.md")

    assert (document.text, document.markdown, document.media_type) == (text, True, "text/markdown")
    assert (document.title, document.dated, document.encoding) == ("Harbour log", "2019-05", "ascii")


@pytest.mark.parametrize(
    ("written", "dated"),
    [
        ("2019", "2019"),
        ("2019-05", "2019-05"),
        ("2019-05-02", "2019-05-02"),
        ("2019-05-02 10:00:00 +0200", "2019-05-02"),
        ('"2019/5/2"', "2019-05-02"),
        ("2019-13-45", None),
        ("0000-01-01", None),
        ("20190502", None),
        ("soon", None),
    ],
)
def test_a_date_is_as_precise_as_the_front_matter_states_it(written, dated):
    assert read(f"---\ndate: {written}\n---\nx".encode(), "a.md").dated == dated


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Intro\n\n# First `code` heading #\n## x", "First code heading"),
        ("```sh\n# not me\n```\n# Me\n", "Me"),
        ("Set in stone\n====\n\nx", "Set in stone"),
        ("# [![badge](b.svg)](https://ci.example) Sluice\n", "badge Sluice"),
        ("## only the second level", "plan"),
        ("---\ntitle: ''\n---\n# Heading\n", "Heading"),
        ("---\ntitle: [unclosed\n---\n# Heading\n", "Heading"),
    ],
)
def test_markdown_without_a_stated_title_is_named_by_its_first_heading_or_its_file(text, title):
    document = read(text.encode(), "a/plan.md")

    assert (document.title, document.text) == (title, text)


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("guide.rst", "=====\nGuide\n=====\n\nText.", "Guide"),
        ("README", "Sluice gates\n\nText that follows.", "Sluice gates"),
        ("notes.txt", "A paragraph that goes\non over lines.", "notes"),
        ("copyright", "Format: https://example.org/format/1.0/\n\nFiles: *", "copyright"),
        ("src/tide.py", "import os\n\nx = 1", "tide.py"),
    ],
)
def test_plain_text_is_named_by_the_line_that_stands_alone_at_its_top(name, text, title):
    document = read(text.encode(), name)

    assert (document.title, document.markdown, document.media_type) == (title, False, "text/plain")


def test_a_web_page_is_read_without_its_menus():
    head = '<title>Harbour\n news</title><meta property="article:published_time" content="2019-05-02T10:00:00Z">'
    menu = "<nav><ul><li><a href=/>Home</a><li><a href=/x>Imprint</a></ul></nav>"
    page = f"<!doctype html><html><head>{head}</head><body>{menu}{ARTICLE}</body></html>"

    document = read(page.encode(), "news/1")

    assert (document.media_type, document.title, document.dated) == ("text/html", "Harbour news", "2019-05-02")
    assert "## Dredged" in document.text
    assert STORY.strip() in document.text
    assert "Imprint" not in document.text


def test_a_page_of_links_is_read_whole():
    links = "".join(f"<li><a href={n}>Chapter {n}</a></li>" for n in range(300))
    page = f"<html><script>var x</script><style>p{{}}</style><ul>{links}</ul><p>Made by hand</html>"

    text = read(page.encode(), "toc.html").text

    assert all(f"Chapter {n}\n" in text for n in range(300))
    assert "var x" not in text


def test_code_on_a_page_keeps_its_lines_and_is_no_heading():
    page = "<html><body><h1>Set up</h1><p>Run   this:</p><pre># as root\n  make\n</pre></body></html>"

    assert read(page.encode(), "a.html").text == "# Set up\n\nRun this:\n\n```\n# as root\n  make\n\n```"


@pytest.mark.parametrize(
    ("page", "media_type"),
    [
        ("<html><meta charset=koi8-r><p>Порт</p></html>", ""),
        ('<html><meta http-equiv=Content-Type content="text/html; charset=koi8-r"><p>Порт</p></html>', ""),
        ("<p>Порт</p>", "text/html; charset=KOI8-R"),
    ],
)
def test_the_character_set_that_a_page_declares_is_believed_when_it_fits(page, media_type):
    document = read(page.encode("koi8-r"), "page", media_type)

    assert (document.text, document.encoding) == ("Порт", "koi8-r")


def test_a_page_that_declares_another_encoding_than_utf8_but_is_utf8_is_read_as_utf8():
    assert read("<html><meta charset=latin-1><p>Größe</p></html>".encode(), "a.html").text == "Größe"


@pytest.mark.parametrize("declared", ["unicode_escape", "hex", "idna", "no-such-set"])
def test_a_declared_charset_that_is_none_is_ignored(declared):
    page = f"<html><meta charset={declared}><p>Das Gr\xf6\xdfte \\ud800 auf dem M\xe4rchenfest</p></html>"

    assert "Größte \\ud800 auf dem Märchenfest" in read(page.encode("cp1252"), "a.html").text


def test_a_pdf_is_read_with_title_and_date():
    data = files.pdf("The ferry_boat sank.", info="/Title (Harbour log) /CreationDate (D:20190502100000Z)")

    document = read(data, "log.pdf")

    assert (document.text.strip(), document.title, document.dated) == (
        "The ferry_boat sank.",
        "Harbour log",
        "2019-05-02",
    )
    assert (document.media_type, document.markdown) == ("application/pdf", True)


def test_a_docx_is_read_with_title_and_date():
    data = files.docx("The ferry_boat sank.", "Twice.", parts=files.properties("Harbour log", "2019-05-02T10:00:00Z"))

    document = read(data, "log.docx")

    assert document.text.strip() == "The ferry_boat sank.\n\nTwice."
    assert (document.title, document.dated, document.markdown) == ("Harbour log", "2019-05-02", True)


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (files.pdf("Harbour"), "a.txt", "application/pdf"),
        (files.pdf("Harbour"), "a.docx", "application/pdf"),
        (b"junk\n" + files.pdf("Harbour"), "a.pdf", "application/pdf"),
        (files.docx("Harbour"), "a.md", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"<!-- x --><!DOCTYPE html><p>Harbour", "a.pdf", "text/html"),
        (b"<html><p>Harbour", "a.txt", "text/html"),
        ("<html><p>Harbour".encode("utf-16"), "page", "text/html"),
    ],
)
def test_content_decides_against_the_extension(data, name, media_type):
    document = read(data, name)

    assert (document.text.strip(), document.media_type) == ("Harbour", media_type)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.txt", Reason.EMPTY),
        (b" \r\n\t\x0c\n", "a.txt", Reason.EMPTY_TEXT),
        (b"\xef\xbb\xbf", "a.txt", Reason.EMPTY_TEXT),
        (b"<html><body></body></html>", "a.html", Reason.EMPTY_TEXT),
        (b"<!-- nothing to see -->", "a.html", Reason.EMPTY_TEXT),
        (b"\xff\xfe", "a.html", Reason.EMPTY_TEXT),
        (files.pdf(), "scan.pdf", Reason.EMPTY_TEXT),
        (files.docx(), "blank.docx", Reason.EMPTY_TEXT),
        (b"\xff" * 5000, "a.txt", Reason.UNDECODABLE),
        (b"\xff", "a.txt", Reason.UNDECODABLE),
        (bytes(range(256)) * 20, "a.txt", Reason.UNDECODABLE),
        (b"\0" * 100, "a", Reason.UNDECODABLE),
        (b"plain words, not a PDF", "a.pdf", Reason.CORRUPT),
        (b"plain words, not a DOCX", "a.docx", Reason.CORRUPT),
        (b"\x89PNG\r\n\x1a\n", "a.pdf", Reason.CORRUPT),
        (files.archive({"a.txt": "x"}), "a.docx", Reason.CORRUPT),
        (files.docx("Harbour")[:-60], "a.docx", Reason.CORRUPT),
        (b"%PDF-1.7 and nothing else", "a.pdf", Reason.CORRUPT),
        (files.pdf("Harbour")[:150], "a.pdf", Reason.CORRUPT),
        (files.sealed_pdf("Harbour", b"open sesame"), "a.pdf", Reason.ENCRYPTED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", Reason.ENCRYPTED),
    ],
)
def test_what_cannot_be_read_says_why(data, name, reason):
    assert refusal(data, name)[0] == reason


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\x7fELF\2\1\1", "application/x-elf"),
        (b"SQLite format 3\0", "application/vnd.sqlite3"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (files.archive({"a.txt": "x"}), "application/zip"),
        (b"a" * 257 + b"ustar\x0000", "application/x-tar"),
    ],
)
def test_other_kinds_are_named_and_left(data, media_type):
    assert refusal(data, "a.txt") == (Reason.UNSUPPORTED_TYPE, media_type)


@pytest.mark.parametrize("text", ["A sound WAVE is", "BZh is not bzip2", f"{'a' * 257}ustar", "see ftyp"])
def test_text_that_happens_to_hold_a_signature_is_text(text):
    assert read(text.encode(), "a.txt").text == text


def test_a_pdf_without_a_password_to_open_it_is_read_though_it_is_encrypted():
    assert read(files.sealed_pdf("Harbour", b""), "a.pdf").text.strip() == "Harbour"


def test_the_recipe_names_every_library_whose_version_changes_readings():
    assert all(f" {name}/" in RECIPE for name in ("kreuzberg", "trafilatura", "lxml", "charset-normalizer", "unicode"))
