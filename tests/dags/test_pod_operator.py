"""The network steps as pods: the operator itself, against an API that runs what it is given."""

import asyncio
import gc
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import tenacity

from tests.services.kubernetes_api import KubernetesApi
from tulip_ops.services.pods import SCRATCH

# The operator leaves the connections of its logs to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

ID = "S2B_31UFU_20260420_0_L2A"
RUN = "manual__2026-04-21T05:00:00+00:00_" + "x" * 60
PASSWORD, KEY, TOKEN = "correct-horse-1", "battery-staple-2", "bearer-of-news-3"
SECRETS = {
    "tulip-database": {"TULIP_DATABASE_URL": f"postgresql://tulip:{PASSWORD}@db:5432/tulip"},
    "tulip-store": {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": KEY},
}
SETTINGS = {
    "TULIP_RUNTIME": "kubernetes",
    "TULIP_POD_IMAGE": "registry.example/tulip-gpu:0.1.0",
    "TULIP_STORE": "s3://products/tulip",
    "TULIP_DATABASE_URL": SECRETS["tulip-database"]["TULIP_DATABASE_URL"],
    "TULIP_SH_CLIENT_SECRET": KEY,
    "TULIP_MINIMUM_CLEAR": "0.2",
    "TULIP_POD_POLL_SECONDS": "0.1",
}
AWAY = "import sys; sys.exit(1)"
"""What the worker's look says where the product is not there."""


@pytest.fixture(scope="module", autouse=True)
def _plain_tracebacks() -> Iterator[None]:
    """Those that show every variable take seconds each, and the operator logs many."""
    before = structlog.get_config()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before["processors"][:-1], plain])
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image's `tulip` would be; each test writes its own."""
    path = tmp_path_factory.mktemp("image") / "tulip"
    path.write_text("")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def server(program: Path) -> Iterator[KubernetesApi]:
    server = KubernetesApi(program, SECRETS)
    server.start()
    yield server
    server.stop()
    gc.collect()  # what it left is not the next module's affair


@pytest.fixture
def api(
    server: KubernetesApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: Any
) -> Iterator[KubernetesApi]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    from airflow.providers.cncf.kubernetes import kubernetes_helper_functions as functions

    monkeypatch.setattr(functions, "_default_wait", tenacity.wait_fixed(0.05))  # else seconds
    kubeconfig = str(server.kubeconfig(tmp_path / "kubeconfig", TOKEN))
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    # the client reads the variable when it is imported, and another test may have done that
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", "kubernetes://")
    stand_in(AWAY)
    server.faults.clear()
    server.created.clear()
    server.deleted.clear()
    yield server
    server.waiting, server.unschedulable = None, ""
    for name in list(server.pods):
        server.lose(name)


@pytest.fixture
def image(program: Path) -> Callable[[str], None]:
    """Let the pods run this Python code."""
    return lambda code: (program.write_text(f"#!{sys.executable}\n{code}\n"), None)[1]


class States(dict[str, Any]):
    """What Airflow keeps of a task from try to try."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


class Task:
    """A task of one run, in as many tries as a test asks for."""

    def __init__(self, steps: Any, *, deferrable: bool, name: str = "segment") -> None:
        self.steps, self.deferrable, self.name = steps, deferrable, name
        self.states, self.tries = States(), 0
        self.pushed: dict[str, Any] = {}

    def made(self) -> Any:
        task = self.steps.step(self.name, ID, doc_md="-").prepare_for_execution()
        task.deferrable = self.deferrable
        task.startup_check_interval_seconds = 0.05
        task.base_container_status_polling_interval = 0.05
        return task

    def context(self) -> dict[str, Any]:
        self.tries += 1
        ti = SimpleNamespace(
            dag_id="tulip_acquisition", task_id=self.name, run_id=RUN, map_index=-1,
            try_number=self.tries, start_date=datetime.now(UTC), xcom_push=self.push,
        )  # fmt: skip
        return {"ti": ti, "run_id": RUN, "dag": SimpleNamespace(), "task_state_store": self.states}

    def push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def run(self, task: Any = None) -> None:
        """One try: on the worker and, deferred, in the triggerer and on the worker again."""
        from airflow.sdk.exceptions import TaskDeferred

        task, context = task or self.made(), self.context()
        task.render_template_fields(context)
        try:
            task.execute(context)
        except TaskDeferred as deferred:
            event = self.wait(deferred.trigger)
            again = self.made()
            again.render_template_fields(context)
            try:
                again.trigger_reentry(context, event)
            except TaskDeferred:
                pytest.fail("the task was deferred twice")

    @staticmethod
    def wait(trigger: Any) -> dict[str, Any]:
        """What the triggerer waits for, from what Airflow's database keeps of the trigger."""
        path, values = trigger.serialize()
        made = type(trigger)(**values)
        assert path.endswith(type(trigger).__name__)

        async def first() -> Any:
            async for event in made.run():
                return event.payload
            raise AssertionError("the trigger ended without an event")

        return asyncio.run(first())


