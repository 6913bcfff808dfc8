"""Perform a model call: one attempt, timed, streamed, told as an entry.

A failure is an expected outcome: it becomes a ModelFailed entry that says whether, when and with which
model it is tried again. Order: the same model up to its `retries`, waiting as long as the provider asks
(Retry-After) or 0.5·2^n s with jitter, at most 30 s; then the agent's fallbacks, in order; then nobody.
A 429 is told to the fleet (rates.py), so that all ask less often.
A breaker is open after repeated failures (breakers.py). Being refused by one counts as a failed attempt
that costs nothing; where there is a fallback, it is asked at once.
Calls that ended unseen (time-out, cut stream) may be billed: their estimate is counted as uncertain.
"""

import asyncio

import msgspec

from folkmoot.core import breaker as br
from folkmoot.core.agent import Agent, ModelChoice
from folkmoot.core.effects import effect_id
from folkmoot.core.entries import ModelFailed, ModelReplied
from folkmoot.core.errors import (
    FolkmootError,
    ModelFault,
    ModelTimeout,
    ModelUnreachable,
    Overloaded,
    RateLimited,
    ReplyGarbled,
)
from folkmoot.core.events import Event
from folkmoot.core.messages import Thought, ToolCall, whole, wholly
from folkmoot.core.steps import CallModel
from folkmoot.core.view import View
from folkmoot.flow.alarms import Alarms
from folkmoot.flow.breakers import Breakers
from folkmoot.flow.kit import Kit
from folkmoot.flow.parts import Parts
from folkmoot.flow.rates import Rates
from folkmoot.ports.broker import Broker
from folkmoot.ports.model import Answer, Delta, Request

_UNSEEN = (ModelTimeout, ReplyGarbled)
_STRAIN = (ModelTimeout, ModelUnreachable, Overloaded)
# The adapter broke, or could not be made: it says nothing about the provider.
_DEFECT = ModelFault
_FIRST_S, _MOST_S = 0.5, 30.0
_FLUSH_S = 0.05
_TOGETHER_S = 0.001


def current(agent: Agent, view: View) -> ModelChoice:
    """Return the model that is to be asked now: the agent's own, or the fallback in use."""
    return _line(agent).get(view.model, agent.model) if view.model else agent.model


class ModelCaller:
    """Makes calls."""

    def __init__(self, parts: Parts, rates: Rates) -> None:
        """Start with all breakers closed; `rates` hear of refusals."""
        self._parts = parts
        self._rates = rates
        self._warm: set[str] = set()
        self._alarms = Alarms()
        self._breakers = Breakers(parts.clock, self._alarms)

    async def call(
        self, kit: Kit, view: View, step: CallModel, choice: ModelChoice, bound: int
    ) -> ModelReplied | ModelFailed:
        """Make one attempt at `view.model_call`; return what is to be written.

        `bound`: the most tokens that the reply may have, 0 for no bound of ours.
        """
        run, call = view.run, view.model_call
        clock, reply = self._parts.clock, step.purpose == "reply"
        request = Request(
            choice=_bounded(choice, bound),
            system=step.system,
            messages=step.messages,
            tools=kit.views if step.tools else (),
            output=kit.agent.output.schema if kit.agent.output and reply else None,
            effect=effect_id(run, view.head.seq, call),
        )
        began = clock.monotonic()
        try:
            patience_s = 0.0 if _next(kit.agent, view) else choice.timeout_s
            if reply:
                answer = await self._streamed(run, request, choice, patience_s)
            else:
                answer = await self._attempt(request, choice, None, patience_s)
                if not answer.text.strip():
                    raise ReplyGarbled(f"{choice} gave an empty summary.", kept="All messages.")
        except ModelFault as fault:
            if isinstance(fault, RateLimited):
                await self._rates.refused(self._rates.lane(choice), fault.retry_after)
            return self._failed(fault, kit.agent, view, choice)
        calls, thoughts = _kept(answer)
        price = self._parts.price(choice, answer.model or choice.name, answer.usage.input)
        return ModelReplied(
            call=call,
            model=str(choice),
            text=whole(answer.text),
            calls=calls,
            thoughts=thoughts,
            usage=answer.usage,
            nanos=price.of(answer.usage) if price else 0,
            finish=answer.finish,
            ms=round((clock.monotonic() - began) * 1000),
            purpose=step.purpose,
            upto=step.upto,
        )

    async def _streamed(
        self, run: str, request: Request, choice: ModelChoice, patience_s: float
    ) -> Answer:
        """Call, and tell what is said so far to whoever listens, or begins to while it is said."""
        stream = Stream(self._parts.broker, f"run.{run}.delta")
        try:
            return await self._attempt(request, choice, stream.add, patience_s)
        finally:
            await stream.end()

    async def _attempt(
        self, request: Request, choice: ModelChoice, delta: Delta | None, patience_s: float
    ) -> Answer:
        """Call through the breaker, within the time-out."""
        breakers, place = self._breakers, choice.place
        probe = await breakers.admit(place, patience_s)
        try:
            answer = await self._within(request, choice, delta)
        except _STRAIN:
            breakers.report(place, br.fail)
            raise
        except (ModelFault, asyncio.CancelledError) as fault:
            if isinstance(fault, ModelFault) and type(fault) is not _DEFECT:
                breakers.report(place, br.succeed)
            elif probe:
                breakers.release(place)
            raise
        breakers.report(place, br.succeed)
        return answer

    async def _within(self, request: Request, choice: ModelChoice, delta: Delta | None) -> Answer:
        """Call within the time-out. Raises ModelFault and nothing else."""
        try:
            if choice.provider not in self._warm:
                await self._parts.warm(choice)
                self._warm.add(choice.provider)
            call = self._parts.model(choice).call(request, delta)
            return await self._alarms.limited(call, choice.timeout_s)
        except TimeoutError:
            raise ModelTimeout(f"{choice} did not answer within {choice.timeout_s:g} s.") from None
        except ModelFault:
            raise
        except FolkmootError as fault:
            raise _DEFECT(str(fault)) from None
        except Exception as fault:
            raise _DEFECT(f"The adapter of {choice} broke: {type(fault).__name__}.") from fault

    def _failed(
        self, fault: ModelFault, agent: Agent, view: View, choice: ModelChoice
    ) -> ModelFailed:
        """Decide what comes after a failure."""
        following = _next(agent, view)
        waits = not (following and fault.details.get("breaker"))
        again = fault.retryable and view.faults < choice.retries and waits
        following = "" if again else following
        return ModelFailed(
            call=view.model_call,
            model=str(choice),
            code=fault.code,
            detail=str(fault),
            retry_ms=self._delay(fault, view.faults) if again else (0 if following else None),
            next=following,
            uncertain=max(view.estimate, 0) if isinstance(fault, _UNSEEN) else 0,
        )

    def _delay(self, fault: ModelFault, tries: int) -> int:
        """Return milliseconds to wait; what the provider asks for is the least."""
        plain = min(_FIRST_S * float(2**tries), _MOST_S)
        jitter: float = 1 + self._parts.clock.entropy(1)[0] / 255 * 0.25
        return round(max(fault.retry_after or 0.0, plain * jitter) * 1000)


