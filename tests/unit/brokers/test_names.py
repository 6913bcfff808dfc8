"""How URLs, topics and bodies are written for servers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.brokers import address
from folkmoot.brokers.nats.exchange import subject as wanted_subject
from folkmoot.brokers.nats.subjects import subject, subjects, topic
from folkmoot.brokers.postgres.exchange import expression, statements
from folkmoot.brokers.postgres.pieces import LIMIT, Pieces, cut
from folkmoot.brokers.redis.channels import glob
from folkmoot.core.events import Event, matches

WORDS = st.sampled_from(["a", "b", "run", "x?", "[y]", "c*"])
TOPICS = st.lists(WORDS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "run", "x?", "[y]", "*", "#"]), min_size=1, max_size=4
)


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        ("redis://:s3cret@host:6379/1?prefix=x:", "redis://host:6379/1", "s3cret"),
        ("amqp://me:s3%2Fcret@host/vhost", "amqp://host/vhost", "s3/cret"),
        ("nats://s3cret@host:4222", "nats://host:4222", "s3cret"),
        ("postgres://me@host/db?password=s3cret", "postgres://host/db", "s3cret"),
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(url, shown, secret):
    read = address.read(url)
    assert (read.shown, repr(read)) == (shown, f"Address({shown})")
    assert "cret" not in read.clean(f"{url} was refused: {secret} is wrong")


def test_the_prefix_is_ours_and_other_options_are_the_librarys():
    read = address.read("redis://host/0?prefix=t%3A&health_check_interval=3")
    assert (read.prefix, read.url) == ("t:", "redis://host/0?health_check_interval=3")


def server_glob(pattern, text):
    """Match as Redis does: fnmatch, with escapes."""
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\*", pattern)]
    return re.fullmatch(".*".join(re.escape(part) for part in parts), text, re.DOTALL) is not None


@given(PATTERNS.map(".".join), TOPICS)
def test_a_glob_fits_at_least_what_the_pattern_fits(pattern, found):
    if matches(pattern, found):
        assert server_glob(glob(pattern), found)


def nats_fits(wanted, found):
    """Match as NATS does: * is a word, > is one or more at the end."""
    wanted, found = wanted.split("."), found.split(".")
    if wanted[-1] == ">":
        wanted.pop()
        if len(found) <= len(wanted):
            return False
        found = found[: len(wanted)]
    return len(wanted) == len(found) and all(
        want in {"*", word} for want, word in zip(wanted, found, strict=True)
    )


@given(PATTERNS.map(".".join), TOPICS)
def test_subjects_fit_at_least_what_the_pattern_fits_and_once(pattern, found):
    fitting = sum(nats_fits(each, subject(found)) for each in subjects(pattern))
    assert fitting == 1 if matches(pattern, found) else fitting <= 1


KINDS = st.lists(st.sampled_from(["a", "b", "run", "a-b"]), min_size=1, max_size=4).map(".".join)
WANTED = st.lists(st.sampled_from(["a", "b", "run", "a-b", "*", "#"]), min_size=1, max_size=4)


@given(WANTED.map(".".join), KINDS)
def test_an_expression_fits_what_the_pattern_fits(pattern, found):
    assert bool(re.search(expression(pattern), f".{found}")) == matches(pattern, found)


@given(WANTED.map(".".join), KINDS)
def test_the_subject_of_a_subscription_fits_at_least_what_the_pattern_fits(pattern, found):
    if matches(pattern, found):
        assert nats_fits(wanted_subject(pattern), f"{found}.normal")


def test_statements_for_events_name_our_tables_only():
    for text in statements("x_").values():
        assert "{" not in text
    assert '"x_folkmoot_events"' in statements("x_")["take"]


@given(st.text(alphabet="ab.*> %#\u00e4\t", min_size=1))
def test_any_topic_survives_as_a_subject(text):
    written = subject(text)
    assert topic(written) == text
    assert all(written.split("."))
    assert not set(written) & set("*> \t")


@given(st.binary(max_size=30_000) | st.text(max_size=9000).map(str.encode))
def test_an_event_survives_as_notifications(body):
    texts = cut("name-1", Event("a.b", body))
    assert texts
    assert all(len(text.encode()) < LIMIT + 100 for text in texts)
    pieces = Pieces()
    assert [pieces.add(text) for text in texts] == [None] * (len(texts) - 1) + [Event("a.b", body)]


def test_who_begins_to_listen_in_the_middle_of_an_event_does_not_hear_half_of_it():
    texts = cut("name-1", Event("a", b"x" * 20_000 + b"\xff"))
    pieces = Pieces()
    assert [pieces.add(text) for text in texts[1:]] == [None] * (len(texts) - 1)