@pytest.fixture(params=["sync", "deferrable"])
def task(request: pytest.FixtureRequest, steps: Any, api: KubernetesApi) -> Task:
    return Task(steps, deferrable=request.param == "deferrable")


def meanwhile(api: KubernetesApi, act: Callable[[str], None]) -> threading.Thread:
    """Do something to the pod as soon as it runs."""

    def watch() -> None:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            for name, pod in list(api.pods.items()):
                if pod["status"]["phase"] == "Running":
                    act(name)
                    return
            time.sleep(0.02)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


SLEEPING = "import time; print('begun', flush=True); time.sleep(60)"


class TestEnds:
    def test_success(self, task, api, image, capfd):
        image("import sys; print('3 % of it is tulips'); print(sys.argv[1:])")
        task.run()
        assert len(api.created) == len(api.deleted) == 1
        said = capfd.readouterr().out
        assert "3 % of it is tulips" in said
        assert f"['segment', '{ID}']" in said
        assert set(task.pushed) == {"pod_name", "pod_namespace"}

    def test_99_is_a_skip(self, task, api, image):
        from airflow.sdk.exceptions import AirflowSkipException

        image("raise SystemExit(99)")
        with pytest.raises(AirflowSkipException):
            task.run()
        assert api.pods == {}

    @pytest.mark.parametrize(("code", "says"), [(2, "bad input"), (3, "quarantines")])
    def test_2_and_3_fail_and_are_not_retried(self, task, api, image, code, says):
        from airflow.sdk.exceptions import AirflowFailException

        image(f"raise SystemExit({code})")
        with pytest.raises(AirflowFailException, match=says):
            task.run()
        assert api.pods == {}

    @pytest.mark.parametrize(("code", "says"), [("1", "exit code 1"), ("-9", "out of memory")])
    def test_anything_else_fails_and_is_retried(self, task, api, image, code, says):
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        image(f"import os; c = {code}; os.kill(os.getpid(), -c) if c < 0 else os._exit(c)")
        with pytest.raises(AirflowException, match=says) as raised:
            task.run()
        assert not isinstance(raised.value, AirflowFailException)
        assert api.pods == {}


KINDS = [
    ({"container": "OOMKilled"}, "OutOfMemory", "8Gi"),
    ({"reason": "Evicted"}, "Evicted", "it was Evicted"),
    ({"reason": "NodeLost"}, "NodeLost", "it was NodeLost"),
    ({"reason": "OutOfnvidia.com/gpu"}, "NodeLost", "refused"),
    ({"reason": "DeadlineExceeded"}, "TimedOut", "longer"),
    ({"deleted": True}, "PodLost", "deleted it"),
]


