"""Whether the API answers where the settings say, and takes the key that they hold."""

from folkmoot.config import Settings
from folkmoot.ports.desk import Part

_PATIENCE_S = 6.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound


async def api(settings: Settings) -> Part:
    """Ask it; that nothing answers is no fault of a machine on which nothing was started."""
    import httpx  # noqa: PLC0415 - half a second that only the doctor needs

    host = _ANY.get(settings.host, settings.host)
    base = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    keys = settings.api_keys
    headers = {"X-API-Key": keys[0]} if keys else {}
    try:
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=_PATIENCE_S, trust_env=False
        ) as client:
            status = await client.get("/v1/status")
            ready = await client.get("/ready")
    except httpx.HTTPError as fault:
        detail = f"nothing answers at {base} ({type(fault).__name__})"
        return _part(detail, "Start `folkmoot up`, or `folkmoot api`.", critical=False)
    if status.status_code in {401, 403}:
        return _part(
            f"{base} refuses the key of FOLKMOOT_API_KEYS" if keys else f"{base} asks for a key",
            "Give both sides the same FOLKMOOT_API_KEYS.",
        )
    try:
        version, failing = status.json()["version"], ready.json()["failing"]
    except (ValueError, KeyError, TypeError):
        return _part(f"{base} is something else", "Choose another FOLKMOOT_PORT.", critical=False)
    if ready.is_success:
        return Part(name="api", ok=True, detail=f"{base}, version {version}, is ready")
    return _part(f"{base} is not ready: {', '.join(failing)}", f"See {base}/health.")


def _part(detail: str, todo: str, *, critical: bool = True) -> Part:
    return Part(name="api", ok=False, detail=detail, critical=critical, todo=todo)
