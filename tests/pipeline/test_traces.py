"""One trace leads from a sync to what was applied, through every process that had a hand in it."""

import json

from tests.conftest import Store
from tests.peers.collector import collecting

STAGES = ["fetch", "chunk", "embed", "entity", "fact", "eval", "apply"]


def test_one_trace_leads_from_the_sync_to_the_apply_across_processes(store: Store, tmp_path) -> None:
    (tmp_path / "note.md").write_text("# Kelp\n\nKelp Ltd has been led by Ruth Adeyemi since 2019.\n")
    with collecting() as collector:
        told = {"SLUICEGATE_TRACES": "otlp", "SLUICEGATE_TRACES_URL": collector.url}
        store.ingest(tmp_path, **told)
        spans = collector.spans()

    assert len({span.trace for span in spans}) == 1
    by_id = {span.span: span for span in spans}
    by_name = {span.name: span for span in spans}
    assert len(spans) == len(by_name) == 2 + len(STAGES)
    assert by_name["sync"].parent == ""
    assert by_id[by_name["dispatch"].parent].name == "sync"
    for stage in STAGES:
        span = by_name[f"stage {stage}"]
        assert by_id[span.parent].name == "dispatch"
        assert span.told["sluicegate.flight"] == by_name["dispatch"].told["sluicegate.flight"]
        assert (span.told["sluicegate.runs"], span.told["sluicegate.failed"]) == (1, 0)
    assert by_name["sync"].pid != by_name["stage apply"].pid

    shown = json.loads(store.manage("runs", "show", "1", "--json").stdout)["runs"][0]
    assert shown["trace"] == spans[0].trace
