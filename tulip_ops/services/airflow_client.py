"""Client of Airflow's REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tulip_ops.core.errors import ServiceFailed

PAGE = 100


class Rest:
    """The API of one Airflow, version 2; every answer is parsed JSON.

    Each method raises `ServiceFailed` where Airflow does not answer, or refuses.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        self._token = ""
        # A proxy from the environment must not be used for this machine.
        self._client = httpx.Client(base_url=url, timeout=120.0, trust_env=False)

    def __enter__(self) -> Rest:
        return self

    def __exit__(self, *failure: object) -> None:
        self._client.close()

    def unhealthy(self) -> list[str]:
        """Parts that are not healthy, as "scheduler is unhealthy"; unknown: it never reported."""
        answer = self._send("GET", "/api/v2/monitor/health", {}, None)
        states = {
            part: str((about or {}).get("status") or "unknown")
            for part, about in _checked(answer).items()
        }
        return [f"{part} is {state}" for part, state in states.items() if state != "healthy"]

    def warm_up(self) -> None:
        """Let Airflow build its API for tasks now: the first response takes seconds."""
        _checked(self._send("GET", "/execution/health", {}, None))

    def get(self, path: str, **parameters: Any) -> Any:
        return _checked(self._authorized("GET", path, parameters, None))

    def find(self, path: str, **parameters: Any) -> Any | None:
        """As `get`; None for what is not there."""
        answer = self._authorized("GET", path, parameters, None)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _checked(answer)

    def post(self, path: str, body: Any) -> Any:
        return _checked(self._authorized("POST", path, {}, body))

    def patch(self, path: str, body: Any) -> Any:
        return _checked(self._authorized("PATCH", path, {}, body))

    def rows(self, path: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        offset = 0
        while True:
            page = self.get(path, limit=PAGE, offset=offset, **parameters)[key]
            yield from page
            offset += len(page)
            if len(page) < PAGE:
                return

    def _authorized(
        self, method: str, path: str, parameters: dict[str, Any], body: Any
    ) -> httpx.Response:
        path = f"/api/v2/{path}"
        if self._token:
            answer = self._send(method, path, parameters, body)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                return answer
        self._token = _checked(self._send("POST", "/auth/token", {}, self._login))["access_token"]
        return self._send(method, path, parameters, body)

    def _send(
        self, method: str, path: str, parameters: dict[str, Any], body: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            return self._client.request(method, path, params=parameters, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ServiceFailed(f"Airflow at {self.url} does not answer: {error}") from error


def await_health(
    problems: Callable[[], list[str]], name: str, logs: str, patience: float, pause: float
) -> None:
    """Ask for `problems` every `pause` seconds until there are none.

    `ServiceFailed` after `patience` seconds, with the problems and where the logs are.
    """
    deadline = time.monotonic() + patience
    while found := problems():
        if time.monotonic() > deadline:
            raise ServiceFailed(
                f"{name} is not healthy after {patience:.0f} s: {'; '.join(found)}; see {logs}"
            )
        time.sleep(pause)


def _checked(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    asked = f"{answer.request.method} {answer.request.url.path}"
    raise ServiceFailed(f"Airflow refused {asked}: {answer.status_code} {answer.text[:500]}")
