"""loop: reason, act, observe, again, until the model replies without asking for a tool.

calls open ............ call them (all side by side)
a question is open .... nothing: the run waits for a message
the model failed ...... again, or Fail when nobody tries any more
a conversation rests .. Drop or summarise, or nothing
too long a context .... Drop or summarise, then go on
reply without calls ... Reply; when it does not fit the output schema, Reject it (bounded)
otherwise ............. CallModel
"""

import json
from functools import lru_cache
from math import isfinite
from typing import Any

import jsonschema_rs

from folkmoot.core import canonical
from folkmoot.core.agent import Agent
from folkmoot.core.messages import Answered, Message, Returned, Said
from folkmoot.core.steps import CallModel, CallTool, Drop, Fail, Reject, Reply, Step
from folkmoot.core.view import View

_LONG = "CONTEXT_TOO_LONG"
_LONGEST_FAULT = 300


def loop(view: View, agent: Agent) -> list[Step]:
    """Return the next steps."""
    if view.pending:
        return [CallTool(pending.call) for pending in view.pending.values()]
    if view.question or view.wake_at is not None:
        return []
    if view.fault is not None and view.fault.retry_ms is None and not view.fault.next:
        return [_after_fault(view, agent)]
    if view.idle:
        step = _clip(view, agent) if agent.continuous.policy != "drop" else None
        return [] if step is None else [step]
    last = view.last
    if last is not None:
        return [_answer(last, view, agent)]
    return [_fitted(view, agent) or ask(view, agent)]


def _fitted(view: View, agent: Agent) -> Step | None:
    """Return a step that makes what the model sees fit, when it is too much and can be less."""
    if view.tokens > agent.context.max_tokens:
        return _shorten(view, agent)
    if view.turn is not None and len(view.messages) - view.shown > agent.continuous.max_history:
        return _clip(view, agent)
    return None


def ask(view: View, agent: Agent) -> CallModel:
    """Return the call that shows the model what it may still see."""
    return CallModel(system=agent.instructions, messages=shown(view))


def shown(view: View) -> list[Message]:
    """Return the messages that the model sees: the task, a summary, and what is not dropped."""
    if not view.shown:
        return view.messages
    head: list[Message] = [view.messages[view.asked]] if view.asked < view.shown else []
    if view.summary:
        head.append(Said(f"Summary of the conversation so far:\n{view.summary}", "summary"))
    return head + view.messages[view.shown :]


def _after_fault(view: View, agent: Agent) -> Step:
    fault = view.fault
    assert fault is not None
    if fault.code == _LONG:
        shorter = _shorten(view, agent)
        if shorter is not None and fault.call.endswith("reply"):
            return shorter
    return Fail(
        fault.code, f"The model {fault.model} failed: {fault.detail}", retry=fault.code != _LONG
    )


def _shorten(view: View, agent: Agent) -> Step | None:
    """Return a step that makes the context shorter, or None when nothing can be left out."""
    return _leave_out(view, agent, agent.context.policy, agent.context.keep_messages)


def _clip(view: View, agent: Agent) -> Step | None:
    """Return a step that makes a conversation's history shorter, or None as above."""
    how = agent.continuous
    keep = how.max_history if how.policy == "drop" else how.keep_messages
    return _leave_out(view, agent, how.policy, keep)


def _leave_out(view: View, agent: Agent, policy: str, keep: int) -> Step | None:
    upto = _boundary(view, keep)
    if upto <= max(view.shown, 1):
        return None
    if policy == "drop":
        return Drop(upto)
    old = shown(view)[: len(shown(view)) - (len(view.messages) - upto)]
    request = Said(SUMMARY, "context policy")
    return CallModel(
        system=agent.instructions,
        messages=[*old, request],
        tools=False,
        purpose="summary",
        upto=upto,
    )


def _boundary(view: View, keep: int) -> int:
    """Return how many messages may go: results stay with the reply that asked for them.

    What is left of a conversation begins with somebody's words, as providers want it.
    """
    upto = max(0, len(view.messages) - max(keep, 1))
    while upto > 0 and isinstance(view.messages[upto], Returned):
        upto -= 1
    end = view.asked if view.turn is not None else len(view.messages) if view.idle else 0
    while upto < end and not isinstance(view.messages[upto], Said):
        upto += 1
    return upto


def _answer(last: Answered, view: View, agent: Agent) -> Step:
    if agent.output is None:
        why = "" if last.text.strip() else _SILENCES.get(view.finish, "")
        return Fail("REPLY_EMPTY", why, retry=True) if why else Reply(last.text)
    try:
        data, reason = fit(last.text, agent.output.schema)
    except ValueError as fault:
        return Fail("INVALID_SCHEMA", f"The agent's output schema cannot be used: {fault}")
    if not reason:
        return Reply(last.text, data)
    if view.finish == "length":
        reason = f"it was cut off at its greatest length (max_tokens), so that {reason}"
    if view.rejects < agent.output.retries:
        return Reject(
            f"Your reply does not fit the output schema: {reason} Reply with the JSON only."
        )
    return Fail(
        "INVALID_OUTPUT", f"{view.rejects + 1} replies did not fit the schema: {reason}", retry=True
    )


_SILENCES = {
    "length": "The model's reply was cut off at its greatest length before its first word: it thought for "
    "too long. To do: Raise max_tokens in model.settings, or let it think less.",
    "filtered": "The model's provider held the reply back (content filter). "
    "To do: Change the task or the instructions, or use another model.",
}


def fit(text: str, schema: dict[str, Any]) -> tuple[Any, str]:
    """Return the reply's JSON value and "", or None and why it does not fit.

    A model often wraps its JSON in a Markdown fence; the fence is taken off.
    """
    body = text.strip()
    if body.startswith("```") and body.endswith("```"):
        body = body[3:-3].removeprefix("json").strip()
    try:
        data = json.loads(body, parse_constant=_number, parse_float=_number)
        canonical.encode(data)  # half a character, as in "\\ud83c", has no encoding
    except (ValueError, RecursionError) as fault:
        return None, f"it is not JSON ({fault})."
    faults = list(_validator(canonical.encode(schema)).iter_errors(data))
    if not faults:
        return data, ""
    where = [
        f"{'/'.join(str(p) for p in f.instance_path) or 'the value'}: {_short(f.message)}"
        for f in faults[:5]
    ]
    return None, "; ".join(where) + "."


def _short(message: str) -> str:
    """Return what is wrong, without the whole value in which it is wrong."""
    half = _LONGEST_FAULT // 2
    return message if len(message) <= _LONGEST_FAULT else f"{message[:half]}…{message[-half:]}"


def _number(text: str) -> float:
    """Return a number. Raises ValueError for NaN and what is infinite: the journal keeps neither."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is not a number in JSON")
    return value


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    return jsonschema_rs.validator_for(json.loads(schema), retriever=_refuse)


def _refuse(address: str) -> Any:
    """Fetch nothing: a schema that refers elsewhere would make us ask a stranger's server."""
    raise ValueError(f"{address} is outside the schema")


SUMMARY = (
    "Summarise the conversation above for your own later use: the task, what was found out, what was "
    "done and with which result, what is left to do. Leave nothing out that you will need. Text only."
)