class TestFailuresByName:
    @pytest.mark.parametrize(("how", "name", "says"), KINDS, ids=[kind[1] for kind in KINDS])
    def test_what_ends_a_running_pod(self, steps, api, image, capfd, how, name, says):
        task = Task(steps, deferrable=True)
        image(SLEEPING)
        thread = meanwhile(api, lambda pod: api.fail(pod, **how))
        with pytest.raises(Exception, match=says) as raised:
            task.run()
        thread.join()
        assert type(raised.value).__name__ == name
        assert f"{name}: " in capfd.readouterr().out
        assert api.pods == {}

    def test_out_of_memory_while_the_worker_watches(self, steps, api, image):
        image(SLEEPING)
        thread = meanwhile(api, lambda pod: api.fail(pod, container="OOMKilled"))
        with pytest.raises(Exception, match="8Gi") as raised:
            Task(steps, deferrable=False).run()
        thread.join()
        assert type(raised.value).__name__ == "OutOfMemory"

    def test_a_lost_pod(self, task, api, image):
        image(SLEEPING)
        thread = meanwhile(api, api.lose)
        with pytest.raises(Exception, match="lost its pod") as raised:
            task.run()
        thread.join()
        assert type(raised.value).__name__ == "PodLost"

    def test_no_node_has_room(self, task, api, monkeypatch):
        monkeypatch.setenv("TULIP_POD_SCHEDULE_SECONDS", "1")
        api.unschedulable = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        with pytest.raises(Exception, match="3 Insufficient") as raised:
            task.run()
        assert type(raised.value).__name__ == "NotScheduled"
        assert api.pods == {}

    @pytest.mark.parametrize(
        ("reason", "name"),
        [
            ("ErrImagePull", "ImageNotPulled"),
            ("CreateContainerConfigError", "SecretMissing"),
            ("ContainerCreating", "NotStarted"),
        ],
    )
    def test_the_container_does_not_start(self, steps, api, monkeypatch, reason, name):
        monkeypatch.setenv("TULIP_POD_STARTUP_SECONDS", "1")
        api.waiting = {"reason": reason, "message": "no such thing"}
        with pytest.raises(Exception, match="no such thing") as raised:
            Task(steps, deferrable=True).run()
        assert type(raised.value).__name__ == name
        assert api.pods == {}

    @pytest.mark.parametrize(
        ("status", "message", "name"),
        [
            (403, 'pods is forbidden: User "airflow" cannot create', "ClusterRefuses"),
            (403, "pods x is forbidden: exceeded quota: gpus", "QuotaExceeded"),
            (422, "Pod is invalid: spec.containers[0].image: Required", "ClusterRefuses"),
            (503, "the server is currently unable to handle the request", "ClusterUnavailable"),
        ],
    )
    def test_the_cluster_does_not_take_it(self, task, api, status, message, name):
        api.refuse("POST", "/pods$", status, message, times=9)
        with pytest.raises(Exception, match=message[:20]) as raised:
            task.run()
        assert type(raised.value).__name__ == name

    def test_what_is_worth_a_repeat(self, steps, api):
        from airflow.sdk import RetryAction
        from airflow.sdk.exceptions import AirflowFailException

        policy = Task(steps, deferrable=True).made().retry_policy
        from tulip_airflow import pod_errors

        def decision(error: Exception) -> tuple[RetryAction, Any]:
            made = policy.evaluate(error, 1, 2)
            return made.action, made.retry_delay

        assert decision(pod_errors.Evicted("-")) == (RetryAction.RETRY, timedelta(minutes=1))
        assert decision(pod_errors.NotScheduled("-")) == (RetryAction.RETRY, timedelta(minutes=10))
        assert decision(pod_errors.ImageNotPulled("-")) == (RetryAction.RETRY, timedelta(minutes=5))
        assert decision(pod_errors.OutOfMemory("-")) == (RetryAction.DEFAULT, None)
        assert issubclass(pod_errors.ClusterRefuses, AirflowFailException)
        assert issubclass(pod_errors.SecretMissing, AirflowFailException)


