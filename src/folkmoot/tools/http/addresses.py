"""Addresses: which of them belong to the public internet."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from folkmoot.tools.trouble import Trouble

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses of a host. Raises Trouble when it has none."""

_UNICAST6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ASSIGNED4 = ip_network("192.0.0.0/24")  # protocol assignments: never a server of the public


def public(address: str) -> bool:
    """Whether an address is one of the public internet's, and hides none that is not."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _public4(ip) if isinstance(ip, IPv4Address) else _public6(ip)


def _public4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and ip not in _ASSIGNED4


def _public6(ip: IPv6Address) -> bool:
    """Look through the forms that carry an IPv4 address: the packet goes there."""
    if ip.ipv4_mapped is not None:
        return _public4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _public4(IPv4Address(ip.packed[-4:]))
    if ip.sixtofour is not None and not _public4(ip.sixtofour):
        return False
    return ip in _UNICAST6 and ip.is_global


def is_literal(host: str) -> bool:
    """Whether a host is written as an address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a host, in the system's order."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Trouble("HOST_UNKNOWN", f"The host {host!r} has no address.") from None
    return list(dict.fromkeys(str(place[4][0]).partition("%")[0] for place in found))
