"""Mail as text: who writes to whom, in whatever way that is encoded, and the letter's own words."""

import time
from email.message import EmailMessage

import pytest

from ingestion.reading import read
from ledger.failures import Malformed
from ledger.reasons import Reason

ANN = b"From: Ann Lee <ann@example.org>\r\n"


def text(data: bytes) -> str:
    return read(data, "", "message/rfc822").text


def body(data: bytes) -> str:
    return text(data).split("\n\n", 1)[1].strip()


def test_a_letter_opens_with_what_people_read_of_its_header():
    message = EmailMessage()
    message["Received"] = "from a by b; Thu, 02 May 2024 10:15:07 +0200"
    message["From"] = "Ann Lee <ann@example.org>"
    message["To"] = '"Ek, Bo" <bo@example.org>, it@example.org'
    message["Cc"] = "Cy Oh <cy@example.org>"
    message["Date"] = "Thu, 02 May 2024 10:15:00 +0200"
    message["Subject"] = "Größe der Pumpen"
    message["References"] = "<1@x> <2@x>"
    message.set_content("Dear Bo,\nthe pumps.\n")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="Größe.pdf")

    letter = read(message.as_bytes(), "INBOX/1/2", "message/rfc822")

    assert letter.text == (
        "From: Ann Lee <ann@example.org>\n"
        "To: Bo Ek <bo@example.org>, it@example.org\n"
        "Cc: Cy Oh <cy@example.org>\n"
        "Date: 2024-05-02 10:15:00+02:00\n"
        "Subject: Größe der Pumpen\n"
        "Thread: <1@x>\n"
        "Attached: Größe.pdf\n"
        "\nDear Bo,\nthe pumps.\n"
    )
    assert (letter.title, letter.dated, letter.media_type) == ("Größe der Pumpen", "2024-05-02", "message/rfc822")


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        (b"Content-Type: text/plain; charset=utf-8", "Grüße".encode()),
        (b"Content-Type: text/plain; charset=iso-8859-1", "Grüße".encode("latin-1")),
        (b"Content-Type: text/plain; charset=no-such-set", "Grüße".encode()),
        (b"Content-Type: text/plain; charset=us-ascii", "Grüße".encode("cp1252")),
        (b"Content-Type: text/plain; charset=utf-8", "Grüße".encode("cp1252")),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64", b"R3LDvMOfZQ=="),
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable",
            b"Gr=C3=BC=\r\n=C3=9Fe",
        ),
        (b"Content-Type: text/html; charset=iso-8859-1", "<p>Grüße</p>".encode("latin-1")),
        (b"X-No: type", "Grüße".encode()),
    ],
)
def test_words_are_read_however_they_were_encoded(encoding, written):
    assert body(ANN + encoding + b"\r\n\r\n" + written) == "Grüße"


def test_of_alternatives_the_plain_one_is_read_and_the_page_where_there_is_none():
    both, page = EmailMessage(), EmailMessage()
    for message in (both, page):
        message["From"] = "ann@example.org"
    both.set_content("In plain words.")
    both.add_alternative("<p>In <b>bold</b> words.</p>", subtype="html")
    page.set_content("<html><head><style>p {}</style></head><p>In <b>bold</b> words.</p></html>", subtype="html")

    assert body(both.as_bytes()) == "In plain words."
    assert body(page.as_bytes()) == "In bold words."


def test_a_letter_within_a_letter_is_named_and_not_read_as_its_own_words():
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"], inner["From"] = "Inner", "bo@example.org"
    inner.set_content("Bo's words.")
    outer["From"] = "ann@example.org"
    outer.set_content("See below.")
    outer.add_attachment(inner)

    assert "Attached: message/rfc822\n\nSee below." in text(outer.as_bytes())
    assert "Bo's words" not in text(outer.as_bytes())


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ("Yes.\n\nOn Thursday Ann wrote:\n> Shall we?\n>\n> > No.\n", "Yes."),
        ("Yes.\n> Shall we?\nNo, rather not.\n", "Yes.\n> Shall we?\nNo, rather not."),
        ("> Shall we?\n", "> Shall we?"),
        ("Yes.\nThe reasons:\n1. rain", "Yes.\nThe reasons:\n1. rain"),
        ("Yes.", "Yes."),
    ],
)
def test_a_reply_says_its_own_words_and_not_again_the_letter_that_it_answers(written, own):
    assert body(ANN + b"In-Reply-To: <1@x>\r\n\r\n" + written.encode()) == own
    assert body(ANN + b"\r\n" + written.encode()) == written.strip()


@pytest.mark.parametrize(
    "data",
    [b"no header at all\n\n", b"\n\nwords", b"\0\1\2"],
)
def test_what_is_no_letter_is_corrupt(data):
    with pytest.raises(Malformed) as refused:
        text(data)
    assert refused.value.reason == Reason.CORRUPT


@pytest.mark.parametrize(
    "data",
    [
        ANN
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000))
        + b"\n\nx",
        ANN + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nwords\n" * 100_000,
        ANN + b"In-Reply-To: <1@x>\n\n" + b"> quoted\n   \n" * 300_000 + b"own",
        ANN + b"In-Reply-To: <1@x>\n\nown\n" + b"> quoted\n   \n" * 300_000,
        b"To: " + b"a@example.org, " * 200_000 + b"\n\nwords",
        b"To: " + b"(" * 100_000 + b"\n\nwords",
        b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nwords",
        b"Date: " + b"1" * 100_000 + b"\n\nwords",
        ANN + b"Content-Type: text/plain; " + b"name*0*=x; " * 20_000 + b"\n\nwords",
        b"From: =?utf-16?b?AAA=?= <ann@example.org>\nContent-Type: text/plain; charset=utf-16\n\nwords",
    ],
    ids=["deep", "wide", "quoted", "answered", "crowd", "brackets", "words", "date", "parameters", "utf-16"],
)
def test_no_letter_takes_long(data):
    started = time.monotonic()
    try:
        found = text(data)
    except Malformed as refused:
        found = refused.reason.value
    assert any(word in found for word in ("words", "own", "Attached")) or found == Reason.TOO_COMPLEX
    assert time.monotonic() - started < 30
