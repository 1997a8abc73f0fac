"""The gate: nothing is applied unjudged. `checks` says what is looked at, `judge` what follows from it."""
