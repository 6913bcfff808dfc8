"""Settings: given in code, else from a file (FOLKMOOT_CONFIG), else from the environment (FOLKMOOT_…).

Each field is documented in docs/reference/settings.md; a test holds the page to this file.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from folkmoot.core import rate
from folkmoot.core.errors import SettingsInvalid

End = Literal["task.completed", "task.failed", "task.timeout", "task.cancelled"]
_PREFIX = "FOLKMOOT_"
_NEAR = 0.8
"""How alike a name in the environment must be to a setting's to be taken for a slip of the pen."""
ROLES = frozenset({"api", "coordinator", "worker"})
"""What a process may be; `folkmoot up` is all of them."""
ALONE = ROLES - {"api"}
"""What a process must be to see a run through by itself."""


class Settings(BaseSettings):
    """Everything that can be set from outside."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True, allow_inf_nan=False
    )

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    config: str = Field(
        "",
        description="A YAML file of settings, by their names in small letters: `concurrency: 20`.",
    )
    assign_url: str = Field(
        "",
        repr=False,
        pattern=r"^(https?://\S+)?$",
        description="Where this process asks what it is to be. ASSIGN_URL is taken when this is empty.",
    )
    store: str = Field(
        "sqlite:///.folkmoot/folkmoot.db",
        repr=False,
        description="Where truth is kept: memory://, sqlite:///relative.db, sqlite:////absolute.db, "
        "postgresql://user@host/db.",
    )
    broker: str = Field(
        "local://",
        repr=False,
        description="What carries hints: local://, or redis://, nats://, amqp://, postgres:// with host and port.",
    )
    agents: Annotated[tuple[str, ...], NoDecode] = Field(
        ("agents",),
        description="Where agents come from, separated by commas: folders, agent files, s3://bucket/prefix.",
    )
    agents_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s@]+)?$",
        description="Address of the S3 service for s3:// places, such as R2's; empty means AWS.",
    )
    agents_ttl_s: float = Field(
        300.0,
        gt=0,
        description="Seconds before a bucket is asked again for an agent that names no `cache`.",
    )
    agents_cache: Path = Field(
        Path(".folkmoot/agents"), description="Where what was read from buckets is kept."
    )
    plugins: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Python files that register tools, programs or models; separated by commas."
    )
    workspaces: Path = Field(
        Path(".folkmoot/workspaces"), description="Where agents without a workspace get theirs."
    )
    host: str = Field("127.0.0.1", description="Address of the HTTP API.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the HTTP API; 0 takes a free one.")
    api_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        repr=False,
        description="Keys that open the API, separated by commas. Needed unless bound to loopback.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="A port for health and metrics alone, in processes of every role; 0 is none.",
    )
    concurrency: int = Field(100, ge=1, description="Runs that one worker drives at a time.")
    queue_limit: int = Field(
        100_000, ge=1, description="Queued runs after which submitting answers QUEUE_FULL."
    )
    event_tries: int = Field(
        5, ge=1, le=20, description="Tries after which an event becomes a dead letter."
    )
    emits: Annotated[tuple[End, ...], NoDecode] = Field(
        (),
        description="Ends of any agent's runs that are published as events, separated by commas: task.completed, task.failed, task.timeout, task.cancelled.",
    )
    rates: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="How often the whole fleet may ask a provider, separated by commas, such as "
        "openai=500/min,anthropic=50/s.",
    )
    window: int = Field(
        1000,
        ge=1,
        description="Announced runs that stand in the broker at a time; the others wait in the store, "
        "where the order is fair.",
    )
    heartbeat_s: float = Field(1.5, gt=0, description="Seconds between a worker's heartbeats.")
    lease_s: float = Field(
        6.0,
        gt=0,
        description="Seconds without a heartbeat after which a worker's runs are rescued, and without "
        "a renewal after which somebody else leads.",
    )
    poll_s: float = Field(
        1.0, gt=0, description="Seconds between looks at the store for what no hint told."
    )
    grace_s: float = Field(
        10.0, ge=0, description="Seconds that steps may take to finish after SIGTERM."
    )
    stuck_s: float = Field(
        900.0,
        gt=0,
        description="Seconds without an entry after which a running run shows as stuck.",
    )
    wait_s: float = Field(
        300.0, gt=0, description="Seconds that a ready run may wait before the queue shows as slow."
    )
    keep_days: float = Field(
        0.0,
        ge=0,
        description="Days that a run is kept after its end, with its journal; 0 is for ever.",
    )
    synchronous: str = Field(
        "full", pattern="^(full|normal)$", description="SQLite's synchronous mode: full or normal."
    )
    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error."
    )
    log_format: str = Field("auto", pattern="^(auto|json|text)$", description="auto, json or text.")
    traces: str = Field(
        "",
        repr=False,
        description="OTLP/HTTP endpoint for traces; `console` prints them; empty turns them off.",
    )
    hotstate: str = Field(
        "",
        repr=False,
        description="Redis that live state is mirrored into: redis://host:port/db; empty takes the broker's, if that is Redis; `off`.",
    )
    hotstate_keep_s: float = Field(
        3600.0, gt=0, description="Seconds that the mirrored keys of a run stay after its end."
    )
    metrics_agents: int = Field(
        50, ge=0, description="Agents that get a metric label of their own; the others share one."
    )

    def __init__(self, **given: Any) -> None:
        """Take what is given, then the file, then the environment.

        Raises SettingsInvalid for a file that cannot be used and for a slip in the environment.
        """
        _check_names(os.environ)
        values = _of_file(given.get("config") or os.environ.get("FOLKMOOT_CONFIG", "")) | given
        alias = os.environ.get("ASSIGN_URL")
        if alias and "assign_url" not in values and not os.environ.get("FOLKMOOT_ASSIGN_URL"):
            values["assign_url"] = alias
        super().__init__(**values)
        self._given = given

    def anew(self, **assigned: Any) -> "Settings":
        """Return the settings as they are now: what was given, then `assigned`, file, environment.

        Raises SettingsInvalid.
        """
        return load(**(assigned | self._given))

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.heartbeat_s >= self.lease_s:
            raise ValueError(
                f"FOLKMOOT_HEARTBEAT_S ({self.heartbeat_s:g}) must be less than FOLKMOOT_LEASE_S "
                f"({self.lease_s:g}): a worker would be given up between two heartbeats"
            )
        return self

    @field_validator("rates")
    @classmethod
    def _rates(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            rate.named(one)
        return value

    @field_validator("agents", "plugins", "api_keys", "emits", "rates", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return (str(value),) if isinstance(value, Path) else value


def _check_names(env: Mapping[str, str]) -> None:
    """Refuse names like those of settings. Others that begin alike may be somebody else's."""
    for name in env:
        said = name.removeprefix(_PREFIX).lower()
        if not name.startswith(_PREFIX) or said in Settings.model_fields:
            continue
        for near in get_close_matches(said, Settings.model_fields, n=1, cutoff=_NEAR):
            raise SettingsInvalid(
                f"There is no setting {name}; did you mean {_PREFIX}{near.upper()}?",
                kept="Nothing was started.",
                todo="Correct or unset this variable (docs/reference/settings.md).",
            )


