"""An ingest from its listing to its runs' ends."""

import pytest

from ingestion.ingesting import ingest, register
from tests.flying import fly, open_flights

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


def test_what_ends_while_it_is_looked_at_is_counted(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    shown = []

    def look(standing) -> None:
        shown.append(dict(standing.outcomes))
        for flight in open_flights():
            fly(flight)

    report = ingest(register("main", "local_files", "notes", {"root": str(tmp_path)}), standing=look)

    assert dict(report.outcomes) == {"completed": 2}
    assert shown[-1] == {"completed": 2}
