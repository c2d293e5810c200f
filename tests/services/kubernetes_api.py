"""A small Kubernetes API: pods whose command runs as a process of this machine.

It speaks what the pod operator asks for: create, get, list, patch and delete pods, their log (also
followed) and their events (also watched). A container gets the variables of its specification and
of the Secrets that it refers to, and nothing else. Requests can be answered wrongly, and pods can
be kept waiting, evicted or lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

Pod = dict[str, Any]


@dataclass
class Fault:
    """The answer to requests of that method and path, so many times."""

    method: str
    path: str
    status: int
    message: str
    times: int


@dataclass
class Run:
    """The process of a pod, and what it said: (time, line)."""

    process: asyncio.subprocess.Process | None = None
    said: list[tuple[datetime, str]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class KubernetesApi:
    """Serves on a port of its own, in a thread, from `start` to `stop`."""

    def __init__(self, entry_point: Path, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.entry_point = entry_point
        self.secrets = secrets
        self.pods: dict[str, Pod] = {}
        self.created: list[Pod] = []
        self.deleted: list[str] = []
        self.faults: list[Fault] = []
        self.waiting: dict[str, str] | None = None
        """Why containers do not start: reason and message; None where they do."""
        self.unschedulable = ""
        self.denied: set[str] = set()
        self.nodes: list[dict[str, str]] = []
        self._runs: dict[str, Run] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def start(self) -> None:
        self._thread.start()
        self._call(self._serve())

    def stop(self) -> None:
        for name in list(self.pods):
            self._call(self._remove(name))
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, path: Path, token: str) -> Path:
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "airflow", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "airflow"}}],
        }  # fmt: skip
        path.write_text(json.dumps(config))
        return path

    def refuse(self, method: str, path: str, status: int, message: str, times: int = 1) -> None:
        self.faults.append(Fault(method, path, status, message, times))

    def lose(self, name: str) -> None:
        """The pod is gone, as after the loss of its node or a hand that deleted it."""
        self._call(self._remove(name))

    def fail(
        self,
        name: str,
        *,
        reason: str | None = None,
        container: str | None = None,
        deleted: bool = False,
    ) -> None:
        """The pod fails for a reason of its own, or its container for one, or is being deleted."""
        status = self.pods[name]["status"]
        self._call(self._kill(name))
        if container is not None:
            status["containerStatuses"][0]["state"]["terminated"]["reason"] = container
        if deleted:
            self.pods[name]["metadata"]["deletionTimestamp"] = _now()
        if reason is not None:
            status |= {"phase": "Failed", "reason": reason, "message": f"it was {reason}"}

    def _call(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(20)

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self._faulty])
        pods = "/api/v1/namespaces/{namespace}/pods"
        app.router.add_post(pods, self._create)
        app.router.add_get(pods, self._list)
        app.router.add_get(pods + "/{name}", self._get)
        app.router.add_patch(pods + "/{name}", self._patch)
        app.router.add_delete(pods + "/{name}", self._delete)
        app.router.add_get(pods + "/{name}/log", self._log)
        app.router.add_get("/api/v1/namespaces/{namespace}/events", self._events)
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        app.router.add_post(reviews, self._review)
        app.router.add_get("/version/", self._version)
        app.router.add_get("/api/v1/nodes", self._nodes)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}"

    @web.middleware
    async def _faulty(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        for fault in self.faults:
            if fault.times and request.method == fault.method and re.search(
                fault.path, request.path
            ):  # fmt: skip
                fault.times -= 1
                return _problem(fault.status, fault.message)
        return await handler(request)

    async def _create(self, request: web.Request) -> web.Response:
        pod = await request.json()
        self.created.append(json.loads(json.dumps(pod)))
        name = pod["metadata"]["name"]
        if name in self.pods:
            return _problem(409, f"pods {name} already exists")
        pod["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        pod["status"] = {"phase": "Pending", "conditions": []}
        self.pods[name] = pod
        self._runs[name] = Run()
        self._place(pod)
        if pod["status"]["conditions"][0]["status"] == "True" and self.waiting is None:
            await self._launch(name)
        return web.json_response(pod, status=201)

    def _place(self, pod: Pod) -> None:
        placed = "False" if self.unschedulable else "True"
        pod["status"]["conditions"].append(
            {"type": "PodScheduled", "status": placed, "message": self.unschedulable}
        )
        if self.waiting is not None:
            self._container(pod, {"waiting": dict(self.waiting)})

    def _container(self, pod: Pod, state: dict[str, Any]) -> None:
        container = pod["spec"]["containers"][0]
        pod["status"]["containerStatuses"] = [
            {"name": container["name"], "image": container["image"], "imageID": "", "ready": False,
             "restartCount": 0, "state": state}
        ]  # fmt: skip

    async def _launch(self, name: str) -> None:
        pod, run = self.pods[name], self._runs[name]
        container = pod["spec"]["containers"][0]
        variables = {"PATH": os.environ["PATH"]}
        for source in container.get("envFrom", ()):
            variables |= self.secrets.get(source["secretRef"]["name"], {})
        variables |= {entry["name"]: entry["value"] for entry in container.get("env", ())}
        run.process = await asyncio.create_subprocess_exec(
            self.entry_point, *container["args"], env=variables, start_new_session=True,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        pod["status"] |= {"phase": "Running", "startTime": _now()}
        self._container(pod, {"running": {"startedAt": _now()}})
        self._loop.create_task(self._follow(pod, run))

    async def _follow(self, pod: Pod, run: Run) -> None:
        assert run.process is not None
        assert run.process.stdout is not None
        async for line in run.process.stdout:
            run.said.append((datetime.now(UTC), line.decode().rstrip("\n")))
        code = await run.process.wait()
        code = code if code >= 0 else 128 - code
        pod["status"]["phase"] = "Failed" if code else "Succeeded"
        self._container(pod, {"terminated": {
            "exitCode": code, "reason": "Error" if code else "Completed",
            "startedAt": pod["status"]["startTime"], "finishedAt": _now(),
        }})  # fmt: skip
        run.ended.set()

    async def _kill(self, name: str) -> None:
        run = self._runs[name]
        if run.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(run.process.pid, signal.SIGKILL)
            await run.ended.wait()

    async def _remove(self, name: str) -> None:
        self.pods.pop(name, None)
        await self._kill(name)

    async def _get(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.pods:
            return _problem(404, f'pods "{name}" not found')
        return web.json_response(self.pods[name])

    async def _list(self, request: web.Request) -> web.Response:
        wanted = request.query.get("labelSelector", "")
        found = [pod for pod in self.pods.values() if _matches(pod, wanted)]
        return web.json_response(
            {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": found}
        )

    async def _patch(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.pods:
            return _problem(404, f'pods "{name}" not found')
        change = await request.json()
        self.pods[name]["metadata"].setdefault("labels", {}).update(change["metadata"]["labels"])
        return web.json_response(self.pods[name])

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.pods:
            return _problem(404, f'pods "{name}" not found')
        pod = self.pods[name]
        self.deleted.append(name)
        await self._remove(name)
        return web.json_response(pod)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        run = self._runs[request.match_info["name"]]
        stamped = request.query.get("timestamps") in {"true", "True"}
        answer = web.StreamResponse()
        await answer.prepare(request)
        sent = 0
        while True:
            over = run.ended.is_set()
            for when, line in run.said[sent:]:
                stamp = f"{when.isoformat().replace('+00:00', 'Z')} " if stamped else ""
                await answer.write(f"{stamp}{line}\n".encode())
            sent = len(run.said)
            if over or request.query.get("follow") not in {"true", "True"}:
                return answer
            await asyncio.sleep(0.02)

    async def _review(self, request: web.Request) -> web.Response:
        review = await request.json()
        asked = review["spec"]["resourceAttributes"]
        review["status"] = {"allowed": asked["verb"] not in self.denied}
        return web.json_response(review, status=201)

    async def _version(self, _: web.Request) -> web.Response:
        named = dict.fromkeys(
            ("buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "platform"), "-"
        )
        return web.json_response(named | {"gitVersion": "v1.33.0", "major": "1", "minor": "33"})

    async def _nodes(self, _: web.Request) -> web.Response:
        nodes = [{"metadata": {"name": f"n{n}"}, "status": {"allocatable": held}}
                 for n, held in enumerate(self.nodes)]  # fmt: skip
        return web.json_response({"kind": "NodeList", "apiVersion": "v1", "items": nodes})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        name = request.query["fieldSelector"].partition("=")[2]
        items = [
            {"kind": "Event", "apiVersion": "v1", "type": "Normal", "reason": "Scheduled",
             "metadata": {"name": f"{name}.1", "uid": f"{name}.1", "resourceVersion": "2"},
             "involvedObject": {"name": name, "kind": "Pod"},
             "message": f"{name} was placed on a node"}
        ]  # fmt: skip
        if "watch" not in request.query:
            return web.json_response(
                {"kind": "EventList", "apiVersion": "v1", "items": items,
                 "metadata": {"resourceVersion": "2"}}
            )  # fmt: skip
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        for item in items:
            await answer.write(json.dumps({"type": "ADDED", "object": item}).encode() + b"\n")
        await asyncio.sleep(0.2)
        return answer


def _matches(pod: Pod, selector: str) -> bool:
    labels = pod["metadata"].get("labels", {})
    for term in filter(None, selector.split(",")):
        if "!=" in term:
            name, _, value = term.partition("!=")
            fits = labels.get(name) != value
        elif term.startswith("!"):
            fits = term[1:] not in labels
        else:
            name, _, value = term.partition("=")
            fits = labels.get(name) == value
        if not fits:
            return False
    return True


def _problem(status: int, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
            "code": status}  # fmt: skip
    headers = {"Retry-After": "0"} if status == 429 else {}
    return web.json_response(body, status=status, headers=headers)


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
