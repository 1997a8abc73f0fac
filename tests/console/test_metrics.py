"""What Prometheus is told: the ledger's own figures, for who has the token, and nothing private."""

import json
import re
from collections.abc import Callable

import pytest
import yaml
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from console import metrics
from console.rolling import roll
from tests.builders import make_handoff, make_run, make_source
from tests.conftest import ROOT
from tests.flying import deliver, work_off

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]
FOLDER = ROOT / "docs" / "operations"


def told() -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Every sample by name and labels, as Prometheus would read it."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_what_went_in_and_what_waits_is_told():
    source = make_source(name="/home/ann/private")
    deliver(source, a="one text", b="another text")
    work_off()
    deliver(make_source(), c="")
    work_off()
    make_handoff(source=source)
    make_run("quarantined", source=source)
    while roll():
        pass

    found = told()

    outcome = (("lifecycle", "run"), ("reason", "applied"), ("status", "completed"))
    assert found["sluicegate_transitions_total"][outcome] == 2
    assert found["sluicegate_waiting"][()] == found["sluicegate_database_up"][()] == 1
    assert found["sluicegate_build_info"][(("version", settings.VERSION),)] == 1
    assert found["sluicegate_quarantined"][()] == 1
    stages = found["sluicegate_stage_seconds_count"]
    assert stages[(("stage", "fetch"),)] == stages[(("stage", "apply"),)] == 2
    buckets = {
        dict(labels)["le"]: n
        for labels, n in found["sluicegate_stage_seconds_bucket"].items()
        if ("stage", "fetch") in labels
    }
    for name in ("cpu_seconds_total", "queue_seconds_total", "peak_bytes"):
        assert found[f"sluicegate_stage_{name}"][(("stage", "embed"),)] > 0, name
    assert found["sluicegate_stage_bytes_total"][(("stage", "embed"),)] == len("one text" + "another text")
    assert found["sluicegate_stage_items_total"][(("stage", "embed"),)] == 2
    assert found["sluicegate_failures_total"][(("failure", "malformed"),)] == 1
    assert buckets["+Inf"] == 2 and list(buckets.values()) == sorted(buckets.values())


def test_sources_are_told_by_their_ids_alone():
    stopped = make_source(name="/home/ann/private", paused=True, last_error="away", deletions_held=7)
    labels = (("kind", "local_files"), ("source", str(stopped.pk)))

    found = told()

    assert [found[f"sluicegate_source_{name}"][labels] for name in ("paused", "failing", "deletions_held")] == [1, 1, 7]
    assert b"private" not in metrics.exposition()


def test_it_takes_as_many_statements_however_much_there_is(django_assert_max_num_queries: Callable) -> None:
    for _ in range(12):
        make_run("quarantined", source=make_source())
    while roll():
        pass
    with django_assert_max_num_queries(8):
        metrics.of_the_ledger()


@pytest.mark.usefixtures("silent_database")
def test_while_the_database_is_silent_that_is_told_and_what_the_broker_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "WITHIN_S", 0.5)

    found = told()

    assert (found["sluicegate_database_up"][()], found["sluicegate_broker_up"][()]) == (0, 1)
    assert "sluicegate_waiting" not in found


def test_who_brings_no_token_is_told_nothing(client: Client, settings) -> None:
    def ask(**headers: str) -> int:
        return int(client.get("/metrics", headers=headers).status_code)

    settings.METRICS_TOKEN = None
    assert ask() == ask(authorization="Bearer ") == ask(authorization="Bearer None") == 401
    settings.METRICS_TOKEN = SecretStr("a token of ours")
    assert ask() == ask(authorization="Bearer ") == ask(authorization="Bearer another") == 401
    assert ask(authorization="Bearer a token of ours") == 200


def test_alerts_and_dashboard_ask_for_what_is_told_and_each_alert_has_its_page() -> None:
    make_source()
    rules = [
        rule
        for group in yaml.safe_load((FOLDER / "monitoring/alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    panels = json.loads((FOLDER / "monitoring/dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [panel["targets"][0]["expr"] for panel in panels]
    known = {family.name for family in metrics.Ledger().collect()}
    known |= {f"{name}{end}" for name in known for end in ("_total", "_bucket")}

    assert {name for expr in asked for name in re.findall(r"sluicegate_\w+", expr)} <= known
    for rule in rules:
        page = (FOLDER / "runbooks" / rule["annotations"]["runbook"]).read_text()
        assert page.startswith(f"# {rule['alert']}: ")
