"""Addresses that are set once and compared often, in the form in which browsers send them (WHATWG URL Standard)."""

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import Url

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_ODD: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")


def origin_of(address: str) -> str:
    """Return the origin of a web address as a browser's `Origin` header has it.

    Its scheme and host are in lower case, other scripts in Punycode, the port only where it is not the scheme's own.

    Raises:
        ValueError: it is no address of a whole site; the message says why.
    """
    url = _parsed(address)
    if url.path not in {None, "", "/"}:
        raise ValueError("must end after host and port: the API answers at the root of its host")
    port = "" if url.port in {None, _PORTS[url.scheme]} else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}"


def host_of(origin: str) -> str:
    """Return the host of an origin as a `Host` header has it, without its port: `[::1]` in brackets."""
    return str(Url(origin).host)


def host_name_of(name: str) -> str:
    """Return a host name as browsers send it, in lower case and Punycode; `*` stays.

    Raises:
        ValueError: it is no host name, or more than one.
    """
    if name == "*":
        return name
    origin = origin_of(f"https://{name}")
    if origin != f"https://{host_of(origin)}":
        raise ValueError(f"must be a host name without its port, not {name}")
    return host_of(origin)


def require_address(address: str) -> str:
    """Return an address as it was given: empty, or one that begins with http:// or https:// and ends with its path.

    Raises:
        ValueError: anything else; the message says why.
    """
    if address:
        _parsed(address)
    return address


def _parsed(address: str) -> Url:
    given = "such as https://campaigns.example"
    if _ODD.search(address):
        raise ValueError(f"must be a web address {given}, without blanks and backslashes")
    if not re.match(r"https?://[^/]", address, re.IGNORECASE):
        raise ValueError(f"must begin with http:// or https:// and a host, {given}")
    try:
        url = Url(address)
    except ValidationError as error:
        raise ValueError(f"must be a web address {given}: {_why(error)}") from None
    if "@" in address.split("/")[2]:
        raise ValueError("must not hold a user name or a password: it stands in links and logs")
    if "?" in address or "#" in address:
        raise ValueError(f"must end before ? and #, {given}")
    if not _HOST.fullmatch(url.host or "") or url.port == 0:
        raise ValueError(f"must have one host, and a port from 1 to 65535, {given}")
    return url


def _why(error: ValidationError) -> str:
    return error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Input should be a valid URL, ")
