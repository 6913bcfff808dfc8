import asyncio
import json

import pytest

from folkmoot.config import load
from folkmoot.core import entries as e
from folkmoot.core.agent import Agent, Budget, Limits, ModelChoice, ToolUse
from folkmoot.core.changes import CreateRun, PutBlob
from folkmoot.core.errors import SettingsInvalid, StoreClosed
from folkmoot.core.run import Run
from folkmoot.core.spend import Usage
from folkmoot.core.task import Task
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.telemetry.hotstate.gathering import Gathering
from folkmoot.telemetry.hotstate.keys import Keys
from folkmoot.telemetry.hotstate.mirror import Mirror
from folkmoot.telemetry.hotstate.packets import Packets
from folkmoot.testing.clock import FakeClock
from folkmoot.wiring import make_mirror


class Shelf:
    """A Redis as far as the mirror needs one. `refuse` is an outage; `lose` loses one answer."""

    def __init__(self):
        self.up = True
        self.keys = {}
        self.ends = {}
        self.sent = []
        self.refuse = self.lose = self.closed = False

    async def reached(self):
        self.up = not self.refuse
        return self.up

    async def send(self, commands):
        if self.refuse:
            self.up = False
            return False
        for verb, key, *rest in commands:
            self.sent.append((verb, key))
            getattr(self, verb)(key, *rest)
        self.up = not self.lose
        self.lose = False
        return self.up

    async def close(self):
        self.closed = True

    def SET(self, key, value, _, seconds):  # noqa: N802 - Redis names it so
        self.keys[key], self.ends[key] = json.loads(value), seconds

    def HSET(self, key, *pairs):  # noqa: N802
        self.keys.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))

    def HINCRBY(self, key, name, amount):  # noqa: N802
        there = self.keys.setdefault(key, {})
        there[name] = there.get(name, 0) + amount

    HINCRBYFLOAT = HINCRBY

    def EXPIRE(self, key, seconds):  # noqa: N802
        self.ends[key] = seconds


CREATED = e.Created(task=Task(agent="reader", input="x"), definition="d")
REPLIED = e.ModelReplied(call="c1", model="p:m", usage=Usage(input=10, output=2), nanos=500_000_000)


async def packet(run):
    return {"task_id": run.id}


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def mirror(shelf, reports):
    return Mirror(shelf, Keys("t:"), FakeClock(), packet, lambda *told: reports.append(told))


@pytest.fixture
def diary(mirror, journal):
    return journal(mirror)


async def test_a_run_shows_under_the_documented_names(mirror, shelf, diary):
    for body in (CREATED, REPLIED, e.ToolReturned(call="c", name="look", text="secret output")):
        diary.write(body, after=1000)
    await mirror.once()
    assert shelf.keys["t:agent:reader:state"] == {
        "agent_id": "reader",
        "status": "WORKING",
        "current_task": "run_1",
        "doing": "tool.returned look",
        "attempt": 1,
        "entry": 3,
        "last_activity": "1970-01-01T00:16:43.000Z",
    }
    assert shelf.keys["t:agent:reader:packet"] == {"task_id": "run_1"}
    progress = json.loads(shelf.keys["t:blackboard:run_1:progress"]["reader"])
    assert (progress["agent"], progress["entry"]) == ("reader", 3)
    numbers = shelf.keys["t:metrics:run_1"]
    assert numbers["tokens_input"] == 10
    assert numbers["cost_usd"] == 0.5
    assert (numbers["model_calls"], numbers["tool_calls"]) == (1, 1)
    assert "secret output" not in str(shelf.keys)
    assert set(shelf.ends) == set(shelf.keys)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (e.Succeeded(output="x"), "COMPLETED"),
        (e.Failed(code="X", message=""), "FAILED"),
        (e.Failed(code="X", message="", retry_ms=5), "QUEUED"),
        (e.Cancelled(), "CANCELLED"),
        (e.Refused(code="X", message=""), "REFUSED"),
        (e.Asked(question="?"), "WAITING"),
        (e.Slept(until=5), "WAITING"),
        (e.Paused(), "WAITING"),
        (e.Continued(), "WORKING"),
    ],
)
async def test_every_state_has_a_status(mirror, shelf, diary, body, status):
    diary.write(body)
    await mirror.once()
    assert shelf.keys["t:agent:reader:state"]["status"] == status


