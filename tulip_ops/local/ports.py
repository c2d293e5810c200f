"""Ports of 127.0.0.1: chosen free once, then kept, so that bookmarks stay true."""

from __future__ import annotations

import socket
from pathlib import Path


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose(file: Path, preferred: int = 0) -> int:
    """The port noted in `file` while it is free, else `preferred`, else any; noted in `file`."""
    noted = int(file.read_text()) if file.exists() else preferred
    for port in (noted, preferred):
        if port and is_free(port):
            break
    else:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
    file.write_text(f"{port}\n")
    return port
