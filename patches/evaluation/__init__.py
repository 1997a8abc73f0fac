"""The gate: nothing is applied unjudged.

`checks` measures, `policy` says how much is too much, `judging` decides, `verdicts` writes it down; `shadow` is the
store as it would be with a batch in it, and `context` what a check may look at.
"""
