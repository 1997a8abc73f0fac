"""The suite's own PostgreSQL and Valkey, in a folder of their own, whatever else runs on the machine.

A plugin, not a conftest: the settings are read before any conftest is.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

for variable in [name for name in os.environ if name.startswith("SLUICEGATE_")]:
    del os.environ[variable]
for variable in ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"):
    os.environ.pop(variable, None)
STATE_DIR = Path(tempfile.mkdtemp(prefix="sluicegate-tests-"))
os.environ["SLUICEGATE_STATE_DIR"] = str(STATE_DIR)
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="every crash point and every stage, not a sample of them")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") != "no":
        return  # the tests run in processes of their own, each with servers of its own
    from config import embedded  # noqa: PLC0415  after the folder is named

    embedded.hold(STATE_DIR)


def pytest_unconfigure() -> None:
    from config import embedded  # noqa: PLC0415

    embedded.discard(STATE_DIR)
    shutil.rmtree(STATE_DIR, ignore_errors=True)
