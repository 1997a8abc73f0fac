"""A connector at work for a user whom permissions stop: root they do not."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

# Root gives up its rights after the imports: the interpreter may lie where an ordinary user cannot go.
LIST = """
import json, os, pwd, sys
from ingestion.connectors import connect
port = connect(sys.argv[1], {"root": sys.argv[2]}, {})
if os.geteuid() == 0:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
print(json.dumps([[type(entry).__name__, vars(entry)] for entry in port.list({})], default=str))
"""


def listed_as_ordinary_user(kind: str, root: Path) -> list[tuple[str, dict]]:
    command = [sys.executable, "-c", LIST, kind, str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    return [(kind, fields) for kind, fields in json.loads(done.stdout)]
