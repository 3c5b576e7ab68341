"""Which addresses may be called."""

from ipaddress import ip_address, ip_network

import pytest

from app.errors import Invalid
from app.notifications.addresses import addresses_of, resolve, why_not
from app.notifications.outgoing import check_url
from app.notifications.sending import NotDelivered

PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8", "64:ff9b::808:808")
NOT_PUBLIC = (
    "0.0.0.0",  # noqa: S104 - to be refused
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_may_be_called(address: str) -> None:
    assert why_not(ip_address(address)) is None


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_address_that_is_not_public_may_not_be_called(address: str) -> None:
    assert why_not(ip_address(address))


def test_network_in_the_settings_may_be_called_in_every_form() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("fd12::/16"))

    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::5"):
        assert why_not(ip_address(address), allowed=allowed) is None
    assert why_not(ip_address("10.2.0.1"), allowed=allowed)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_no_setting_opens_the_way_to_a_clouds_metadata(address: str) -> None:
    assert why_not(ip_address(address), allowed=(ip_network("0.0.0.0/0"), ip_network("::/0")))


def test_one_private_address_among_public_ones_refuses_the_name() -> None:
    with pytest.raises(NotDelivered, match=r"10\.0\.0\.1") as refused:
        addresses_of("both.example", 443, allowed=(), resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.1"])
    assert refused.value.code == "address_refused"


def test_scope_of_an_address_does_not_hide_what_it_is() -> None:
    with pytest.raises(NotDelivered):
        addresses_of("link.example", 443, allowed=(), resolve=lambda _host, _port: ["fe80::1%eth0"])


@pytest.mark.parametrize("written", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost"])
def test_loopback_in_another_spelling_is_still_loopback(written: str) -> None:
    with pytest.raises(NotDelivered) as refused:
        addresses_of(written, 443, allowed=(), resolve=resolve)
    assert refused.value.code in {"address_refused", "host_unknown"}


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com/#fragment",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.example.com/ a",
        "https://hööks.example.com/",
        "https://[broken/",
        "hooks.example.com",
    ],
)
def test_address_that_could_never_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url)
    assert refused.value.code == "url_refused"


def test_public_https_address_is_accepted() -> None:
    check_url("https://hooks.example.com:8443/mlrelease?team=a")
