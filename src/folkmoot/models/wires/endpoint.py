"""Where a provider is, and the key it gets.

The address is the agent's base_url, or else the environment's (OPENAI_BASE_URL …), or else the
provider's own. The key is the value of the variable that the agent names (api_key_env). When the
agent names none, the provider's usual variable is used, but only for the provider's own address or
the environment's: an agent file that points at a stranger must not carry our key there.

The key never shows: not in the repr, not in an error. An address with a password in it is refused.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from folkmoot.core.agent import ModelChoice
from folkmoot.core.errors import Invalid, ModelAuth

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own address, and the variables that usually hold its address and key."""

    url: str
    url_env: str
    key_env: str
    needs_key: bool = True


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An address and its key (empty: none). `own` says that it is the provider's own address."""

    url: str
    key: str
    own: bool

    def __repr__(self) -> str:
        """Return everything but the key."""
        return f"Endpoint(url={self.url!r}, key={'set' if self.key else 'none'}, own={self.own})"

    @property
    def host(self) -> str:
        """Host and port of the address."""
        return urlsplit(self.url).netloc


def find(choice: ModelChoice, env: Mapping[str, str], home: Home) -> Endpoint:
    """Return the endpoint of a choice. Raises Invalid (the address) or ModelAuth (the key)."""
    usual = env.get(home.url_env) or home.url
    url = choice.base_url or usual
    check(url)
    own = _origin(url) == _origin(home.url)
    if choice.api_key_env:
        return Endpoint(url=url, key=key(choice.api_key_env, env, choice), own=own)
    if not (own or _origin(url) == _origin(usual)):
        return Endpoint(url=url, key="", own=own)
    if not home.needs_key and not env.get(home.key_env):
        return Endpoint(url=url, key="", own=own)
    return Endpoint(url=url, key=key(home.key_env, env, choice), own=own)


def key(name: str, env: Mapping[str, str], choice: ModelChoice) -> str:
    """Return a key from the environment. Raises ModelAuth, naming the variable."""
    value = env.get(name, "").strip()
    if not value:
        raise ModelAuth(
            f"The model {choice} needs the variable {name}, which is not set.",
            todo=f"Set {name}, or name another variable in model.api_key_env.",
        )
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ModelAuth(
            f"The value of the variable {name} has characters that no key may have.",
            todo=f"Set {name} again, without white space and quotes.",
        )
    return value


def trusts_environment(env: Mapping[str, str]) -> bool:
    """Whether proxies or certificates are set: only then may the HTTP library look for itself."""
    return any(env.get(name) or env.get(name.lower()) for name in _PROXIES)


def check(url: str) -> None:
    """Raise Invalid for what is no address, or carries a password."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid(f"base_url must be an http or https address, not {parts.geturl()[:100]!r}.")
    if parts.username is not None or parts.password is not None:
        raise Invalid(
            f"The base_url at {parts.hostname} carries a name or a password.",
            todo="Take it out, and name the key's variable in model.api_key_env.",
        )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
