from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core import envelope, fill, letters, moment
from folkmoot.core.envelope import Envelope
from folkmoot.core.errors import Invalid

START = {"event_id": "e-1", "event_type": "orders.created", "timestamp": "2026-01-31T12:00:00Z"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def body(**fields):
    return msgspec.json.encode({**START, **fields})


def test_an_envelope_says_all_fields_of_the_contract():
    written = msgspec.json.decode(envelope.write(Envelope(**START)))
    assert set(written) >= {
        *("event_id", "event_type", "timestamp", "source_agent_id", "source_service", "trace_id"),
        *("execution_id", "parent_event_id", "payload", "priority", "ttl_seconds"),
        *("retry_count", "max_retries"),
    }
    assert (written["priority"], written["retry_count"], written["max_retries"]) == ("normal", 0, 3)


def test_what_a_newer_sender_adds_is_passed_over():
    assert envelope.read(body(signature="x", hop_count=2)).hop_count == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": ""},
        {"event_id": "a/b"},
        {"event_id": "a\n"},
        {"event_id": 7},
        {"event_type": ""},
        {"event_type": "a..b"},
        {"event_type": "a.*"},
        {"event_type": "a b"},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-02-30T00:00:00Z"},
        {"payload": []},
        {"payload": None},
        {"priority": "urgent"},
        {"ttl_seconds": -1},
        {"retry_count": "1"},
    ],
)
def test_decoding_is_strict(fields):
    with pytest.raises(Invalid):
        envelope.read(body(**fields))


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"null", b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_envelope_is_invalid(raw):
    with pytest.raises(Invalid):
        envelope.read(raw)


@pytest.mark.parametrize(
    "payload",
    [
        {"x": "\ud800"},
        {"x": "y" * envelope.LARGEST},
        {"x": object()},
        {"x": [float("nan")]},
        {"x": {"y": float("inf")}},
    ],
)
def test_what_others_could_not_read_is_not_emitted(payload):
    with pytest.raises(Invalid):
        envelope.check(Envelope(**START, payload=payload))


def test_the_routing_key_is_type_and_priority_and_can_be_taken_apart():
    made = Envelope(**START, priority="high")
    assert made.routing_key == "orders.created.high"
    assert envelope.topic(made.routing_key) == "orders.created"
    assert envelope.topic("slack.command.deploy") == "slack.command.deploy"
    assert envelope.topic("high") == "high"


def test_a_pattern_fits_the_type_or_the_topic_by_words_never_by_parts():
    made = Envelope(**START)
    assert envelope.fits("orders.*", made)
    assert envelope.fits("#", made)
    assert envelope.fits("slack.command.*", made, "slack.command.deploy")
    for pattern in ("order.*", "orders.create", "orders", "*", "created", "rders.created"):
        assert not envelope.fits(pattern, made)


def test_a_time_to_live_counts_from_the_timestamp():
    assert Envelope(**START).expires_at() is None
    at = moment.read(START["timestamp"])
    assert Envelope(**START, ttl_seconds=1.5).expires_at() == at + 1500


def test_a_name_follows_from_its_parts_alone():
    assert envelope.name("a", 1) == envelope.name("a", 1) != envelope.name("a1")
    assert [len(part) for part in envelope.name("x").split("-")] == [8, 4, 4, 4, 12]


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999), st.integers(-23 * 60, 23 * 60))
def test_times_are_those_of_the_calendar(ms, ahead):
    there = EPOCH + timedelta(milliseconds=ms)
    assert moment.read(there.isoformat()) == moment.read(moment.write(ms)) == ms
    assert datetime.fromisoformat(moment.write(ms)) == there
    sign, minutes = "-" if ahead < 0 else "+", abs(ahead)
    zone = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert moment.read(there.replace(tzinfo=None).isoformat() + zone) == ms - ahead * 60_000


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00",
            "2026-00-01T00:00:00",
            "2026-01-00T00:00:00",
        ),
        *("0000-01-01T00:00:00", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00", "2026-01-01", ""),
    ],
)
def test_no_time_is_made_of_what_is_none(text):
    with pytest.raises(Invalid):
        moment.read(text)


def test_places_are_filled_with_text_as_it_is_and_all_else_as_json():
    values = {"payload": {"id": 7, "name": "{{ event_id }}", "list": [{"a": None}, True]}}
    text = "{{payload.id}} {{ payload.name }} {{ payload.list.0 }} {{ payload.list }} {x}"
    assert fill.fill(text, values) == '7 {{ event_id }} {"a":null} [{"a":null},true] {x}'
    assert list(fill.places(text))[:2] == ["payload.id", "payload.name"]


@pytest.mark.parametrize(
    "text", ["{{ payload.none }}", "{{ payload.list.9 }}", "{{ payload.id.x }}", "{{ none }}"]
)
def test_a_place_without_a_value_is_a_mistake_and_not_an_empty_text(text):
    with pytest.raises(Invalid):
        fill.fill(text, {"payload": {"id": 7, "list": []}})


@pytest.mark.parametrize("text", ["{{}}", "{{ a b }}", "{{ a..b }}", "{{ f(x) }} {{ . }}"])
def test_a_place_that_names_nothing_is_found_beforehand(text):
    with pytest.raises(Invalid):
        list(fill.places(text))


def test_a_letter_survives_the_store():
    letter = letters.Letter(subscription="a", id="e", event=Envelope(**START), tries=2, error="x")
    assert letters.read(letters.write(letter)) == letter
    assert letter.key == "a/e"
    with pytest.raises(Invalid):
        letters.read(b"{}")