def _of_file(path: str) -> dict[str, Any]:
    """Return what a settings file says. Raises SettingsInvalid."""
    if not path:
        return {}
    import yaml  # noqa: PLC0415 - only where somebody keeps a file

    try:
        said = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as fault:
        raise _wrong_file(path, _place(fault)) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise _wrong_file(path, " ".join(str(fault).split())) from None
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise _wrong_file(path, "it is no mapping of settings")
    for name in said:
        if name not in Settings.model_fields or name == "config":
            near = get_close_matches(str(name), Settings.model_fields, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise _wrong_file(path, f"there is no setting {name!r}{hint}")
    return {name: value for name, value in said.items() if value is not None}


def _place(fault: Any) -> str:
    """Return what is wrong with YAML, and where. Never what stands there: it may be a key."""
    mark = fault.problem_mark or fault.context_mark
    quotes = type(fault).__name__ in {"ComposerError", "ConstructorError"}
    what = "this means nothing in a settings file" if quotes else fault.problem or fault.context
    return f"{what} in line {mark.line + 1}, column {mark.column + 1}" if mark else what


def _wrong_file(path: str, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"The settings file {path} cannot be used: {why}.",
        kept="Nothing was started.",
        todo="Correct it, or FOLKMOOT_CONFIG (docs/reference/settings.md).",
    )


def load(**given: Any) -> Settings:
    """Return the settings; `given` wins over the environment. Raises SettingsInvalid."""
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as fault:
        lines = [
            f"{_PREFIX}{place}: {error['msg']}" if place else error["msg"]
            for error in fault.errors(include_input=False, include_url=False)
            for place in [".".join(str(part) for part in error["loc"]).upper()]
        ]
        raise SettingsInvalid(
            "The settings have mistakes: " + "; ".join(lines),
            kept="Nothing was started.",
            todo="Correct these variables (docs/reference/settings.md).",
        ) from None
