"""A provider's wire as a Model: one attempt, streamed where somebody listens, every failure a ModelFault.

What ends a call: its reply; its time (`timeout_s` of the choice, from sending to the last byte);
the cancelling of its task, which closes the connection. The library is given clients that never
retry. A stream counts as whole when the provider said why it stopped; one that just ends was cut.

Usage is what the provider counted. A provider that counts nothing (some compatible servers do) is
counted by the rough rule of `counting`: unknown spend must not be free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import (
    InstructionPart,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model as Library
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition

from folkmoot.core.errors import ModelFault, ModelTimeout, ReplyGarbled
from folkmoot.core.messages import ToolCall
from folkmoot.core.spend import Usage
from folkmoot.models.counting import rough_usage
from folkmoot.models.wires import conversation
from folkmoot.models.wires.faults import Cleaner
from folkmoot.models.wires.reader import Kinds, Reader
from folkmoot.models.wires.settings import checked
from folkmoot.ports.model import Answer, Delta, Request

TRACE_HEADER = "X-Client-Request-Id"
_MOST_TOKENS = 1_000_000_000


class Wired(msgspec.Struct, kw_only=True):
    """What makes one wire: the library's model, its clients' end, and what this provider needs.

    `maker` marks thoughts as this provider's; `prefix` is that of its settings, which `settle` may
    change for one request; `streams_always` where only a stream can be broken off; `native_output`
    where the provider may be asked to keep to a schema; `plain_names` where ids and names of calls
    must be of letters, digits, `_` and `-`.
    """

    library: Library
    maker: str
    prefix: str
    clean: Cleaner
    close: Callable[[], Awaitable[None]]
    settle: Callable[[dict[str, Any], Request], dict[str, Any]] | None = None
    kinds: Kinds = ()
    trace_header: str = TRACE_HEADER
    streams_always: bool = False
    native_output: bool = True
    plain_names: bool = False


class Wire:
    """A Model over one library model and its connections."""

    def __init__(self, wired: Wired) -> None:
        """Take over a library model and its clients."""
        self._wired = wired
        self._reader = Reader(wired.clean, wired.kinds)

    async def call(self, request: Request, delta: Delta | None = None) -> Answer:
        """Ask once."""
        about, limit = f"The model {request.choice}", request.choice.timeout_s
        try:
            settings = self._settings(request)
            async with asyncio.timeout(limit):
                return await self._ask(request, settings, delta)
        except TimeoutError:
            failure: ModelFault = ModelTimeout(f"{about} did not answer within {limit:g} s.")
        except Exception as error:  # noqa: BLE001 - the port promises a ModelFault and nothing else
            failure = self._reader.read(error, about, time.time())
        # Raised outside of the handler: a fault must not carry the library's exception, whose
        # request holds the key in its headers.
        raise failure

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        await self._wired.close()

    async def _ask(self, request: Request, settings: dict[str, Any], delta: Delta | None) -> Answer:
        """Ask with the schema of the output where the provider takes one, else without.

        The library refuses a schema that the provider cannot keep to before anything is sent; the
        program checks the reply in any case.
        """
        plain = _parameters(request)
        shaped = self._with_output(request, settings, plain)
        try:
            response = await self._send(request, settings, shaped, delta)
        except UserError:
            if shaped is plain:
                raise
            response = await self._send(request, settings, plain, delta)
        return self._answer(request, response, streamed=delta is not None)

    def _with_output(
        self, request: Request, settings: dict[str, Any], plain: ModelRequestParameters
    ) -> ModelRequestParameters:
        """Return the parameters with the output's schema, if there is one that can be sent."""
        if request.output is None or not self._keeps_to(request.output):
            return plain
        shaped = _shaped(plain, request.output)
        try:
            self._wired.library.prepare_request(settings, shaped)
        except Exception:  # noqa: BLE001 - the library has many ways to say that it cannot
            return plain
        return shaped

    async def _send(
        self,
        request: Request,
        settings: dict[str, Any],
        parameters: ModelRequestParameters,
        delta: Delta | None,
    ) -> ModelResponse:
        library = self._wired.library
        messages = conversation.to_wire(
            request.messages,
            library,
            self._wired.maker,
            tools=bool(request.tools),
            plain=self._wired.plain_names,
        )
        if library.profile.get("may_tokenize_special_tokens_in_content", False):
            # An open model's server may read "<|im_end|>" in a tool's result as the end of a turn.
            messages = library.prepare_messages(messages, parameters)
        if delta is None and not self._wired.streams_always:
            return await library.request(messages, settings, parameters)
        async with library.request_stream(messages, settings, parameters) as stream:
            async for event in stream:
                piece = _piece(event)
                if piece and delta is not None:
                    delta(piece)
        return stream.get()

    def _settings(self, request: Request) -> dict[str, Any]:
        settings = dict(checked(request.choice.settings, self._wired.prefix))
        if request.effect and self._wired.trace_header:
            headers = {self._wired.trace_header: request.effect}
            settings["extra_headers"] = headers | settings.get("extra_headers", {})
        settle = self._wired.settle
        return settings if settle is None else settle(settings, request)

    def _keeps_to(self, schema: dict[str, Any]) -> bool:
        able = self._wired.library.profile.get("supports_json_schema_output", False)
        return self._wired.native_output and bool(able) and schema.get("type") == "object"

    def _answer(self, request: Request, response: ModelResponse, *, streamed: bool) -> Answer:
        text, calls = conversation.text_of(response), conversation.calls_of(response)
        details = response.provider_details or {}
        usage = _usage(response) or rough_usage(request, text, calls)
        finish = _finish(response, calls)
        told = finish not in {"stop", "tools"} or not streamed or details.get("finish_reason")
        if not finish or not told:
            raise ReplyGarbled(f"The model {request.choice} broke off its reply before its end.")
        if finish == "filtered":
            text = text or self._wired.clean(str(details.get("refusal", "")))
        elif finish == "stop" and not text:
            raise ReplyGarbled(
                f"The model {request.choice} gave an empty reply.",
                usage={"input": usage.input, "output": usage.output},
            )
        return Answer(
            text=text,
            calls=calls,
            thoughts=conversation.thoughts_of(response, self._wired.maker),
            usage=usage,
            finish=finish,
            model=response.model_name or request.choice.name,
        )


