"""HTTP connections that reach public hosts only, whatever name or redirect leads to others."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tulip_ops.core.errors import BadScene


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not loopback, link-local or private."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_global and not mapped.is_multicast


def names_private_host(host: str) -> bool:
    """Whether a host of the settings lies in our own network, so that its files may as well."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(not is_public(str(entry[4][0])) for entry in found)


def pool_manager(**options: Any) -> urllib3.PoolManager:
    """Connections that raise `BadScene` before anything is sent to a host that is not public.

    The address is checked once it is connected, of each redirect too: what a name means may
    change between two questions.
    """
    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


def _checked(connected: socket.socket, host: str) -> socket.socket:
    address = str(connected.getpeername()[0])
    if is_public(address):
        return connected
    connected.close()
    raise BadScene(
        f"{host} is {address}, which is no public address: an item may not lead into the network of"
        " this machine; correct the item, or give its source in TULIP_STAC_APIS a url there"
    )


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
