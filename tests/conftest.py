"""For all tests: how long hypothesis looks. `HYPOTHESIS_PROFILE=thorough` looks long, for a night."""

import os

from hypothesis import settings

# A deadline for one example would fail on a busy machine and prove nothing.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
