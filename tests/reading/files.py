"""Files to read, written byte by byte: no library that reads them had a hand in them."""

import hashlib
import io
import zipfile
from collections.abc import Mapping

PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def pdf(*lines: str, info: str = "", trailer: str = "", key: bytes = b"") -> bytes:
    """A page with `lines` on it, in Helvetica."""
    shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
    content = f"BT /F1 12 Tf 72 720 Td {shown} ET"
    if key:
        salted = key + (4).to_bytes(3, "little") + bytes(2)  # the number of the object, and its generation
        content = rc4(md5(salted)[: len(key) + 5], content.encode()).decode("latin-1")
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>>>> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< {info} >>",
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size, start = len(objects) + 1, len(out)
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info 6 0 R {trailer} >>\n"
    return out + f"{end}startxref\n{start}\n%%EOF\n".encode("latin-1")


def sealed_pdf(line: str, password: bytes) -> bytes:
    """A PDF under a user password, by the standard handler of revision 2 (PDF 1.7, §7.6.3.3)."""
    owner, rights, name = bytes(range(32)), -4, b"0123456789abcdef"
    padded = (password + PAD)[:32]
    key = md5(padded + owner + rights.to_bytes(4, "little", signed=True) + name)[:5]
    user = rc4(key, PAD).hex()
    entry = f"<< /Filter /Standard /V 1 /R 2 /O <{owner.hex()}> /U <{user}> /P {rights} >>"
    return pdf(line, key=key, trailer=f"/Encrypt {entry} /ID [<{name.hex()}> <{name.hex()}>]")


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()  # noqa: S324 (what the format prescribes)


def rc4(key: bytes, data: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DOCX_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
}


def docx(*paragraphs: str, parts: Mapping[str, str] = {}) -> bytes:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    document = {"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"}
    return archive({**DOCX_PARTS, **document, **parts})


def properties(title: str, created: str) -> dict[str, str]:
    """The part of a DOCX with its title and the time of its making."""
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    core = f"<dc:title>{title}</dc:title><dcterms:created>{created}</dcterms:created>"
    return {
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" {spaces}>{core}'
        "</cp:coreProperties>"
    }


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
