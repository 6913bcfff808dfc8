"""The assignment: what a service tells this process to be, over HTTP, at its start and on SIGHUP.

    options of the command > assignment > settings file > environment

It is JSON (docs/reference/assignment.md). What it says about the mesh (role, expertise, peers) is kept
as data and shown; what it says about this process (`agents`, `max_tasks`) is applied. Strict in what
is known, and told about the rest: a newer service may say more than we understand.
"""

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from folkmoot.config import Settings
from folkmoot.core.errors import AssignmentInvalid, FolkmootError, SourceFault
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Part

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 10.0
_PAUSES_S = (1.0, 2.0, 4.0)
_MOST_BYTES = 1_048_576
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_OK = 200


def _places(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, list) else value


Words = tuple[Annotated[str, Field(min_length=1)], ...]


class Assignment(BaseModel):
    """What the service says. Fields that are not known here are kept in `model_extra`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    agent_id: str = ""
    role: str = ""
    expertise: Words = ()
    reports_to: str = ""
    bootstrap_peers: Words = ()
    labels: dict[str, str] = {}
    join_stagger_ms: int = Field(0, ge=0, le=600_000)
    max_tasks: int | None = Field(None, ge=1)
    agents: Annotated[Words | None, BeforeValidator(_places)] = None

    @property
    def unknown(self) -> list[str]:
        """The fields that nobody here understands."""
        return sorted(self.model_extra or {})

    def overlay(self) -> dict[str, Any]:
        """Return the settings that it decides."""
        decided = {"agents": self.agents, "concurrency": self.max_tasks}
        return {name: value for name, value in decided.items() if value is not None}

    def shown(self) -> str:
        """Return all that it says, in a line."""
        said = self.model_dump(exclude_defaults=True, exclude=set(self.model_extra or {}))
        parts = [f"{name} {_words(value)}" for name, value in said.items()]
        if self.unknown:
            parts.append(f"not understood: {', '.join(self.unknown)}")
        return "; ".join(parts) or "nothing in particular"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def read(body: bytes, place: str) -> Assignment:
    """Return the assignment. Raises AssignmentInvalid with every mistake; no value is quoted."""
    try:
        return Assignment.model_validate_json(body)
    except ValidationError as fault:
        mistakes = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']) or 'the answer'}: {error['msg']}"
            for error in fault.errors(include_input=False, include_url=False)
        )
        raise AssignmentInvalid(
            f"{place} answers no assignment: {mistakes}.", kept="What was there before."
        ) from None


async def fetch(url: str, clock: Clock) -> Assignment:
    """Ask the service, again when it may help. Raises SourceFault or AssignmentInvalid."""
    import httpx  # noqa: PLC0415 - only where somebody assigns

    place = shown(url)
    async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
        for pause in (*_PAUSES_S, None):
            words = ""
            try:
                answer = await client.get(url, headers={"Accept": "application/json"})
            except (httpx.HTTPError, httpx.InvalidURL) as fault:
                words = f"does not answer ({type(fault).__name__}: {fault})"
            else:
                words = _refusal(answer)
                if not words:
                    return read(answer.content, place)
                if answer.status_code not in _AGAIN:
                    break
            if pause is not None:
                await clock.sleep(pause)
    raise SourceFault(
        f"The assignment cannot be fetched: {place} {words}.",
        kept="What was there before.",
        todo="See whether the service runs, and whether FOLKMOOT_ASSIGN_URL is right.",
    )


def _refusal(answer: "httpx.Response") -> str:
    """Return what is wrong with an answer, apart from what it says; empty when nothing is."""
    if answer.status_code != _OK:
        return f"answers {answer.status_code}"
    if len(answer.content) > _MOST_BYTES:
        return f"answers more than {_MOST_BYTES} bytes"
    return ""


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: name, password, query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class Member:
    """This process as a member of a fleet: its settings, and the assignment on top of them."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is fetched yet."""
        self.assignment: Assignment | None = None
        self.fault: FolkmootError | None = None
        self._offered: Assignment | None = None
        self._settings, self._clock = settings, clock

    async def settle(self) -> Settings:
        """Read file and environment again, fetch the assignment, and return the settings.

        They are in force when somebody has taken them over and says so (`settled`). Raises
        SettingsInvalid, SourceFault or AssignmentInvalid.
        """
        settings = self._settings.anew()
        self._offered = None
        if settings.assign_url:
            self._offered = await fetch(settings.assign_url, self._clock)
            settings = settings.anew(**self._offered.overlay())
        return settings

    def settled(self, fault: FolkmootError | None = None) -> None:
        """Say that what `settle` gave is in force; or what kept it from being so."""
        self.fault = fault
        if fault is None:
            self.assignment = self._offered

    @property
    def stagger_s(self) -> float:
        """How long to wait before joining, so that a fleet does not come all at once."""
        return self.assignment.join_stagger_ms / 1000 if self.assignment else 0.0

    async def examine(self) -> list[Part]:
        """Ask the service, for the doctor; nothing is taken over."""
        if not self._settings.assign_url:
            return []
        try:
            await self.settle()
        except FolkmootError as fault:
            return [Part(name="assignment", ok=False, detail=fault.message, todo=fault.todo)]
        detail = self._offered.shown() if self._offered else ""
        return [Part(name="assignment", ok=True, detail=detail)]

    def part(self) -> list[Part]:
        """Return the health of the assignment; nothing where nobody assigns."""
        if self.fault is not None:
            detail = f"{self.fault.message} In force: {self._shown()}"
            return [Part(name="assignment", ok=False, detail=detail, critical=False)]
        if self.assignment is None:
            return []
        return [Part(name="assignment", ok=True, detail=self._shown(), critical=False)]

    def _shown(self) -> str:
        return self.assignment.shown() if self.assignment else "no assignment"
