"""The manifests of deploy/: valid for a current cluster, and with no more rights than needed."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy"
APPLIED = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
MANIFESTS = sorted({*APPLIED, "store-claim.yaml", "gpu-pod.yaml"})
NAMESPACE = "tulip"


def documents(*names: str) -> list[dict[str, Any]]:
    return [one for name in names for one in yaml.safe_load_all((FOLDER / name).read_text())]


def the(kind: str, name: str) -> dict[str, Any]:
    found = [
        one
        for one in documents(*MANIFESTS)
        if (one["kind"], one["metadata"]["name"]) == (kind, name)
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_current_cluster_takes_each_manifest(name: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_no_manifest_is_forgotten() -> None:
    others = {"kustomization.yaml", "values.yaml"}
    assert {file.name for file in FOLDER.glob("*.yaml")} == {*MANIFESTS, *others}


def test_everything_lies_in_one_namespace() -> None:
    for document in documents(*APPLIED):
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == NAMESPACE


def test_airflow_may_do_what_the_pod_operator_asks_and_nothing_else() -> None:
    rights = {
        (group, resource, verb)
        for rule in the("Role", "airflow")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        *(("", "pods", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")),
        ("", "pods/log", "get"),
        ("", "events", "list"),
        ("", "events", "watch"),
    }
    assert not [one for one in documents(*MANIFESTS) if one["kind"].startswith("Cluster")]


def test_the_role_is_airflows_and_the_pods_have_none() -> None:
    binding = the("RoleBinding", "airflow")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "airflow", "namespace": NAMESPACE}
    ]
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", "airflow")
    assert the("ServiceAccount", "tulip")["automountServiceAccountToken"] is False


def test_nobody_reaches_the_pods_and_they_reach_few_ports() -> None:
    policy = the("NetworkPolicy", "tulip-steps")["spec"]
    assert policy["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "tulip"}
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["ingress"] == []
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {
        53, 443, 5432, 8333,
    }  # fmt: skip


def test_the_chart_gets_names_of_secrets_and_no_value_and_no_rights_of_its_own() -> None:
    text = (FOLDER / "values.yaml").read_text()
    values = yaml.safe_load(text)
    assert not re.search(
        r"(?i)^\s*[\w]*(password|secretkey|token|fernetkey|jwtsecret):", text, re.MULTILINE
    )
    assert "://" not in re.sub(r"(https|s3)://[a-z.-]+(/|$| |\))", "", text)
    assert values["rbac"]["create"] is False
    assert values["createUserJob"]["enabled"] is False
    for part in ("scheduler", "triggerer", "workers"):
        assert values[part]["serviceAccount"] == {"create": False, "name": "airflow"}
    told = {each["name"]: each["value"] for each in values["env"]}
    assert told["TULIP_RUNTIME"] == "kubernetes"
    assert (told["TULIP_POD_NAMESPACE"], told["TULIP_POD_SERVICE_ACCOUNT"]) == (NAMESPACE, "tulip")


def test_the_chart_runs_the_airflow_that_is_locked() -> None:
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    lock = (FOLDER.parent / "docker" / "airflow.txt").read_text()
    assert f"\napache-airflow=={values['airflowVersion']} " in lock
