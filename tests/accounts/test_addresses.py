"""Which addresses may a tenant make us connect to? The traps, one by one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import Forbidden, outside, place_of

PUBLIC = "93.184.216.34"


def answering(*answers):
    return lambda host, port: answers


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "168.63.129.16",
        "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
        "2001:0:53aa:64c:0:0:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_however_it_is_written(inside):
    assert not outside(ipaddress.ip_address(inside))
    with pytest.raises(Forbidden):
        place_of("https://hooks.example.com/x", resolve=answering(PUBLIC, inside))


def test_a_public_one_is_connected_to_as_it_was_checked():
    place = place_of("https://hooks.example.com:8443/x", resolve=answering(PUBLIC))
    assert (place.ip, place.host, place.port) == (PUBLIC, "hooks.example.com", 8443)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com", "https://"),
        ("ftp://hooks.example.com", "https://"),
        ("https://user:secret@hooks.example.com", "user name"),
        ("https://", "no host"),
        ("https://hooks.example.com:99999", "no address"),
        ("https://[::1", "no address"),
        ("https://exa mple.com", "no host"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_the_reason(url, why):
    with pytest.raises(Forbidden, match=why):
        place_of(url, resolve=answering(PUBLIC))


@pytest.mark.parametrize("written", ["127.1", "0x7f.1", "2130706433", "１２７.0.0.1", "localhost"])
def test_other_spellings_of_here_are_resolved_and_refused(written):
    with pytest.raises(Forbidden):
        place_of(f"https://{written}/")


def test_an_operator_may_allow_a_network_of_its_own():
    place = place_of("http://hooks.internal/", resolve=answering("10.1.2.3"), plain_http=True, allowed=["10.0.0.0/8"])
    assert (place.ip, place.port) == ("10.1.2.3", 80)
    with pytest.raises(Forbidden):
        place_of("http://hooks.internal/", resolve=answering("10.1.2.3", "192.168.0.1"), plain_http=True, allowed=["10.0.0.0/8"])


@given(st.ip_addresses())
def test_nothing_inside_passes(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert not outside(address)


@given(st.text())
def test_any_text_is_an_address_or_refused(text):
    try:
        ip = place_of(text, resolve=answering(PUBLIC)).ip
    except Forbidden:
        return
    assert ip == PUBLIC
