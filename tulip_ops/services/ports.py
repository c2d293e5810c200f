"""Ports of 127.0.0.1: a free one is chosen once and then reused, so that bookmarks stay valid."""

from __future__ import annotations

import random
import socket
from pathlib import Path

RANGE = range(20000, 30000)
"""Below the ports that Linux takes for outgoing connections. Chosen at random, so that two stacks
that start at the same time do not collide."""
_CHANCE = random.SystemRandom()  # has no seed that two processes could share


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of every address of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def choose(file: Path) -> int:
    """The port noted in `file` while it is free, else another; noted in `file`."""
    port = int(file.read_text()) if file.exists() else 0
    while not port or not is_free(port):
        port = _CHANCE.choice(RANGE)
    file.write_text(f"{port}\n")
    return port
