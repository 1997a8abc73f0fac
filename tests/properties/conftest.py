from hypothesis import settings

settings.register_profile("long", max_examples=1_000, stateful_step_count=60, deadline=None, print_blob=True)