async def test_while_people_are_asked_a_run_waits_until_enough_have_answered(mirror, shelf, diary):
    asked = e.StepAsked(
        call="c", act="a", approval="ap", digest="", policy="p", reason="r", needs=2
    )
    seen = []
    for body in (
        asked,
        e.ToolReturned(call="other", name="look", text=""),
        e.StepVoted(approval="ap", by="a", approve=True),
        e.StepVoted(approval="ap", by="b", approve=True),
    ):
        diary.write(body)
        await mirror.once()
        seen.append(shelf.keys["t:agent:reader:state"]["status"])
    assert seen == ["WAITING", "WAITING", "WAITING", "WORKING"]


async def test_errors_are_counted_by_code_and_one_error_once(mirror, shelf, diary):
    denied = e.StepDenied(call="c", act="a", policy="budget", reason="r", code="BUDGET_SPENT")
    for body in (
        e.ModelFailed(call="c", model="p:m", code="MODEL_TIMEOUT"),
        e.ModelFailed(call="c", model="p:m", code="MODEL_TIMEOUT"),
        e.ToolReturned(call="c", name="x", text="", error="TOOL_FAILED"),
        e.ToolDoubted(call="c", name="x"),
        denied,
        e.Failed(code="BUDGET_SPENT", message="of the same"),
    ):
        diary.write(body)
    await mirror.once()
    wanted = {"MODEL_TIMEOUT": 2, "TOOL_FAILED": 1, "IN_DOUBT": 1, "BUDGET_SPENT": 1, "total": 5}
    assert shelf.keys["t:agent:reader:errors"] == wanted
    diary.write(e.ToolReturned(call="c", name="x", text="", error="TOOL_FAILED"))
    await mirror.once()
    assert shelf.keys["t:agent:reader:errors"]["total"] == 6


async def test_what_two_workers_did_for_a_run_adds_up(shelf, journal, mirror):
    other = Mirror(shelf, Keys("t:"), FakeClock(), packet, lambda *_: None)
    diary = journal(mirror)
    for observer in (mirror, other):
        diary.observers = [observer]
        for _ in range(2):
            diary.write(REPLIED)
        await observer.once()
    assert shelf.keys["t:metrics:run_1"]["model_calls"] == 4


async def test_what_ended_goes_sooner_than_what_waits(mirror, shelf, diary):
    diary.write(CREATED)
    await mirror.once()
    assert shelf.ends["t:metrics:run_1"] == 86_400
    diary.write(e.Succeeded(output="x"))
    await mirror.once()
    assert shelf.ends["t:metrics:run_1"] == shelf.ends["t:blackboard:run_1:progress"] == 3600
    assert shelf.ends["t:agent:reader:state"] == 86_400


async def test_a_run_at_work_says_more_about_its_agent_than_one_that_ended(mirror, shelf, journal):
    first, second = (
        journal(mirror, run=Run(id=id_, agent="reader", definition="d")) for id_ in ("r1", "r2")
    )
    first.write(REPLIED)
    second.write(e.Succeeded(output=""))
    await mirror.once()
    assert shelf.keys["t:agent:reader:state"]["current_task"] == "r1"


async def test_new_runs_beyond_the_bound_are_passed_over_and_old_ones_are_not(shelf, journal):
    gathering = Gathering(limit=2)
    mirror = Mirror(shelf, Keys(), FakeClock(), packet, lambda *_: None, gathering=gathering)
    runs = [journal(mirror, run=Run(id=f"r{n}", agent="a", definition="d")) for n in range(4)]
    runs[0].write(REPLIED)
    await mirror.once()
    for diary in runs[1:]:
        diary.write(REPLIED)
    runs[0].write(e.Succeeded(output=""))
    await mirror.once()
    assert mirror.dropped == 1
    assert "metrics:r3" not in shelf.keys
    assert shelf.keys["metrics:r0"]["status"] == "COMPLETED"


async def test_in_an_outage_nothing_is_sent_and_afterwards_the_newest_is_there(
    mirror, shelf, diary
):
    diary.write(REPLIED)
    shelf.refuse = True
    await mirror.once()
    assert not mirror.up
    for _ in range(1000):
        diary.write(REPLIED)
    diary.write(e.Succeeded(output="x"))
    await mirror.once()
    assert shelf.sent == []
    shelf.refuse = False
    await mirror.once()
    assert shelf.keys["t:agent:reader:state"]["status"] == "COMPLETED"
    assert shelf.keys["t:metrics:run_1"]["model_calls"] == 1000  # the one that was under way is not


async def test_numbers_of_which_nobody_knows_whether_they_arrived_are_not_sent_twice(
    mirror, shelf, diary
):
    diary.write(REPLIED)
    shelf.lose = True
    await mirror.once()
    await mirror.once()
    assert shelf.keys["t:metrics:run_1"]["model_calls"] == 1
    assert shelf.keys["t:agent:reader:packet"] == {"task_id": "run_1"}