class TestWhatTheClusterDoes:
    def test_429_is_waited_for(self, task, api, image):
        image("")
        for method, path in (("POST", "/pods$"), ("GET", "/pods/"), ("DELETE", "/pods/")):
            api.refuse(method, path, 429, "too many requests", times=2)
        task.run()
        assert api.pods == {}
        assert all(fault.times == 0 for fault in api.faults)

    @pytest.mark.parametrize("status", [403, 410])
    def test_events_that_cannot_be_read_hinder_nothing(self, task, api, image, status):
        image("import time; time.sleep(0.3)")
        api.refuse("GET", "/events$", status, "too old resource version", times=2)
        task.run()
        assert api.pods == {}

    def test_a_log_that_breaks_off_loses_no_verdict(self, task, api, image):
        image("raise SystemExit(3)")
        api.refuse("GET", "/log$", 500, "no connection to the node", times=1)
        with pytest.raises(Exception, match="quarantines"):
            task.run()


class TestOneStartForAll:
    def test_what_is_whole_needs_no_pod(self, task, api, stand_in, capfd):
        stand_in("import sys; print('already segmented'); assert sys.argv[-1] == '--look'")
        task.run()
        assert api.created == []
        assert "already segmented" in capfd.readouterr().out

    def test_a_verdict_that_is_there_skips_without_a_pod(self, task, api, stand_in):
        from airflow.sdk.exceptions import AirflowSkipException

        stand_in("raise SystemExit(99)")
        with pytest.raises(AirflowSkipException):
            task.run()
        assert api.created == []

    def test_a_batch_may_take_that_much_longer(self, steps, api, monkeypatch):
        one = Task(steps, deferrable=True).made()
        monkeypatch.setenv("TULIP_BATCH", "4")
        four = Task(steps, deferrable=True).made()
        assert four.active_deadline_seconds == 4 * one.active_deadline_seconds == 4 * 3600
        assert four.execution_timeout - one.execution_timeout == timedelta(hours=3)
        assert {"name": "TULIP_BATCH", "value": "4"}.items() <= next(
            v.to_dict().items() for v in four.env_vars if v.name == "TULIP_BATCH"
        )


WORKER = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, "plugins")
from tulip_airflow.tasks import step

class States(dict):
    def set(self, key, value):
        Path(sys.argv[1] + ".new").write_text(json.dumps({{key: value}}))
        Path(sys.argv[1] + ".new").rename(sys.argv[1])

task = step("segment", "{ID}", doc_md="-").prepare_for_execution()
task.deferrable = False
ti = SimpleNamespace(dag_id="tulip_acquisition", task_id="segment", run_id="{RUN}", map_index=-1,
                     try_number=1, xcom_push=lambda **_: None)
