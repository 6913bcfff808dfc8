"""For all tests: how long hypothesis looks, and how often Python looks for what refers to itself."""

import gc
import os

from hypothesis import settings

# A deadline for one example would fail on a busy machine and prove nothing.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A sixth of the unit tier's time went into looking through modules and tests that live to the end.
gc.set_threshold(20_000, 20, 50)


def pytest_collection_finish():
    gc.collect()
    gc.freeze()
