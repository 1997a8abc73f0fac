"""The process that parses web pages, mail, PDF and DOCX: it may run out of memory or time, crash, or be killed.

Run by path, alone: it imports nothing of ours, so that it starts fast and has nothing to tell. Messages both ways are
two lengths (64 bit), a JSON header, and bytes. Libraries are imported for the first file of their kind.
"""

import importlib.util
import io
import json
import os
import re
import resource
import signal
import struct
import sys
import zipfile
from typing import IO, Any

MEMORY_BYTES = 2 << 30
TEXT_BYTES = 50_000_000
RETIRE_BYTES = 512 << 20  # after a file this large, memory is no longer what the next one can count on
ELEMENTS, DEPTH = 40_000, 200  # trafilatura takes seconds beyond the first; libxml2 builds no deeper tree than 256
MEMBERS, MEMBER_BYTES, RATIO = 10_000, 100_000_000, 200
LETTERS = os.path.join(os.path.dirname(__file__), "letters.py")  # noqa: PTH118,PTH120  pathlib is not loaded here
LENGTHS = struct.Struct(">QQ")

HEADINGS = {f"h{level}": f"\n\n{'#' * level} " for level in range(1, 7)}
BREAKS = HEADINGS | {"li": "\n- ", "br": "\n", "tr": "\n", "dt": "\n", "dd": "\n", "td": " ", "th": " "}
BLOCKS = ("p", "div", "section", "article", "table", "ul", "ol", "dl", "blockquote", "hr", "main", "form")
BREAKS |= dict.fromkeys(BLOCKS, "\n\n") | {"pre": "\n\n```\n"}
LINKS = {"a", "nav", "footer", "aside", "button"}
UNSEEN = {"script", "style", "template", "title", "noscript", "svg", "select", "textarea"}
DATES = (
    *("article:published_time", "datepublished", "citation_publication_date", "dc.date.issued", "dcterms.issued"),
    *("dcterms.created", "dc.date", "dcterms.date", "date"),
    *("article:modified_time", "datemodified", "dcterms.modified", "last-modified"),
)
MOST, SHORT_CHARS = 0.75, 500
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
JSON_LD_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{4,40})"')


class Refused(Exception):
    """A file that cannot be read: a code of ledger.reasons.Reason, and a detail for operators."""


def send(pipe: IO[bytes], header: str, body: bytes) -> None:
    head = header.encode()
    pipe.write(LENGTHS.pack(len(head), len(body)) + head)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[str, bytes]:
    """Return header and body of the next message. Raises EOFError when the other side is gone."""
    head, body = LENGTHS.unpack(exactly(pipe, LENGTHS.size))
    return exactly(pipe, head).decode(), exactly(pipe, body)


def exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