class Stream:
    """Gathers pieces of text and publishes them a few times a second, while somebody listens."""

    def __init__(self, broker: Broker, topic: str) -> None:
        """Nothing is begun: most calls have no listener."""
        self._broker = broker
        self._topic = topic
        self._pieces: list[str] = []
        self._over: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._wanted, self._asked_at = False, float("-inf")

    def add(self, text: str) -> None:
        """Take a piece; returns at once. Whether anybody listens is asked once for pieces that come together."""
        now = self._clock()
        if now - self._asked_at > _TOGETHER_S:
            self._wanted, self._asked_at = self._broker.heard(self._topic), now
        if not self._wanted:
            return
        self._pieces.append(text)
        if self._task is None or self._task.done():
            loop = asyncio.get_running_loop()
            self._over = loop.create_future()
            self._task = loop.create_task(self._flush(self._over))

    async def end(self) -> None:
        """Publish what is left, now: pieces must not come after the entry that has the whole."""
        if self._over is None or self._task is None:
            return
        if not self._over.done():
            self._over.set_result(None)
        await asyncio.wait({self._task})

    async def _flush(self, over: "asyncio.Future[None]") -> None:
        while self._pieces:
            await asyncio.wait({over}, timeout=_FLUSH_S)
            text, self._pieces = whole("".join(self._pieces)), []
            await self._broker.publish(Event(self._topic, msgspec.json.encode({"text": text})))


def _bounded(choice: ModelChoice, most: int) -> ModelChoice:
    """Return a choice whose replies have at most so many tokens."""
    if not most:
        return choice
    return msgspec.structs.replace(choice, settings=choice.settings | {"max_tokens": most})


def _line(agent: Agent) -> dict[str, ModelChoice]:
    """Return the models in the order in which they are asked, each under a name of its own.

    The same model may be had at several places: then it is `openai:gpt-5`, `openai:gpt-5 (2)`, ….
    """
    line: dict[str, ModelChoice] = {}
    for choice in (agent.model, *agent.fallbacks):
        name, number = str(choice), 2
        while name in line:
            name, number = f"{choice} ({number})", number + 1
        line[name] = choice
    return line


def _next(agent: Agent, view: View) -> str:
    """Return the name of the fallback after the model in use, or ""."""
    if not agent.fallbacks:
        return ""
    names = list(_line(agent))
    at = names.index(view.model) + 1 if view.model in names else 1
    return names[at] if at < len(names) else ""


def _kept(answer: Answer) -> tuple[tuple[ToolCall, ...], tuple[Thought, ...]]:
    """Return calls and thoughts as a journal can hold them: without half characters, ids differing."""
    calls, thoughts = answer.calls, answer.thoughts
    if calls or thoughts:
        try:
            msgspec.json.encode((calls, thoughts))
        except UnicodeEncodeError:
            plain = wholly(msgspec.to_builtins((calls, thoughts)))
            calls, thoughts = msgspec.convert(
                plain, tuple[tuple[ToolCall, ...], tuple[Thought, ...]]
            )
    return _unique(calls), thoughts


def _unique(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Give calls of one reply ids of their own where the model did not."""
    if len(calls) == 1 and calls[0].id:
        return calls
    seen: set[str] = set()
    out = []
    for number, call in enumerate(calls):
        name = call.id or f"call_{number}"
        while name in seen:
            name = f"{name}_{number}"
        seen.add(name)
        out.append(call if name == call.id else msgspec.structs.replace(call, id=name))
    return tuple(out)
