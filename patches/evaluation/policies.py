"""The policies that people made, version by version."""

from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from handoffs.models import Reflection
from patches.evaluation.policy import BadPolicy, Policy, read
from patches.models import GatePolicy


def current(reflection_id: int) -> Policy:
    """The policy in force; the defaults where nobody made one."""
    row = GatePolicy.objects.filter(reflection=reflection_id).order_by("-version").first()
    return read(row.body, name=row.name, version=row.version) if row else read({})


def in_force(reflections: QuerySet[Reflection]) -> list[tuple[Reflection, GatePolicy | None]]:
    """Each of the reflections with the policy in force there; None where it is the defaults. Two statements."""
    latest = GatePolicy.objects.filter(reflection__in=reflections).order_by("reflection", "-version")
    made = {policy.reflection_id: policy for policy in latest.distinct("reflection")}
    return [(reflection, made.get(reflection.pk)) for reflection in reflections.order_by("name")]


def publish(reflection: Reflection, name: str, body: Any, *, by: str, why: str) -> GatePolicy:
    """Put a policy in force from now on, as the reflection's next version. Raises BadPolicy.

    What was judged before keeps its verdict, which names the version that it was judged by.
    """
    policy = read(body)
    if not why.strip():
        raise BadPolicy("say why the policy changes")
    with transaction.atomic():
        Reflection.objects.select_for_update().get(pk=reflection.pk)  # two at once get numbers one after the other
        versions = GatePolicy.objects.filter(reflection=reflection)
        last = versions.aggregate(last=Max("version"))["last"] or 0
        return GatePolicy.objects.create(
            reflection=reflection, name=name, version=last + 1, body=body, digest=policy.digest, by=by, why=why
        )
