"""Blue and green on Azure ML by its real SDK: traffic moves on right answers only, and a second run goes on."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loopback.cloud import TENANT, Cloud, cloud
from loopback.workspace import GROUP, NAME, SUBSCRIPTION

from homologate.errors import DataError, RefusedError, ServiceError, TrackingError
from serve.deploy import PYTHON_VARIABLE, carry_out, scoring_code

ROOT = Path(__file__).resolve().parents[2]
ENDPOINT = "parts"
RIGHT = [{"label": "non-compliant", "probability": 0.91}]
WRONG = [{"label": "compliant", "probability": 0.11}]
DEPLOYMENTS = f"onlineEndpoints/{ENDPOINT}/deployments"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("cloud")) as state:
        yield state


@pytest.fixture
def azure(running: Cloud, azure_environment: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty workspace, reached by a shell that ran `az login`."""
    running.resources.clear()
    running.asked.clear()
    running.fail.clear()
    running.assertions.clear()
    running.judge = lambda deployment, body: (200, {"predictions": RIGHT})
    monkeypatch.setenv(PYTHON_VARIABLE, str(azure_environment("azure-ml")))
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A plan for one version; its digest tells versions apart."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    code = scoring_code(tmp_path / "code", ROOT / "azure" / "online" / "score.py")

    def made(version: str = "1", **changes: Any) -> dict[str, Any]:
        return {
            "subscription": SUBSCRIPTION, "resource_group": GROUP, "workspace": NAME, "endpoint": ENDPOINT,
            "definitions": str(ROOT / "azure"), "kind": "online", "script": "score.py",
            "managed_identity": False, "workload_identity": False,
            "action": "deploy", "version": version, "digest": f"sha256:{version * 64}",
            "model": {"name": "parts", "version": version * 16, "path": str(model)}, "code": str(code),
            "requirements": ["numpy==2.2.6"], "environment_version": "abc",
            "variables": {"HOMOLOGATE_DIGEST": f"sha256:{version * 64}", "HOMOLOGATE_VERSION": version},
            "probe": {"texts": ["a burst hose"], "answers": RIGHT},
            "mirror": 10, "shares": [10, 100], "settle": 0.0, "patience": 60.0, **changes,
        }  # fmt: skip

    return made


def silent(_: str) -> None: ...


answering: dict[str, dict[str, Any]] = {}


def version_1_answers(azure: Cloud, plan: Callable[..., Any], kind: str = "online") -> None:
    """What Azure holds after version 1 was deployed; deployed once, since each child takes seconds to load the SDK."""
    if kind not in answering:
        carry_out(plan("1", kind=kind), silent)
        answering[kind] = copy.deepcopy(azure.resources)
    azure.resources.update(copy.deepcopy(answering[kind]))
    azure.asked.clear()


def test_the_first_version_is_made_probed_and_given_all_traffic(azure: Cloud, plan: Callable[..., Any]) -> None:
    said: list[str] = []
    facts = carry_out(plan(), said.append)
    assert facts["deployment"] == "blue"
    assert facts["traffic"] == azure.traffic(ENDPOINT) == {"blue": 100}
    assert facts["digest"] == f"sha256:{'1' * 64}"
    assert any("making deployment blue" in line for line in said)
    made = azure.resources[f"{DEPLOYMENTS}/blue"]["properties"]
    assert made["environmentVariables"]["HOMOLOGATE_DIGEST"] == f"sha256:{'1' * 64}"
    assert made["model"].endswith(f"models/parts/versions/{'1' * 16}")
    assert made["codeConfiguration"]["scoringScript"] == "score.py"
    assert made["dataCollector"]["collections"]["model_inputs"]["dataCollectionMode"].lower() == "enabled"
    assert azure.resources[f"onlineEndpoints/{ENDPOINT}"]["properties"]["authMode"] == "AADToken"
    conda = azure.resources["environments/homologate-online/versions/abc"]["properties"]["condaFile"]
    assert "numpy==2.2.6" in conda