context = {{"ti": ti, "run_id": "{RUN}", "dag": SimpleNamespace(), "task_state_store": States()}}
task.render_template_fields(context)
task.execute(context)
"""


class TestInterruptions:
    @pytest.fixture
    def gate(self, image, tmp_path) -> Path:
        """The pods end when this file is there."""
        path = tmp_path / "gate"
        image(
            "import pathlib, time; print('begun', flush=True)\n"
            f"while not pathlib.Path({str(path)!r}).exists(): time.sleep(0.05)\n"
            "print('done')"
        )
        return path

    def deferred(self, task: Task) -> Any:
        """The trigger of a try."""
        from airflow.sdk.exceptions import TaskDeferred

        made, context = task.made(), task.context()
        made.render_template_fields(context)
        with pytest.raises(TaskDeferred) as raised:
            made.execute(context)
        return raised.value.trigger

    def test_a_killed_worker_is_followed_by_one_that_takes_its_pod(
        self, steps, api, gate, tmp_path, repository, capfd
    ):
        kept = tmp_path / "states"
        code = WORKER.format(ID=ID, RUN=RUN)
        worker = subprocess.Popen([sys.executable, "-c", code, kept], cwd=repository)

        def kill(_: str) -> None:
            while not kept.exists():
                time.sleep(0.02)
            worker.kill()

        meanwhile(api, kill).join()
        assert worker.wait(20) == -signal.SIGKILL
        task = Task(steps, deferrable=True)
        task.states.update(json.loads(kept.read_text()))
        task.tries = 1
        trigger = self.deferred(task)
        assert "Reconnecting to pod" in capfd.readouterr().out
        gate.touch()
        task.made().trigger_reentry(task.context(), Task.wait(trigger))
        assert len(api.created) == 1
        assert api.pods == {}

    def test_a_pod_that_did_its_work_while_nobody_watched_is_enough(
        self, steps, api, gate, stand_in
    ):
        task = Task(steps, deferrable=True)
        self.deferred(task)
        gate.touch()
        (pod,) = api.pods.values()
        while pod["status"]["phase"] != "Succeeded":
            time.sleep(0.02)
        stand_in("print('already segmented')")
        task.run()
        assert len(api.created) == 1
        assert api.pods == {}

    def test_a_worker_that_kept_nothing_finds_its_pod_by_the_labels(self, steps, api, gate):
        task = Task(steps, deferrable=True)
        first = self.deferred(task)
        task.states.clear()
        assert self.deferred(task).pod_name == first.pod_name
        assert len(api.created) == 1

    def test_another_triggerer_goes_on_with_the_same_pod(self, steps, api, gate):
        trigger = self.deferred(Task(steps, deferrable=True))

        async def killed() -> None:
            run = asyncio.ensure_future(anext(trigger.run()))
            await asyncio.sleep(0.3)
            run.cancel()
            await trigger.cleanup()

        asyncio.run(killed())
        assert len(api.pods) == 1
        gate.touch()
        assert Task.wait(trigger)["status"] == "success"

    def test_a_deferred_task_that_a_person_ends_takes_its_pod_along(self, steps, api, gate):
        asyncio.run(self.deferred(Task(steps, deferrable=True)).on_kill())
        assert api.pods == {}

    def test_a_watching_task_that_a_person_ends_takes_its_pod_along(self, steps, api, image):
        image(SLEEPING)
        task = Task(steps, deferrable=False)
        made = task.made()

        def end(_: str) -> None:
            while made.pod is None:
                time.sleep(0.02)
            made.on_kill()

        thread = meanwhile(api, end)
        with pytest.raises(Exception, match=r"lost its pod|404"):
            task.run(made)
        thread.join()
        assert api.pods == {}

    def test_a_task_that_takes_too_long_takes_its_pod_along(self, steps, api, image):
        image(SLEEPING)
        task = Task(steps, deferrable=True)
        made = task.made()
        made.execution_timeout = timedelta(seconds=1)
        with pytest.raises(Exception, match="longer") as raised:
            task.run(made)
        assert type(raised.value).__name__ == "TimedOut"
        assert api.pods == {}


@pytest.fixture
def spec(steps: Any, api: KubernetesApi, image: Any) -> Callable[..., dict[str, Any]]:
    """The pod that the cluster is asked for."""

    def make(name: str = "segment") -> dict[str, Any]:
        image("")
        Task(steps, deferrable=False, name=name).run()
        return api.created[-1]

    return make


class TestSpecification:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"TULIP_POD_GPUS": "0", "TULIP_POD_TOLERATIONS": "[]", "TULIP_STORE": "/srv/store"},
            {
                "TULIP_POD_GPU_RESOURCE": "amd.com/gpu",
                "TULIP_POD_GPUS": "2",
                "TULIP_POD_NODE_SELECTOR": '{"accelerator": "amd"}',
                "TULIP_POD_PRIORITY_CLASS": "low",
                "TULIP_POD_IMAGE_SECRETS": '["registry"]',
                "TULIP_POD_TOLERATIONS": '[{"key": "a", "operator": "Equal", "value": "b",'
                ' "effect": "NoExecute", "tolerationSeconds": 60}]',
                "TULIP_POD_ENVIRONMENT": '{"AWS_REGION": "eu-central-1"}',
            },
        ],
        ids=["default", "cpu", "everything"],
    )
    @pytest.mark.parametrize("step", ["screen", "segment"])
    def test_it_is_valid_for_a_current_cluster(self, spec, monkeypatch, settings, step):
        import kubernetes_validate

        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        kubernetes_validate.validate(spec(step), kubernetes_validate.latest_version(), strict=True)

    def test_it_has_no_rights_to_speak_of(self, spec):
        made = spec()["spec"]
        container = made["containers"][0]
        assert made["automountServiceAccountToken"] is False
        assert made["securityContext"]["runAsNonRoot"] is True
        assert made["securityContext"]["runAsUser"] == made["securityContext"]["fsGroup"] == 50000
        assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    def test_it_may_write_where_libraries_write(self, spec):
        made = spec()["spec"]
        assert made["volumes"] == [{"name": "scratch", "emptyDir": {"sizeLimit": "10Gi"}}]
        assert made["containers"][0]["volumeMounts"] == [{"name": "scratch", "mountPath": SCRATCH}]
        told = {v["name"]: v["value"] for v in made["containers"][0]["env"]}
        assert told["HOME"] == told["TMPDIR"] == SCRATCH

    def test_a_folder_as_store_is_a_claim(self, spec, monkeypatch):
        monkeypatch.setenv("TULIP_STORE", "/srv/store")
        made = spec()["spec"]
        assert made["volumes"][1]["persistentVolumeClaim"] == {"claimName": "tulip-store"}
        assert made["containers"][0]["volumeMounts"][1]["mountPath"] == "/srv/store"

    def test_it_asks_for_gpus_and_bounds(self, spec):
        made = spec()["spec"]
        assert made["containers"][0]["resources"] == {
            "requests": {"cpu": "1", "memory": "4Gi", "nvidia.com/gpu": "1"},
            "limits": {"memory": "8Gi", "nvidia.com/gpu": "1"},
        }
        assert made["activeDeadlineSeconds"] == 3600
        assert made["restartPolicy"] == "Never"
        assert made["tolerations"][0]["key"] == "nvidia.com/gpu"

    def test_without_gpus_it_sees_none(self, spec, monkeypatch):
        monkeypatch.setenv("TULIP_POD_GPUS", "0")
        container = spec()["spec"]["containers"][0]
        assert "nvidia.com/gpu" not in container["resources"]["limits"]
        assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in container["env"]

    def test_its_labels_lead_to_the_acquisition_and_the_run(self, spec):
        made = spec()["metadata"]
        labels = made["labels"]
        assert labels["tulip/acquisition"] == ID
        assert labels["app.kubernetes.io/component"] == labels["task_id"] == "segment"
        assert labels["dag_id"] == "tulip_acquisition"
        assert made["annotations"]["tulip/run"] == RUN
        assert all(len(value) <= 63 for value in labels.values())
        assert made["name"].startswith("tulip-segment-s2b-31ufu-20260420-0-l2a-")

    def test_it_is_told_what_it_reads_and_nothing_else(self, spec, monkeypatch):
        monkeypatch.setenv("TULIP_ENGINE", "keras")
        monkeypatch.setenv("TULIP_MEMORY_GB", "6")
        container = spec()["spec"]["containers"][0]
        told = {v["name"]: v["value"] for v in container["env"] if v["name"].startswith("TULIP_")}
        assert told == {
            "TULIP_STATE": f"{SCRATCH}/tulip",
            "TULIP_STORE": "s3://products/tulip",
            "TULIP_ENGINE": "keras",
            "TULIP_MEMORY_GB": "6.0",
            "TULIP_RUN_ID": RUN,
        }
        assert container["args"] == ["segment", ID]
        assert not container["command"], "the image's entry point runs"

    def test_a_template_adds_what_no_setting_says(self, spec, monkeypatch, tmp_path):
        template = tmp_path / "pod.yaml"
        template.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {"team": "bulbs"}},
            "spec": {"dnsPolicy": "Default", "securityContext": {"runAsUser": 0}, "containers": [
                {"name": "base", "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]}
            ]},
        }))  # fmt: skip
        monkeypatch.setenv("TULIP_POD_TEMPLATE", str(template))
        made = spec()
        assert made["metadata"]["annotations"]["team"] == "bulbs"
        assert made["spec"]["dnsPolicy"] == "Default"
        assert made["spec"]["securityContext"]["runAsUser"] == 50000
        assert "HTTPS_PROXY" in {v["name"] for v in made["spec"]["containers"][0]["env"]}


class TestSecrets:
    def test_none_is_in_a_template_a_pod_a_trigger_or_a_log(self, steps, api, image, capfd):
        from airflow.sdk.exceptions import TaskDeferred

        image("import os; assert os.environ['AWS_SECRET_ACCESS_KEY']; raise SystemExit(1)")
        task = Task(steps, deferrable=True)
        made, context = task.made(), task.context()
        made.render_template_fields(context)
        rendered = " ".join(str(getattr(made, name)) for name in made.template_fields)
        with pytest.raises(TaskDeferred) as deferred:
            made.execute(context)
        event = task.wait(deferred.value.trigger)
        again = task.made()
        again.render_template_fields(context)
        with pytest.raises(Exception, match="exit code 1") as raised:
            again.trigger_reentry(context, event)
        shown = capfd.readouterr()
        everything = {
            "templates": rendered,
            "specification": json.dumps(api.created),
            "event": json.dumps(event, default=str),
            "xcom": str(task.pushed),
            "state": str(task.states),
            "log": shown.out + shown.err,
            "error": f"{raised.value!r} {raised.value.__cause__!r}",
        }
        for place, text in everything.items():
            for secret in (PASSWORD, KEY, TOKEN):
                assert secret not in text, f"a secret in {place}"

    def test_they_come_by_reference(self, spec):
        assert spec()["spec"]["containers"][0]["envFrom"] == [
            {"secretRef": {"name": "tulip-database", "optional": False}},
            {"secretRef": {"name": "tulip-store", "optional": True}},
        ]
        assert os.environ["TULIP_DATABASE_URL"]


class TestParsing:
    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"TULIP_POD_IMAGE": ""}, "TULIP_POD_IMAGE is not set"),
            ({"TULIP_STORE": "store"}, "pods must see it"),
            ({"TULIP_POD_ENVIRONMENT": '{"PGPASSWORD": "x"}'}, "PGPASSWORD looks like a secret"),
        ],
    )
    def test_a_bad_setting_is_said_when_the_dag_is_parsed(
        self, steps, api, monkeypatch, settings, says
    ):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Exception, match=says):
            steps.step("segment", ID, doc_md="-")

    def test_the_dag_is_parsed_and_serialized(self, api, repository):
        from airflow.dag_processing.dagbag import DagBag
        from airflow.serialization.serialized_objects import DagSerialization

        bag = DagBag(repository / "dags" / "tulip_acquisition.py", safe_mode=False)
        assert bag.import_errors == {}
        dag = bag.dags["tulip_acquisition"]
        kinds = {task.task_id: type(task).__name__ for task in dag.tasks}
        assert kinds == {
            "acquire": "ProcessStep", "screen": "PodStep", "segment": "PodStep",
            "vectorize": "ProcessStep", "record": "ProcessStep",
        }  # fmt: skip
        assert {dag.get_task(name).pool for name in ("screen", "segment")} == {"tulip_networks"}
        text = json.dumps(DagSerialization.to_dict(dag))
        assert not any(secret in text for secret in (PASSWORD, KEY, TOKEN))

    def test_without_pods_no_kubernetes_module_is_imported(self, repository):
        code = (
            "import runpy, sys, pathlib; sys.path.insert(0, 'plugins')\n"
            "from airflow.plugins_manager import _get_plugins\n"
            "for file in sorted(pathlib.Path('dags').glob('*.py')): runpy.run_path(str(file))\n"
            "print(*sorted({name.split('.')[0] for name in sys.modules}))"
        )
        kept = {k: v for k, v in os.environ.items() if k != "TULIP_RUNTIME"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=repository, env=kept, capture_output=True, text=True, check=True,
        )  # fmt: skip
        imported = set(done.stdout.split())
        assert imported.isdisjoint({"kubernetes", "kubernetes_asyncio", "tulip_ops"})
        assert {name for name in imported if name.startswith("tulip")} == {"tulip_airflow"}
