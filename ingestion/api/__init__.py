"""The HTTP API, version 1. A module a subject; each parses, asks once, formats."""

from typing import Any

from ninja import NinjaAPI

from ingestion.api import handoffs, knowledge, references, runs
from ingestion.api.access import PerToken, Secret
from ingestion.api.problems import MEDIA_TYPE, explain_problems


class Described(NinjaAPI):
    """Says of errors that they are problem details, which Ninja would describe as plain JSON."""

    def get_openapi_schema(self, **given: Any) -> Any:
        schema = super().get_openapi_schema(**given)
        for operations in schema["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "content" in answer:  # noqa: PLR2004
                        answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
        return schema


api = Described(
    title="Sluicegate",
    version="1",
    description="Hand over references, follow what becomes of them, ask what is known. Errors are problem details.",
    urls_namespace="api",
    auth=Secret(),
    throttle=PerToken(),
    docs_url=None,
)
explain_problems(api)
for part in (references, handoffs, runs, knowledge):
    api.add_router("", part.router)
