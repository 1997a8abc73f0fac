import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.reading import read
from ledger.failures import Malformed
from ledger.reasons import Reason
from tests.reading import files


def outcome(data: bytes, name: str) -> str:
    try:
        return read(data, name).text
    except Malformed as exc:
        return exc.reason.value


@pytest.mark.parametrize("tag", ["div", "b", "table", "ul"])
def test_a_page_nested_a_hundred_thousand_deep_is_read(tag):
    page = f"<html><body>{f'<{tag}>' * 100_000}harbour"

    assert "harbour" in read(page.encode(), "a.html").text


def test_a_page_of_twenty_megabytes_of_anchors_is_read():
    assert "harbour" in read(b"<html>" + b"<a>" * 6_500_000 + b"harbour", "a.html").text


@pytest.mark.parametrize("part", [b"<!--", b"<a ", b"<", b'<a x="', b"&#x", b"<script>", b"<![CDATA[", b"<?xml "])
def test_markup_that_never_ends_is_read_or_refused_in_time(part):
    started = time.monotonic()
    found = outcome(b"<html><p>harbour" + part * 300_000, "a.html")

    assert found.startswith("harbour") or found in (Reason.EMPTY_TEXT, Reason.TOO_COMPLEX)
    assert time.monotonic() - started < 45


def test_thousands_of_comments_before_something_that_is_no_markup_take_no_time():
    started = time.process_time()
    read(b"<!-- -->" * 2000 + b"words", "a.txt")

    assert time.process_time() - started < 1


def test_an_archive_that_expands_too_far_is_refused():
    bomb = files.docx("x", parts={"word/styles.xml": " " * 40_000_000})

    assert len(bomb) < 100_000
    assert outcome(bomb, "a.docx") == Reason.TOO_COMPLEX


def test_an_archive_that_lies_of_its_sizes_is_refused():
    honest = files.docx("x", parts={"word/styles.xml": " " * 40_000_000})
    liar = honest.replace(struct.pack("<I", 40_000_000), struct.pack("<I", 10))

    assert liar != honest
    assert outcome(liar, "a.docx") == Reason.CORRUPT


def test_an_archive_with_too_many_parts_is_refused():
    parts = {f"word/{n}.xml": "" for n in range(10_001)}

    assert outcome(files.docx("x", parts=parts), "a.docx") == Reason.TOO_COMPLEX


def test_a_docx_with_tables_in_tables_in_tables_ends_in_an_outcome():
    deep = "<w:tbl><w:tr><w:tc>" * 20_000 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 20_000
    document = f"<w:document {files.W}><w:body>{deep}</w:body></w:document>"

    assert outcome(files.docx(parts={"word/document.xml": document}), "a.docx")


def test_entities_that_multiply_in_a_docx_are_not_expanded():
    entities = '<!ENTITY a "harbour">' + "".join(
        f'<!ENTITY {name} "{f"&{below};" * 10}">' for below, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    body = "<w:body><w:p><w:r><w:t>&j;</w:t></w:r></w:p></w:body>"
    bomb = f"<!DOCTYPE x [{entities}]><w:document {files.W}>{body}</w:document>"

    assert len(outcome(files.docx(parts={"word/document.xml": bomb}), "a.docx")) < 1000


@pytest.mark.parametrize(
    "block",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\ntitle: Bomb\n",
        "title: Bomb\nx: " + "[" * 10_000 + "\n",
        "title: Bomb\nx: !!python/object/apply:os.system [exit 1]\n- y\n",
        "? [a, b]\n: title\n",
    ],
)
def test_front_matter_that_is_no_good_is_text_and_nothing_else(block):
    text = f"---\n{block}---\n# Harbour\n"

    document = read(text.encode(), "a.md")

    assert (document.text, document.title) == (text, "Harbour")


MAGIC = [
    b"",
    b"%PDF-1.4\n",
    b"PK\3\4word/document.xml",
    b"<html>",
    b"<html><!--",
    b"---\n",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x1f\x8b",
]
SEEDS = [
    files.pdf("Harbour"),
    files.docx("Harbour"),
    b"<html><p>Harbour<table><td>x",
    b"---\ntitle: x\n---\n# Harbour\n",
]
NAMES = ["a.md", "a.html", "a.pdf", "a.docx", "a.txt", "a.rst", "README", "", "\0/..", "a.MD"]


def damaged(seed: bytes) -> st.SearchStrategy[bytes]:
    """`seed` with a stretch of it replaced."""
    cut = st.tuples(st.integers(0, len(seed)), st.integers(0, 40), st.binary(max_size=40))
    return cut.map(lambda c: seed[: c[0]] + c[2] + seed[c[0] + c[1] :])


ANYTHING = st.one_of(
    st.builds(bytes.__add__, st.sampled_from(MAGIC), st.binary(max_size=2000)),
    st.text(max_size=500).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(SEEDS).flatmap(damaged),
)


@settings(max_examples=500, deadline=None)
@given(data=ANYTHING, name=st.sampled_from(NAMES), media_type=st.sampled_from(["", "text/html; charset=utf-16", "x"]))
def test_any_bytes_become_a_document_or_a_reason(data, name, media_type):
    try:
        document = read(data, name, media_type)
    except Malformed as refused:
        with pytest.raises(Malformed) as again:
            read(data, name, media_type)
        assert str(again.value) == str(refused)
        assert (
            not refused.detail.endswith("Error") and "ran out" not in refused.detail
        )  # of what parsers did not expect
    else:
        assert document == read(data, name, media_type)
        assert document.text.strip()
        assert not set(document.text + document.title) & {"\0", "\r"}
        document.text.encode()
        document.title.encode()
