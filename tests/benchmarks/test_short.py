"""The short form of every measurement runs to its end; how fast is not asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(results: Path, *options: str) -> tuple[str, dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks", "--short", "--results", str(results), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    [kept] = results.glob("*.json")
    return done.stdout, json.loads(kept.read_text())


@pytest.mark.parametrize(
    ("only", "title", "documents"), [("orchestration", "orchestration only", 60), ("pipeline", "full pipeline", 2)]
)
def test_a_comparison_prints_and_keeps_its_ratio(tmp_path: Path, only: str, title: str, documents: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text(f"Ann Smith has been the director of the {name} trust since 2019.")

    said, kept = bench(tmp_path / "results", "--only", only, "--handoffs", "60", "--folder", str(folder))

    assert f"{title}: " in said
    assert f"RATIO {kept['ratios'][title]['ratio']:.2f}" in said
    assert kept["ratios"][title]["ratio"] > 0
    assert kept["surroundings"]["commit"] and kept["surroundings"]["machine"]
    assert documents in {measured["documents"] for measured in kept["measurements"]}


def test_a_flight_of_eight_times_the_runs_asks_no_more_statements_of_any_stage(tmp_path: Path) -> None:
    said, kept = bench(tmp_path / "results", "--only", "statements")

    few, many = ({stage: count for stage, (count, _) in kept["statements"][size].items()} for size in ("8", "64"))
    assert list(few) == ["dispatch", "fetch", "chunk", "embed", "entity", "fact", "eval", "apply"]
    assert few == many
    assert "constant: yes" in said


@pytest.mark.parametrize(
    ("only", "key", "part"),
    [
        ("asof", "as_of", "answered"),
        ("recall", "recall", "recall"),
        ("changes", "changes", "revert"),
        ("gate", "gate", "checks"),
        ("watch", "watching", "p95_s"),
    ],
)
def test_a_measurement_prints_and_keeps_its_figures(tmp_path: Path, only: str, key: str, part: str) -> None:
    said, kept = bench(tmp_path / "results", "--only", only)

    assert "budget" in said
    assert kept[key][part] > 0


def test_the_claims_are_measured_on_a_ledger_that_is_filled_by_hand(tmp_path: Path) -> None:
    said, kept = bench(tmp_path / "results", "--only", "claims")

    assert "claim of a flight" in said
    assert kept["claims"]["flights"] > 0


def test_the_console_is_measured_on_a_store_that_is_filled_by_hand(tmp_path: Path) -> None:
    said, kept = bench(tmp_path / "results", "--only", "admin")

    assert "budget" in said
    assert {"home", "list", "filter", "two filters", "deep", "search", "row"} <= set(kept["admin"]["kinds"])
    assert all(kind["p95_ms"] > 0 and kind["statements"] for kind in kept["admin"]["kinds"].values())


def test_the_processes_that_run_for_long_are_looked_at_all_along(tmp_path: Path) -> None:
    said, kept = bench(tmp_path / "results", "--only", "memory")

    assert said.count("budget") == 2
    assert all(kept["memory"][name]["ratio"] > 0 for name in ("console", "worker"))
