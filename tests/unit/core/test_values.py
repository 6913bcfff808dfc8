"""The small words: ids, tasks, signals, effects, states, digests, sizes."""

import random
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folkmoot.core import canonical, ids, signals
from folkmoot.core.changes import Change
from folkmoot.core.effects import Effect, effect_id
from folkmoot.core.messages import Answered, Returned, Said, Thought, ToolCall, rough_tokens
from folkmoot.core.run import FINAL, Run, RunState
from folkmoot.core.task import Task

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=10,
)


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_ids_sort_by_time(one, two):
    assert (ids.make("run", one, b"\xff") < ids.make("run", two, b"\0")) == (
        one < two
    ) or one == two


def test_an_id_carries_its_time_and_its_tail():
    assert ids.make("run", 0x193A5F, b"\x01\xab") == "run_000000193a5f01ab"


@given(_json)
def test_a_digest_does_not_depend_on_the_order_of_keys(value):
    def shuffled(inner):
        if isinstance(inner, dict):
            keys = list(inner)
            random.Random(7).shuffle(keys)
            return {key: shuffled(inner[key]) for key in keys}
        return [shuffled(item) for item in inner] if isinstance(inner, list) else inner

    assert canonical.digest(shuffled(value)) == canonical.digest(value)
    assert msgspec.json.decode(canonical.encode(value)) == value


@given(_json, _json)
def test_different_values_have_different_digests(one, two):
    same = msgspec.json.encode(one, order="sorted") == msgspec.json.encode(two, order="sorted")
    assert (canonical.digest(one) == canonical.digest(two)) == same


def test_a_fingerprint_tells_tasks_apart_and_repetitions_together():
    task = Task(agent="a", input="i", labels={"x": "1", "y": "2"})
    again = Task(agent="a", input="i", labels={"y": "2", "x": "1"}, key="k", priority="high")
    assert task.fingerprint() == again.fingerprint()
    others = [
        Task(agent="b", input="i", labels=task.labels),
        Task(agent="a", input="j", labels=task.labels),
        Task(agent="a", input="i"),
        Task(agent="ai", input="", labels=task.labels),
    ]
    assert len({x.fingerprint() for x in [task, *others]}) == 5


@pytest.mark.parametrize(
    "signal",
    [
        signals.Say("\0 \U0001f98a", "ann"),
        signals.Cancel("ann", "why"),
        signals.Pause(),
        signals.Resume("ann"),
        signals.Vote("a1", approve=False, by="ann", note="no"),
        signals.Retry(),
    ],
    ids=signals.kind,
)
def test_a_signal_reads_back_as_it_was_written(signal):
    body = msgspec.json.encode(signal)
    assert signals.read(body) == signal
    assert msgspec.json.decode(body)["kind"] == signals.kind(signal)


def test_every_signal_has_a_kind_of_its_own():
    assert len({kind.__struct_config__.tag for kind in get_args(signals.AnySignal)}) == 6


def test_which_effects_need_a_start():
    assert {effect for effect in Effect if effect.needs_start} == {Effect.RECONCILABLE, Effect.ONCE}
    assert effect_id("run_1", 7, "c1") == "run_1/7/c1"


def test_which_states_are_final():
    assert {state for state in RunState if state.final} == FINAL
    assert {str(state) for state in RunState if not state.final} == {"queued", "running", "waiting"}


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        Run(id="r", agent="a", definition="d").state = RunState.FAILED
    for change in get_args(Change):
        assert change.__struct_config__.frozen, change


def test_runs_do_not_share_their_labels():
    one, two = Run(id="1", agent="a", definition="d"), Run(id="2", agent="a", definition="d")
    one.labels["a"] = "b"
    assert two.labels == {}


@pytest.mark.parametrize(
    "message",
    [
        Said("x" * 400),
        Answered("x" * 400),
        Answered(calls=(ToolCall("c", "tool", {"a": ["x" * 390]}),)),
        Answered(calls=(ToolCall("c", "tool", raw="x" * 390),)),
        Answered(thoughts=(Thought("p", {"text": "x" * 396}),)),
        Returned("c", "tool", "x" * 400),
    ],
)
def test_every_part_of_a_message_has_a_size(message):
    assert rough_tokens(message) == pytest.approx(104, abs=4)
