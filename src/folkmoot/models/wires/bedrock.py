"""AWS Bedrock's converse, through boto3.

boto3 blocks: each call holds a thread of the process's pool (40 by default) while it waits, and a
request whose task is cancelled is dropped when its answer's head arrives, or at once when the answer
has begun. For that reason the wire always streams.

Credentials, in this order: a bearer token (api_key_env, or AWS_BEARER_TOKEN_BEDROCK), a key pair
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), and, only when `options.credentials`
is `chain`, whatever boto3 finds on the machine (profiles, roles). The region is `options.region`,
AWS_REGION or AWS_DEFAULT_REGION.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.session import Session  # type: ignore[import-untyped]
from botocore.tokens import FrozenAuthToken  # type: ignore[import-untyped]
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.providers.bedrock import BedrockProvider

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid, ModelAuth, ModelRejected
from folkmoot.models.wires import options
from folkmoot.models.wires.client import CONNECT_S
from folkmoot.models.wires.endpoint import check, key
from folkmoot.models.wires.faults import Cleaner
from folkmoot.models.wires.wire import Wire, Wired

_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_CONNECTIONS = 100
_KINDS = (
    (NoCredentialsError, ModelAuth),
    (PartialCredentialsError, ModelAuth),
    (CredentialRetrievalError, ModelAuth),
    (TokenRetrievalError, ModelAuth),
    (BotoCoreError, ModelRejected),
)


class _Bearer(Session):  # type: ignore[misc]
    """A session that knows a bearer token and nothing else."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._bearer = token

    def get_auth_token(self, **_: Any) -> FrozenAuthToken:
        """Return the token."""
        return FrozenAuthToken(self._bearer)

    def get_credentials(self) -> None:
        """Return nothing: no key of the machine is used beside the token."""


def bedrock(choice: ModelChoice, env: Mapping[str, str]) -> Wire:
    """Return Bedrock's converse API. Raises Invalid or ModelAuth."""
    options.check(choice)
    if choice.base_url:
        check(choice.base_url)
    try:
        secrets, runtime = _client(choice, env)
    except BotoCoreError as fault:
        raise Invalid(f"AWS's library cannot serve the model {choice}: {fault}") from None
    provider = BedrockProvider(bedrock_client=runtime)

    async def close() -> None:
        await asyncio.to_thread(runtime.close)

    return Wire(
        Wired(
            library=BedrockConverseModel(choice.name, provider=provider),
            maker=choice.provider,
            prefix="bedrock_",
            clean=Cleaner(*secrets),
            close=close,
            kinds=_KINDS,
            trace_header="",
            streams_always=True,
            native_output=options.native_output(choice),
            plain_names=True,
        )
    )


def _client(choice: ModelChoice, env: Mapping[str, str]) -> tuple[tuple[str, ...], Any]:
    """Return the secrets, and the client that uses them."""
    secrets, session, signature = _session(choice, env)
    return secrets, session.client(
        "bedrock-runtime",
        region_name=_region(choice, env),
        endpoint_url=choice.base_url or None,
        config=Config(
            connect_timeout=min(choice.timeout_s, CONNECT_S),
            read_timeout=choice.timeout_s,
            retries={"total_max_attempts": 1},
            max_pool_connections=_CONNECTIONS,
            signature_version=signature,
        ),
    )


def _session(
    choice: ModelChoice, env: Mapping[str, str]
) -> tuple[tuple[str, ...], boto3.Session, str | None]:
    """Return the secrets, a session that holds them, and how requests are signed."""
    if choice.api_key_env or env.get(_BEARER):
        token = key(choice.api_key_env or _BEARER, env, choice)
        return (token,), boto3.Session(botocore_session=_Bearer(token)), "bearer"
    if any(env.get(name) for name in _PAIR):
        pair = [key(name, env, choice) for name in _PAIR]
        token = env.get("AWS_SESSION_TOKEN", "")
        session = boto3.Session(
            aws_access_key_id=pair[0],
            aws_secret_access_key=pair[1],
            aws_session_token=token or None,
        )
        return (*pair, token), session, None
    if choice.options.get("credentials") == "chain":
        return (), boto3.Session(profile_name=env.get("AWS_PROFILE")), None
    raise ModelAuth(
        f"The model {choice} needs credentials: {_BEARER}, or {_PAIR[0]} and {_PAIR[1]}.",
        todo="Set them, or let AWS's own chain look for some with options.credentials: chain.",
    )


def _region(choice: ModelChoice, env: Mapping[str, str]) -> str:
    region = choice.options.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    if not region:
        raise Invalid(f"The model {choice} needs a region: options.region, or AWS_REGION.")
    return str(region)
