"""identity_makes_sense: two entities that are taken for one are two, and of one kind."""

from patches.evaluation.context import Context, Judged, Measured


def sensible(batch: Judged, _: Context) -> Measured:
    merges = [(n, payload) for n, (op, payload) in enumerate(batch.patches) if op == "merge_entity"]
    alike = {n: "one already" for n, said in merges if said["entity"] == said["into"]}
    unlike = {n: "of another kind" for n, said in merges if said["type"] != said["into_type"]}
    return Measured.count(unlike | alike)