def test_the_second_version_is_mirrored_then_given_shares_and_the_first_stays(
    azure: Cloud, plan: Callable[..., Any]
) -> None:
    version_1_answers(azure, plan)
    facts = carry_out(plan("2"), silent)
    assert (facts["deployment"], facts["before"]) == ("green", "blue")
    shifts = [
        ({k: v for k, v in (body["properties"]["traffic"] or {}).items() if v}, body["properties"].get("mirrorTraffic"))
        for method, path, body in azure.asked
        if (method, path) == ("PUT", f"onlineEndpoints/{ENDPOINT}")
    ]
    assert [traffic for traffic, _ in shifts] == [{"blue": 100}, {"blue": 90, "green": 10}, {"green": 100}]
    assert shifts[0][1] == {"green": 10}
    assert {f"{DEPLOYMENTS}/blue", f"{DEPLOYMENTS}/green"} <= azure.resources.keys()
    back = carry_out(plan(action="rollback"), silent)
    assert back["traffic"] == azure.traffic(ENDPOINT) == {"blue": 100}
    assert back["version"] == "1"


def test_a_version_that_answers_already_is_not_deployed_again(azure: Cloud, plan: Callable[..., Any]) -> None:
    version_1_answers(azure, plan)
    assert carry_out(plan(), silent)["reused"] is True
    assert azure.writes() == []


@pytest.mark.parametrize("after", [0, 2], ids=["at once", "at ten per cent"])
def test_a_wrong_answer_takes_the_new_version_back_whenever_it_comes(
    azure: Cloud, plan: Callable[..., Any], after: int
) -> None:
    version_1_answers(azure, plan)
    asked: list[str] = []

    def judge(deployment: str, body: dict[str, Any]) -> tuple[int, Any]:
        asked.append(deployment)
        return 200, {"predictions": WRONG if len(asked) > after else RIGHT}

    azure.judge = judge
    with pytest.raises(RefusedError, match="green answered the golden probe with"):
        carry_out(plan("2"), silent)
    assert azure.traffic(ENDPOINT) == {"blue": 100}
    assert f"{DEPLOYMENTS}/green" not in azure.resources
    assert not azure.resources[f"onlineEndpoints/{ENDPOINT}"]["properties"].get("mirrorTraffic")


@pytest.mark.parametrize(
    ("how", "says"),
    [(403, "role assignment"), (409, "name is taken"), ("later", "ask for quota"), ("never", "removes it")],
    ids=["no role", "name taken", "no quota", "stuck"],
)  # fmt: skip
def test_a_deployment_azure_does_not_make_leaves_nothing_half_made_and_says_what_is_missing(
    azure: Cloud, plan: Callable[..., Any], how: int | str, says: str
) -> None:
    version_1_answers(azure, plan)
    azure.fail[f"{DEPLOYMENTS}/green"] = how
    with pytest.raises((ServiceError, TrackingError)) as caught:
        carry_out(plan("2", patience=3.0), silent)
    assert says in (caught.value.next_command or "")
    assert azure.traffic(ENDPOINT) == {"blue": 100}
    del azure.fail[f"{DEPLOYMENTS}/green"]
    azure.resources.pop(f"{DEPLOYMENTS}/green", None)
    assert carry_out(plan("2"), silent)["traffic"] == {"green": 100}


def test_what_a_killed_run_left_is_removed_and_made_anew(azure: Cloud, plan: Callable[..., Any]) -> None:
    version_1_answers(azure, plan)
    carry_out(plan("2"), silent)
    carry_out(plan(action="rollback"), silent)
    said: list[str] = []
    assert carry_out(plan("3"), said.append)["version"] == "3"
    assert any(line.startswith("removing green") for line in said)
    assert azure.traffic(ENDPOINT) == {"green": 100}


def test_nothing_to_go_back_to_is_told(azure: Cloud, plan: Callable[..., Any]) -> None:
    with pytest.raises(RefusedError, match="no other deployment to go back to"):
        carry_out(plan(action="rollback"), silent)
    with pytest.raises(DataError, match="no endpoint 'parts'"):
        carry_out(plan(action="show"), silent)


