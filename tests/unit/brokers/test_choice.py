"""Which broker a URL means."""

import pytest

from folkmoot import wiring
from folkmoot.config import load
from folkmoot.core.errors import SettingsInvalid

URLS = [
    "redis://:s3cret@host/0",
    "rediss://:s3cret@host/0",
    "nats://me:s3cret@host",
    "amqp://me:s3cret@host/",
    "amqps://me:s3cret@host/",
    "postgres://me:s3cret@host/db",
    "postgresql://me:s3cret@host/db",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_makes_its_broker_and_connects_to_nothing(url):
    broker = wiring.make_broker(load(broker=url))
    assert {"shared", "redelivers"} <= broker.capabilities


@pytest.mark.parametrize("url", URLS)
def test_a_missing_library_is_named_with_its_extra(url, monkeypatch):
    monkeypatch.setattr(wiring, "find_spec", lambda _: None)
    with pytest.raises(SettingsInvalid, match=r"pip install 'folkmoot\[\w+\]'") as caught:
        wiring.make_broker(load(broker=url))
    assert "s3cret" not in str(caught.value)


def test_a_url_that_means_nothing_is_refused_without_its_secret():
    with pytest.raises(SettingsInvalid, match="kafka") as caught:
        wiring.make_broker(load(broker="kafka://me:s3cret@host"))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", URLS)
def test_the_secret_of_the_url_is_not_shown(url):
    settings = load(broker=url)
    assert "s3cret" not in repr(settings) + wiring.broker_shown(settings)
    assert "host" in wiring.broker_shown(settings)
