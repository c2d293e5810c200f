"""nginx from Debian's packages, serving a folder on a free port, and what it was asked for."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import servers
from tulip_ops.services import apt

_PACKAGE = "nginx-light"
_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Asked:
    """One finished request, as nginx logged it."""

    method: str
    path: str
    status: int
    body: int
    """Bytes of the answer's body that were sent."""


@dataclass(frozen=True)
class Nginx:
    url: str
    root: Path
    """Folder that it serves."""
    log: Path

    def asked(self) -> list[Asked]:
        """Every request since the last `forget`, once their number stands still."""
        seen, text = None, self.log.read_text()
        while seen != text:
            time.sleep(0.05)  # a request is logged after its answer was sent
            seen, text = text, self.log.read_text()
        lines = (line.split() for line in text.splitlines())
        return [Asked(method, path, int(status), int(body)) for method, path, status, body in lines]

    def forget(self) -> None:
        self.asked()
        os.truncate(self.log, 0)  # nginx appends


@contextmanager
def serving(folder: Path) -> Iterator[Nginx]:
    """Serve `folder`/www, and keep everything else of nginx in `folder`."""
    program = _program()
    root, log = folder / "www", folder / "asked.log"
    root.mkdir(parents=True, exist_ok=True)
    port = servers.free_port(folder)
    kept = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        "http { log_format asked '$request_method $uri $status $body_bytes_sent';"
        f" access_log {log} asked; {kept}\n"
        f" server {{ listen 127.0.0.1:{port}; root {root}; default_type image/tiff; }} }}\n"
    )
    command = [program, "-p", folder, "-c", configuration, "-e", folder / "error.log"]
    with servers.running(command, port, folder / "nginx.out"):
        yield Nginx(f"http://127.0.0.1:{port}", root, log)


def _program() -> str:
    """The path of nginx, which apt installs first where we are root."""
    with apt.alone():
        found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if found is not None:
            return found
        line = ["apt-get", "install", "--yes", "--no-install-recommends", _PACKAGE]
        assert os.geteuid() == 0, f"nginx is missing: run `sudo {' '.join(line)}` once, and repeat"
        with _no_service():
            _apt(["apt-get", "update"])
            _apt(line)
    return "/usr/sbin/nginx"


@contextmanager
def _no_service() -> Iterator[None]:
    """Keep Debian from starting a server of its own on port 80."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _apt(command: list[str]) -> None:
    done = subprocess.run(
        ["env", "DEBIAN_FRONTEND=noninteractive", *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