class Page:
    """A stream of markup, seen once: all visible text, what the head says, and how large and deep the page is.

    It keeps no tree, so that depth costs nothing.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.titles: list[str] = []
        self.dates: dict[str, str] = {}
        self.open: list[str] = []
        self.unseen = self.verbatim = self.linked = self.elements = self.depth = 0
        self.prose_chars = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.open.append(tag)
        self.elements += 1
        self.depth = max(self.depth, len(self.open))
        self.unseen += tag in UNSEEN
        self.verbatim += tag == "pre"
        self.linked += tag in LINKS
        self.parts += filter(None, [BREAKS.get(tag)])
        if tag == "meta":
            self.meta(attributes)

    def end(self, tag: str) -> None:
        self.open.pop()
        self.unseen -= tag in UNSEEN
        self.verbatim -= tag == "pre"
        self.linked -= tag in LINKS
        if BREAKS.get(tag, "").startswith("\n\n"):
            self.parts.append("\n```\n\n" if tag == "pre" else "\n\n")

    def data(self, text: str) -> None:
        if not self.unseen:
            self.show(text if self.verbatim else re.sub(r"\s+", " ", text))
        elif self.open[-1] == "title" and "svg" not in self.open:
            self.titles.append(text)
        elif self.open[-1] == "script" and (found := JSON_LD_DATE.search(text)):
            self.dates.setdefault("datepublished", found[1])

    def show(self, text: str) -> None:
        if not self.verbatim and (not self.parts or self.parts[-1][-1].isspace()):
            text = text.lstrip()
        if text:
            self.parts.append(text)
            self.prose_chars += 0 if self.linked else len(text)

    def meta(self, attributes: dict[str, str]) -> None:
        key = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        self.dates.setdefault(key.lower(), attributes.get("content", ""))

    def close(self) -> str:
        lines = "\n".join(line.rstrip() for line in "".join(self.parts).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", lines).strip()


def html(data: bytes) -> tuple[str, list[str], list[str]]:
    """Read a web page (UTF-8, whatever it declares): its main text as Markdown, else all that is visible."""
    from lxml import etree  # noqa: PLC0415 (for the first file of its kind)

    page = Page()
    try:
        text = etree.fromstring(data, etree.HTMLParser(target=page, encoding="utf-8", huge_tree=True, recover=True))
    except etree.XMLSyntaxError:  # "Document is empty": no element in it
        return "", [], []
    if 0 < page.elements <= ELEMENTS and page.depth <= DEPTH:
        main = main_text(data)
        if len(main) >= max(SHORT_CHARS, MOST * page.prose_chars):
            text = main  # else it lost what no link or menu says, as happens in layouts made of tables
    return text, ["".join(page.titles)], [page.dates[key] for key in DATES if key in page.dates]


def main_text(data: bytes) -> str:
    import trafilatura  # noqa: PLC0415 (as above)
    from lxml.html import HTMLParser, document_fromstring  # noqa: PLC0415 (as above)

    tree = document_fromstring(data, parser=HTMLParser(encoding="utf-8"))
    return unescaped(trafilatura.extract(tree, output_format="markdown", include_comments=False) or "")


def unescaped(markdown: str) -> str:
    r"""Return `markdown` as people write it: snake\_case is a name that nobody searches for. Code has no escapes."""
    parts = CODE.split(markdown)
    return "".join(part if i % 2 else ESCAPE.sub(r"\1", part) for i, part in enumerate(parts))


def pdf(data: bytes) -> tuple[str, list[str], list[str]]:
    return kreuzberg(data, "application/pdf")


def docx(data: bytes) -> tuple[str, list[str], list[str]]:
    return kreuzberg(repacked(data), "application/vnd.openxmlformats-officedocument.wordprocessingml.document")


def kreuzberg(data: bytes, kind: str) -> tuple[str, list[str], list[str]]:
    import kreuzberg as library  # noqa: PLC0415 (as above)

    config = library.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,  # type: ignore[call-arg]  # its stub lacks it
        output_format="markdown",
        concurrency=library.ConcurrencyConfig(max_threads=1),
    )
    try:
        found = library.extract_bytes_sync(data, kind, config=config)
    except library.KreuzbergError as exc:
        sealed = "password" in str(exc).lower()
        raise Refused("encrypted" if sealed else "corrupt", kind) from exc
    says = found.metadata
    return (
        unescaped(found.content),
        [says.get("title") or ""],
        [says[k] for k in ("created_at", "modified_at") if says.get(k)],
    )


def repacked(data: bytes) -> bytes:
    """Return the archive with its XML alone, uncompressed: what was counted here is what the parser sees.

    The sizes that an archive states of itself can lie; two readers may even see different files in it.
    """
    budget, out = min(MEMBER_BYTES, max(RATIO * len(data), 10_000_000)), io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as plain:
            members = {info.filename: info for info in archive.infolist() if info.filename.endswith((".xml", ".rels"))}
            if len(members) > MEMBERS:
                raise Refused("too_complex", f"more than {MEMBERS} parts")
            if any(info.flag_bits & 1 for info in members.values()):
                raise Refused("encrypted", "the archive has a password")
            for name, info in members.items():
                with archive.open(info) as member:
                    part = member.read(budget + 1)
                if (budget := budget - len(part)) < 0:
                    raise Refused("too_complex", "the archive expands too far")
                plain.writestr(zipfile.ZipInfo(name), part)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, OSError, EOFError) as exc:
        raise Refused("corrupt", "not a readable archive") from exc
    return out.getvalue()


def mail(data: bytes) -> tuple[str, list[str], list[str]]:
    """Read a message, by the module beside this one: it is found by path, as this one is."""
    spec = importlib.util.spec_from_file_location("letters", LETTERS)
    letters = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]  # the file is there
    spec.loader.exec_module(letters)  # type: ignore[union-attr]  # as above
    found: tuple[str, list[str], list[str]] = letters.read(data, lambda page: html(page)[0])
    return found


PARSERS = {
    "message/rfc822": mail,
    "text/html": html,
    "application/pdf": pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": docx,
}


def answer(kind: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        text, titles, dates = PARSERS[kind](data)
        body = text.encode("utf-8", "replace")
    except Refused as refused:
        reason, detail = refused.args
        return {"reason": reason, "detail": detail}, b""
    except (MemoryError, RecursionError) as exc:
        return {"reason": "too_complex", "detail": type(exc).__name__, "last": True}, b""
    except Exception as exc:  # a parser's mistake over a file that it does not expect
        return {"reason": "corrupt", "detail": f"{kind}: {type(exc).__name__}"}, b""
    if len(body) > TEXT_BYTES:
        return {"reason": "too_complex", "detail": "more text than allowed"}, b""
    return {"titles": titles, "dates": dates}, body


def confine(memory_bytes: int) -> None:
    for what, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(what, (limit, limit))


def most_memory_bytes() -> int:
    """The most that this process has held. Not ru_maxrss: that begins with what its parent held (Linux keeps it)."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  pathlib is not loaded here
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main() -> None:
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    confine(int(sys.argv[1]))
    while True:
        try:
            header, data = receive(questions)
        except EOFError:
            return
        question = json.loads(header)
        signal.setitimer(signal.ITIMER_PROF, question["cpu_s"])  # nobody catches these signals: the process dies
        signal.setitimer(signal.ITIMER_REAL, question["wall_s"])
        head, body = answer(question["kind"], data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        large = most_memory_bytes() > RETIRE_BYTES
        send(answers, json.dumps({"last": large} | head), body)


if __name__ == "__main__":
    main()
