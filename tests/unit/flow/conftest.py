import pytest

from folkmoot.testing.probe import Probe


@pytest.fixture
def probe() -> Probe:
    return Probe()
