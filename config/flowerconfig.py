"""Read by Flower at its start, wherever that is: it is here to look at, and only the console can ask it for anything.

What Flower could do to tasks would bypass the ledger. Its password follows from the installation's secret key, so the
console, which lets people in by their roles, has the same one. Arguments of the command go before what stands here.
"""

from typing import Any

from django.conf import settings
from flower.views.monitor import Healthcheck, Metrics
from tornado.web import authenticated

LEDGER = {"sync": "occurrence"}  # by the task id's last part; else it is a flight's stage

address = "127.0.0.1"
port = settings.FLOWER_PORT
url_prefix = "flower"
basic_auth = [f"{settings.FLOWER_USER}:{settings.FLOWER_PASSWORD}"]
read_only = True
tasks_columns = "name,args,state,received,runtime,worker,uuid"
max_tasks = 20_000
purge_offline_workers = 60
inspect_timeout = 5000.0
logging = "warning"

for view in (Healthcheck, Metrics):  # the two doors that Flower leaves open
    view.get = authenticated(view.get)


def format_task(task: Any) -> Any:
    """Say where in the console the ledger's row is of which the task's id speaks."""
    row, dot, part = task.uuid.partition(".")
    task.kwargs = f"/admin/ingestion/{LEDGER.get(part, 'flight')}/{row}/change/" if dot and row.isdecimal() else ""
    return task