def _parameters(request: Request) -> ModelRequestParameters:
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name, description=tool.description, parameters_json_schema=tool.schema
            )
            for tool in request.tools
        ],
        instruction_parts=[InstructionPart(content=request.system)] if request.system else [],
    )


def _shaped(plain: ModelRequestParameters, schema: dict[str, Any]) -> ModelRequestParameters:
    return ModelRequestParameters(
        function_tools=plain.function_tools,
        instruction_parts=plain.instruction_parts,
        output_mode="native",
        output_object=OutputObjectDefinition(json_schema=schema, name="output"),
    )


def _piece(event: ModelResponseStreamEvent) -> str:
    """Return the text that an event of a stream brings."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return str(event.part.content)
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return str(event.delta.content_delta)
    return ""


def _usage(response: ModelResponse) -> Usage | None:
    """Return what the provider counted, or None when it counted nothing, or what cannot be."""
    counted = response.usage
    most = max(counted.input_tokens, counted.output_tokens)
    if not 0 < most <= _MOST_TOKENS:
        return None
    return Usage(
        counted.input_tokens,
        counted.output_tokens,
        counted.cache_read_tokens,
        counted.cache_write_tokens,
    )


def _finish(response: ModelResponse, calls: tuple[ToolCall, ...]) -> str:
    """Return why the reply ended, or nothing when it did not."""
    reason = response.finish_reason
    if reason == "length":
        return "length"
    if reason == "content_filter":
        return "filtered"
    if reason == "error" or (
        reason is None and not (response.provider_details or {}).get("finish_reason")
    ):
        return ""
    return "tools" if calls else "stop"