def az_is(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """The only `az` on the path is this one."""
    (folder / "az").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "az").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_nobody_logged_in_is_told(
    azure: Cloud, plan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    az_is(tmp_path, monkeypatch, 'echo "Please run az login" >&2; exit 1')
    with pytest.raises(TrackingError) as caught:
        carry_out(plan(), silent)
    assert "az login" in (caught.value.next_command or "")
    assert azure.asked == []


def test_a_workload_identity_is_exchanged_for_a_token_and_no_secret_is_needed(
    azure: Cloud, plan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federated = tmp_path / "federated"
    federated.write_text("the.pipelines.own.token")
    for name, value in {
        "AZURE_FEDERATED_TOKEN_FILE": str(federated), "AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": TENANT,
        "PATH": "/usr/bin:/bin",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert carry_out(plan(workload_identity=True), silent)["traffic"] == {"blue": 100}
    assert azure.assertions == ["the.pipelines.own.token"] * len(azure.assertions) != []


def test_a_missing_environment_names_the_command_that_builds_it(
    plan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ServiceError, match="no environment with Azure ML's SDK") as caught:
        carry_out(plan(), silent)
    assert "make azure" in (caught.value.next_command or "")


def test_a_batch_endpoint_gets_a_cluster_once_and_sends_jobs_to_what_is_whole(
    azure: Cloud, plan: Callable[..., Any], tmp_path: Path
) -> None:
    script = ROOT / "azure" / "batch" / "batch_driver.py"
    batch = {"kind": "batch", "script": script.name, "code": str(scoring_code(tmp_path / "batch", script))}
    facts = carry_out(plan("1", **batch), silent)
    assert (facts["deployment"], facts["digest"]) == ("blue", f"sha256:{'1' * 64}")
    cluster = azure.resources["computes/cpu-cluster"]["properties"]
    assert cluster["properties"]["scaleSettings"]["minNodeCount"] == 0
    made = azure.resources[f"batchEndpoints/{ENDPOINT}/deployments/blue"]["properties"]
    assert made["environmentVariables"]["HOMOLOGATE_DIGEST"] == f"sha256:{'1' * 64}"
    assert made["codeConfiguration"]["scoringScript"] == "batch_driver.py"
    assert (made["outputAction"], made["errorThreshold"]) == ("AppendRow", 0)
    azure.asked.clear()
    assert carry_out(plan("2", **batch), silent)["before"] == "blue"
    assert "PUT computes/cpu-cluster" not in azure.writes()
    assert azure.resources[f"batchEndpoints/{ENDPOINT}"]["properties"]["defaults"]["deploymentName"] == "green"
    assert carry_out(plan(action="rollback", **batch), silent)["version"] == "1"
    with pytest.raises(RefusedError, match=r"version 1 judges .* the ledger has version 2"):
        carry_out(plan("2", action="check", **batch), silent)
    azure.asked.clear()
    assert carry_out(plan("1", **batch), silent)["reused"] is True
    assert azure.writes() == []


def test_a_cluster_that_azure_does_not_give_is_told_and_no_endpoint_is_begun(
    azure: Cloud, plan: Callable[..., Any]
) -> None:
    azure.fail["computes/cpu-cluster"] = "SkuNotAvailable"
    with pytest.raises(ServiceError, match="SkuNotAvailable") as caught:
        carry_out(plan(kind="batch", script="batch_driver.py"), silent)
    assert "name another size" in (caught.value.next_command or "")
    assert azure.writes() == ["PUT computes/cpu-cluster"]


def test_a_cluster_of_ones_own_is_deployed_to_without_a_mirror(azure: Cloud, plan: Callable[..., Any]) -> None:
    carry_out(plan("1", kind="kubernetes"), silent)
    assert carry_out(plan("2", kind="kubernetes"), silent)["traffic"] == {"green": 100}
    made = azure.resources[f"{DEPLOYMENTS}/green"]["properties"]
    assert made["endpointComputeType"] == "Kubernetes"
    assert made["containerResourceRequirements"]["containerResourceLimits"]["memory"] == "2Gi"
    endpoint = azure.resources[f"onlineEndpoints/{ENDPOINT}"]["properties"]
    assert endpoint["compute"].endswith("/computes/k8s")
    mirrors = [body["properties"].get("mirrorTraffic") for method, _, body in azure.asked if method == "PUT"]
    assert not any(mirrors)


def test_who_answers_is_held_to_the_ledger_at_the_door_callers_use(azure: Cloud, plan: Callable[..., Any]) -> None:
    version_1_answers(azure, plan)
    with pytest.raises(RefusedError, match=r"version 1 answers .* the ledger has version 2"):
        carry_out(plan("2", action="check"), silent)
    azure.judge = lambda deployment, body: (200, {"predictions": RIGHT if deployment else WRONG})
    with pytest.raises(RefusedError, match="the endpoint answered the golden probe with"):
        carry_out(plan("1", action="check"), silent)


def test_a_workspace_that_moved_and_a_token_of_elsewhere_are_told_before_anything_is_made(
    azure: Cloud, plan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrackingError) as caught:
        carry_out(plan(workspace="elsewhere"), silent)
    assert "az ml workspace list" in (caught.value.next_command or "")
    token = replace(azure, secret="x" * 32).token()
    answer = {"accessToken": token, "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800}
    az_is(tmp_path, monkeypatch, f"cat <<'END'\n{json.dumps(answer)}\nEND")
    with pytest.raises(TrackingError) as caught:
        carry_out(plan(), silent)
    assert "in the tenant of the workspace" in (caught.value.next_command or "")
    assert azure.asked == []


@pytest.mark.parametrize("kind", ["online", "batch"])
def test_an_endpoint_that_azure_never_finishes_is_told_and_not_begun_twice_and_a_failed_one_is_made_anew(
    azure: Cloud, plan: Callable[..., Any], kind: str
) -> None:
    wanted = plan(kind=kind, patience=1.0)
    azure.fail[f"{kind}Endpoints/{ENDPOINT}"] = "never"
    with pytest.raises(ServiceError, match="the endpoint parts was not ready after 1 s"):
        carry_out(wanted, silent)
    azure.asked.clear()
    with pytest.raises(ServiceError, match="somebody is changing it, or it is stuck") as caught:
        carry_out(wanted, silent)
    assert f"az ml {kind}-endpoint show --name parts" in (caught.value.next_command or "")
    assert azure.asked == []
    azure.resources[f"{kind}Endpoints/{ENDPOINT}"]["properties"]["provisioningState"] = "Failed"
    azure.fail.clear()
    assert carry_out({**wanted, "patience": 60.0}, silent)["deployment"] == "blue"


def test_a_batch_deployment_azure_does_not_make_leaves_jobs_where_they_went(
    azure: Cloud, plan: Callable[..., Any]
) -> None:
    version_1_answers(azure, plan, "batch")
    azure.fail[f"batchEndpoints/{ENDPOINT}/deployments/green"] = "later"
    with pytest.raises(ServiceError) as caught:
        carry_out(plan("2", kind="batch"), silent)
    assert "ask for quota" in (caught.value.next_command or "")
    assert azure.resources[f"batchEndpoints/{ENDPOINT}"]["properties"]["defaults"]["deploymentName"] == "blue"
    assert f"batchEndpoints/{ENDPOINT}/deployments/green" not in azure.resources


def test_a_child_that_ends_without_an_answer_says_what_it_said_last(
    azure: Cloud, plan: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'azure'\" >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(ServiceError, match=r"without an answer: ModuleNotFoundError") as caught:
        carry_out(plan(), silent)
    assert "make azure" in (caught.value.next_command or "")


@pytest.mark.parametrize(
    ("how", "says"), [(429, "run the command again in a minute"), (500, "it goes on from here")], ids=["429", "500"]
)
def test_an_azure_that_throttles_or_fails_is_asked_again_and_then_told(
    azure: Cloud, plan: Callable[..., Any], how: int, says: str
) -> None:
    azure.fail[f"onlineEndpoints/{ENDPOINT}"] = how
    with pytest.raises(ServiceError) as caught:
        carry_out(plan(), silent)
    assert says in (caught.value.next_command or "")
    assert len(azure.writes()) == 4
    assert azure.resources == {}
