import pytest

from folkmoot.core.address import shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://user:secret@host:6379/0?prefix=a&password=b", "redis://host:6379/0"),
        ("nats://token@host:4222", "nats://host:4222"),
        ("redis://host?prefix=a", "redis://host"),
        ("postgresql://user:se@cret?#@host/db#x", "postgresql://host/db"),
        ("sqlite:///var/lib/folkmoot.db", "sqlite:///var/lib/folkmoot.db"),
        ("memory://", "memory://"),
    ],
)
def test_nothing_secret_is_shown(url: str, said: str) -> None:
    assert shown(url) == said
