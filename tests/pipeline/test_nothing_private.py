"""Words planted in names, contents, addresses and secrets of a real run turn up in no log, message or event."""

from pathlib import Path

import psycopg

from config import embedded
from tests.conftest import Store

MARKS = ("zanzibar-folder", "ypsilon-letter", "quagmire", "marker.person@planted.example", "sesame-planted-key")


def plant(root: Path) -> Path:
    folder = root / MARKS[0]
    folder.mkdir()
    said = f"{MARKS[2]} Ltd has been led by Ruth Adeyemi since 2019. Write to {MARKS[3]}.\n"
    (folder / f"{MARKS[1]}.md").write_text(f"# Re: {MARKS[2]}\n\nFrom: {MARKS[3]}\n\n{said}")
    (folder / f"{MARKS[1]}.pdf").write_bytes(b"%PDF-1.7\n" + said.encode() + b"%%EOF")
    (folder / f"{MARKS[1]}.html").write_text(f"<html><body>{'<div>' * 100_000}{said}")
    (folder / f"{MARKS[1]}.docx").write_bytes(b"PK\x03\x04" + said.encode())
    (folder / f"{MARKS[1]}-closed.md").write_text(said)
    (folder / f"{MARKS[1]}-closed.md").chmod(0)
    return folder


def written(store: Store) -> dict[str, str]:
    """What the product wrote down beside its database's own files and the payloads: logs, the broker's dump."""
    kept = ("payloads", "postgres")
    found = {}
    for root in {store.state_dir, (store.state_dir / "servers").resolve()}:  # a link, where root runs the servers
        for path in root.rglob("*"):
            if path.is_file() and not any(part in kept for part in path.relative_to(root).parts):
                found[str(path)] = path.read_bytes().decode(errors="replace").lower()
    return found


def test_what_was_planted_is_found_in_no_log_message_or_event(store, tmp_path):
    folder = plant(tmp_path)
    loud = {"SLUICEGATE_LOG_LEVEL": "DEBUG", "SLUICEGATE_LOG_FORMAT": "json"}

    done = store.manage("ingest", str(folder), "--name", "planted", "--json", **loud)
    broken = store.manage("ingest", str(folder), "--name", "planted", "--json", SLUICEGATE_SIZE_LIMIT_BYTES="1", **loud)
    swept = store.manage("recover", **loud)

    assert done.returncode in (0, 1), done.stderr
    with psycopg.connect(embedded.addresses(store.state_dir).database_url) as connection:
        events = "".join(row[0] for row in connection.execute("SELECT e::text FROM ledger_event e"))
        [(known,)] = connection.execute("SELECT count(*) FROM patches_passage WHERE text ILIKE '%quagmire%'")
    files = written(store)
    seen = {"events": events.lower(), **files}
    for number, command in enumerate((done, broken, swept)):
        seen[f"output {number}"] = (command.stdout + command.stderr).lower()
    assert known  # it was read, and is where it belongs
    assert any('"flight"' in text for name, text in seen.items() if name.endswith(".log"))
    assert any("appendonly" in name for name in files), sorted(files)
    assert {(name, mark) for name, text in seen.items() for mark in MARKS if mark in text} == set()
