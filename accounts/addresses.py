"""May we connect to an address that a tenant gave us? Resolve, unwrap, check every answer; connect to one that was checked.

A check of the name alone is worth nothing: the name may resolve to something else a moment later, and one address can be
written in many ways. So whoever connects takes `Place.ip` and sends `Place.host` as the name.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

PORTS = {"https": 443, "http": 80}
# Public by the letter of the registries, and yet inside or on a way there: shared address space, Azure's host, relays of 6to4,
# a site's own NAT64, Teredo, 6to4.
INSIDE = tuple(
    map(
        ipaddress.ip_network,
        ("100.64.0.0/10", "168.63.129.16/32", "192.88.99.0/24", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    )
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")


class Forbidden(ValueError):
    """Nobody may make us connect there; the message says why and what to do."""


class Place(Struct, frozen=True):
    """Where to connect: an address that was checked, and what to call it."""

    scheme: str
    host: str
    port: int
    ip: str


def resolve(host: str, port: int) -> Sequence[str]:
    """Raises Forbidden where there is no such host."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError:
        raise Forbidden(f"{host} cannot be found.") from None


def place_of(url: str, *, resolve: Resolve = resolve, plain_http: bool = False, allowed: Sequence[str] = ()) -> Place:
    """`allowed`: networks of the operator's own (CIDR) that may be reached although they are inside. Raises Forbidden."""
    scheme, host, port = _parts(url, plain_http=plain_http)
    answers = [ipaddress.ip_address(answer.partition("%")[0]) for answer in resolve(host, port)]
    networks = [ipaddress.ip_network(network) for network in allowed]
    for answer in answers:
        if not outside(answer) and not any(_unwrapped(answer) in network for network in networks):
            raise Forbidden(f"{host} is an address inside a network: write one that can be reached from the internet.")
    if not answers:
        raise Forbidden(f"{host} cannot be found.")
    return Place(scheme, host, port, str(answers[0]))


def _parts(url: str, *, plain_http: bool) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Forbidden("This is no address.") from None
    if parts.scheme not in ("https", *(("http",) if plain_http else ())):
        raise Forbidden("The address must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("The address must hold no user name and no password.")
    try:
        name = host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    except UnicodeError:
        raise Forbidden("The host of this address is no name.") from None
    if not name or any(letter.isspace() or letter in "\\@" for letter in name):
        raise Forbidden("The address has no host.")
    return parts.scheme, name, port or PORTS[parts.scheme]


def outside(address: IPAddress) -> bool:
    """Whether this is somebody on the internet, and nobody next to us."""
    bare = _unwrapped(address)
    if any(one in network for one in (address, bare) for network in INSIDE if network.version == one.version):
        return False
    site_local = isinstance(bare, ipaddress.IPv6Address) and bare.is_site_local
    return bare.is_global and not (bare.is_multicast or bare.is_reserved or site_local)


def _unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one, where there is one: mapped, compatible, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64 or (address in COMPATIBLE and int(address) > 0xFFFF):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