async def test_it_writes_by_itself_from_start_to_stop(shelf, journal):
    clock = FakeClock()
    mirror = Mirror(shelf, Keys(), clock, packet, lambda *_: None)
    diary = journal(mirror)
    await mirror.start()
    await mirror.start()
    diary.write(CREATED)
    await clock.asleep()
    assert shelf.keys["metrics:run_1"]["status"] == "QUEUED"
    diary.write(REPLIED)
    await mirror.stop()
    assert shelf.keys["metrics:run_1"]["status"] == "WORKING"
    assert shelf.closed
    await mirror.stop()


async def test_a_defect_is_reported_and_the_next_round_comes(shelf, journal, reports):
    async def broken(_):
        raise ValueError

    clock = FakeClock()
    mirror = Mirror(shelf, Keys(), clock, broken, lambda *told: reports.append(told))
    await mirror.start()
    journal(mirror).write(REPLIED)
    await clock.asleep()
    assert reports[0][0] == "hotstate_broke"
    clock.advance(0.25)
    await clock.asleep()
    await mirror.stop()
    assert len(reports) >= 2


async def test_a_packet_is_read_once_for_each_task(shelf, journal):
    asked = []

    async def told(run):
        asked.append(run.id)
        raise StoreClosed if len(asked) == 1 else TimeoutError

    mirror = Mirror(shelf, Keys(), FakeClock(), told, lambda *_: None)
    for id_ in ("r1", "r1", "r2"):
        journal(mirror, run=Run(id=id_, agent="a", definition="d")).write(REPLIED)
        await mirror.once()
    assert asked == ["r1", "r2"]
    assert "agent:a:packet" not in shelf.keys


async def test_many_agents_get_their_packets_in_turn(shelf, mirror, journal):
    for n in range(50):
        journal(mirror, run=Run(id=f"r{n}", agent=f"a{n}", definition="d")).write(REPLIED)
    for _ in range(3):
        await mirror.once()
    assert sum(key.endswith(":packet") for key in shelf.keys) == 50


async def test_a_packet_tells_the_task_and_its_bounds_and_no_secret():
    agent = Agent(
        name="reader",
        instructions="Secret ways.",
        model=ModelChoice(provider="p", name="m"),
        tools=(ToolUse("look", {"key": "s3cret"}),),
        grants=("web:read:*",),
        denies=("web:write",),
        limits=Limits(iterations=7, usd=0.5),
        budget=Budget(usd_per_day=3),
    )
    task = Task(
        agent="reader", input="Use sk-aaaaaaaaaaaaaaaaaaaaaaaa " + "x" * 1000, deadline=1000
    )
    store = MemoryStore(FakeClock())
    await store.open()
    created = e.write(e.Head(), "r1", 0, e.Created(task=task, definition=agent.digest()))
    run = Run(id="r1", agent="reader", definition=agent.digest(), head=1)
    await store.write(CreateRun(run=run, entries=(created,)))
    packets = Packets(store)
    assert await packets.of(run) is None
    await store.write(PutBlob(digest=agent.digest(), data=agent.canonical()))
    found = await packets.of(run)
    assert found["allowed_actions"] == ["web:read:*"]
    assert found["forbidden_actions"] == ["web:write"]
    assert found["allowed_tools"] == ["look"]
    assert found["budgets"] == {"iterations": 7, "usd": 0.5, "usd_per_day": 3}
    assert found["deadline"] == "1970-01-01T00:00:01.000Z"
    assert len(found["objective"]) == 500
    for secret in ("sk-aaa", "s3cret", "Secret ways"):
        assert secret not in json.dumps(found)


@pytest.mark.parametrize(
    ("broker", "hotstate", "there"),
    [
        ("local://", "", False),
        ("redis://127.0.0.1:1/0", "", True),
        ("redis://127.0.0.1:1/0", "off", False),
        ("local://", "redis://127.0.0.1:1/0?prefix=x:", True),
        ("nats://127.0.0.1:1", "", False),
    ],
)
async def test_it_is_there_when_there_is_a_redis(broker, hotstate, there):
    mirror = make_mirror(load(broker=broker, hotstate=hotstate), None, FakeClock())
    assert (mirror is not None) == there
    await asyncio.sleep(0)


def test_what_is_no_redis_is_refused_without_being_shown():
    with pytest.raises(SettingsInvalid) as caught:
        make_mirror(load(hotstate="http://user:s3cret@host"), None, FakeClock())
    assert "s3cret" not in str(caught.value)
