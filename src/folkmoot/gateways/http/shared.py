"""What every route may use, kept in the application's state and handed in by FastAPI."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import Depends, Header
from starlette.requests import Request

from folkmoot.gateways.http.probe import Probe
from folkmoot.ports.desk import Desk

Metrics = Callable[[], bytes | Awaitable[bytes]]
"""Gives the metrics page, in Prometheus' text format."""


class Shared(msgspec.Struct):
    """The desk, and what belongs to this server. `closing` is set when streams must end."""

    desk: Desk
    metrics: Metrics
    probe: Probe
    loopback: bool
    beat_s: float
    closing: asyncio.Event


async def _shared(request: Request) -> Shared:
    shared: Shared = request.app.state.shared
    return shared


async def _desk(request: Request) -> Desk:
    shared: Shared = request.app.state.shared
    return shared.desk


SharedHere = Annotated[Shared, Depends(_shared)]
DeskHere = Annotated[Desk, Depends(_desk)]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="Makes it safe to repeat the request: the same key is the same request.",
    ),
]
