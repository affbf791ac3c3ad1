"""No client, route, spelling or tag puts a governed version into a stage, or an alias on it, without a decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def version(gated: Any, make_version: Callable[..., str]) -> str:
    """A version nobody judged. Every attack must leave it as it is, so one is enough."""
    return make_version(gated)


MOVE = "/api/2.0/mlflow/model-versions/transition-stage"
ALIAS = "/api/2.0/mlflow/registered-models/alias"


def test_the_stock_client_is_told_what_to_do_when_it_moves_a_version_nobody_judged(gated: Any, version: str) -> None:
    with pytest.raises(Exception, match="PERMISSION_DENIED") as caught:
        gated.client("dan").transition_model_version_stage("brakes", version, "Production")
    told = str(caught.value)
    assert version in told
    assert "homologate request" in told
    assert gated.stage(version) == "None"


@pytest.mark.parametrize("person", ["dan", "admin"])
@pytest.mark.parametrize("stage", ["Production", "Staging", "production", "STAGING"])
def test_no_account_moves_a_version_that_was_not_judged(gated: Any, version: str, person: str, stage: str) -> None:
    answer = gated.ask(person, "POST", MOVE, {"name": "brakes", "version": version, "stage": stage})
    assert answer.status == 403
    assert answer.json["error_code"] == "PERMISSION_DENIED"
    assert gated.stage(version) == "None"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (MOVE, {}),
        (MOVE.replace("/api/", "/ajax-api/"), {}),
        (MOVE.replace("/mlflow/", "//mlflow/"), {}),
        (MOVE.replace("-", "%2D"), {}),
        (MOVE.replace("/api/2.0/", "/api/3.0/"), {}),
        (MOVE + "/", {}),
        (MOVE.replace("/mlflow/", "/mlflow/x/../"), {}),
        (MOVE.upper(), {}),
        (MOVE, {"Content-Encoding": "identity"}),
        (MOVE, {"Content-Type": "text/plain"}),
        (MOVE, {"Content-Type": "application/json; charset=utf-16"}),
        (MOVE, {"X-HTTP-Method-Override": "PATCH"}),
        (MOVE + "?name=brakes&stage=Production&version=1", {}),
    ],
)
def test_no_spelling_of_the_route_goes_around_the_gate(
    gated: Any, version: str, path: str, headers: dict[str, str]
) -> None:
    body = {"name": "brakes", "version": version, "stage": "Production", "archive_existing_versions": True}
    assert gated.ask("dan", "POST", path, body, headers=headers).status >= 300
    assert gated.stage(version) == "None"


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "brakes", "name": "axles", "version": "%s", "stage": "Production"}',
        b'{"name": "axles", "name": "brakes", "version": "%s", "stage": "Production"}',
        b'{"stage": "None", "name": "brakes", "version": "%s", "stage": "Production"}',
        b'{"name": "br\\u0061kes", "version": "%s", "stage": "Production"}',
        b'{"name": "brakes", "version": "0%s", "stage": "Production"}',
        b'{"name": "brakes", "version": " %s", "stage": "Production"}',
        b'{"name": "BRAKES", "version": "%s", "stage": "Production"}',
        b'\xef\xbb\xbf{"name": "brakes", "version": "%s", "stage": "Production"}',
    ],
)
def test_no_way_of_writing_the_body_goes_around_the_gate(gated: Any, version: str, body: bytes) -> None:
    assert gated.ask("dan", "POST", MOVE, body % version.encode()).status >= 400
    assert gated.stage(version) == "None"


@pytest.mark.parametrize("alias", ["champion", "challenger", "Champion", "CHAMPION"])
def test_no_account_gives_an_alias_of_a_stage_to_a_version_that_was_not_judged(
    gated: Any, version: str, alias: str
) -> None:
    for path in (ALIAS, ALIAS.replace("/api/", "/ajax-api/")):
        answer = gated.ask("dan", "POST", path, {"name": "brakes", "alias": alias, "version": version})
        assert answer.status == 403
    assert gated.alias(alias) != version


def test_an_alias_of_the_users_own_is_free(gated: Any, version: str) -> None:
    gated.client("dan").set_registered_model_alias("brakes", "favourite", version)
    assert gated.alias("favourite") == version
    gated.client("dan").delete_registered_model_alias("brakes", "favourite")


def test_a_tag_that_claims_approval_is_refused_and_would_change_nothing(gated: Any, version: str) -> None:
    client = gated.client("dan")
    for key in ("gate.state", "gate.status", "Gate.state", "gate.registered_by"):
        with pytest.raises(Exception, match="written by the gate alone"):
            client.set_model_version_tag("brakes", version, key, "approved")
    with pytest.raises(Exception, match="written by the gate alone"):
        client.delete_model_version_tag("brakes", version, "gate.registered_by")
    with pytest.raises(Exception, match="written by the gate alone"):
        client.set_registered_model_tag("brakes", "gate.state", "approved")
    client.set_model_version_tag("brakes", version, "approved", "yes, by everybody")
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        client.transition_model_version_stage("brakes", version, "Production")


def test_a_version_is_born_without_tags_of_the_gate(gated: Any, version: str) -> None:
    known = gated.client("ann").get_model_version("brakes", version)
    claims = {"gate.state": "approved", "Gate.registered_by": "cleo", "mine": "yes"}
    made = gated.client("dan").create_model_version(
        "brakes", known.source, run_id=known.run_id, tags=claims, await_creation_for=0
    )
    assert gated.client("dan").get_model_version("brakes", made.version).tags == {
        "gate.registered_by": "dan",
        "mine": "yes",
    }


def test_nobody_can_say_that_somebody_else_made_a_run(gated: Any) -> None:
    client = gated.client("dan")
    experiment = client.create_experiment("claims")
    run = client.create_run(experiment, tags={"gate.author": "ann", "mlflow.user": "ann"})
    assert client.get_run(run.info.run_id).data.tags["gate.author"] == "dan"
    with pytest.raises(Exception, match="written by the gate alone"):
        client.set_tag(run.info.run_id, "gate.author", "ann")
    with pytest.raises(Exception, match="written by the gate alone"):
        client.delete_tag(run.info.run_id, "gate.author")
    assert client.get_run(run.info.run_id).data.tags["gate.author"] == "dan"


def test_graphql_writes_nothing(gated: Any, version: str) -> None:
    for name in ("transitionModelVersionStage", "mlflowTransitionModelVersionStage", "setRegisteredModelAlias"):
        given = f'{{name: "brakes", version: "{version}", stage: "Production"}}'
        query = f"mutation {{ {name}(input: {given}) {{ __typename }} }}"
        answer = gated.ask("dan", "POST", "/graphql", {"query": query, "operationName": None, "variables": {}})
        assert answer.json["errors"]
    assert gated.stage(version) == "None"


def test_a_prompt_under_a_governed_name_gets_no_alias_of_a_stage(gated: Any, version: str) -> None:
    with pytest.raises(Exception, match="names no run"):
        gated.client("dan").register_prompt("brakes-prompt", "Judge {{part}}")
    before = gated.alias("champion")
    for name in ("brakes-prompt", "brakes"):
        body = {"name": name, "alias": "champion", "version": version}
        assert gated.ask("dan", "POST", ALIAS, body).status >= 400
    assert gated.alias("champion") == before


def test_a_webhook_is_told_and_moves_nothing(gated: Any, version: str) -> None:
    body = {
        "name": "mine",
        "url": "https://example.org/hook",
        "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}],
        "stage": "Production",
    }
    gated.ask("dan", "POST", "/api/2.0/mlflow/webhooks", body)
    assert gated.stage(version) == "None"


def test_extra_fields_in_other_requests_move_nothing(gated: Any, version: str) -> None:
    body = {
        "name": "brakes",
        "version": version,
        "description": "x",
        "stage": "Production",
        "current_stage": "Production",
    }
    assert gated.ask("dan", "PATCH", "/api/2.0/mlflow/model-versions/update", body).status == 200
    assert gated.stage(version) == "None"


def test_a_copy_of_an_approved_version_is_not_approved(gated: Any, make_version: Callable[..., str]) -> None:
    approved = make_version(gated)
    gated.approved(approved, "Staging")
    dan = gated.client("dan")
    dan.create_registered_model("brakes-copied")
    for target in ("brakes", "brakes-copied"):
        copy = dan.copy_model_version(f"models:/brakes/{approved}", target)
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            dan.transition_model_version_stage(target, copy.version, "Staging")
        assert gated.stage(copy.version, target) == "None"


def test_a_model_cannot_be_staged_elsewhere_and_renamed_into_place(gated: Any) -> None:
    dan = gated.client("dan")
    run = dan.create_run(dan.create_experiment("elsewhere"))
    dan.log_text(run.info.run_id, "evil", "model/model.onnx")
    dan.create_registered_model("ungoverned")
    dan.create_model_version("ungoverned", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    dan.transition_model_version_stage("ungoverned", "1", "Production")
    with pytest.raises(Exception, match="cannot be renamed"):
        dan.rename_registered_model("ungoverned", "brakes-new")


def test_models_that_are_not_governed_behave_as_in_stock_mlflow(gated: Any) -> None:
    dan = gated.client("dan")
    run = dan.create_run(dan.create_experiment("free"))
    dan.log_text(run.info.run_id, "one", "model/model.onnx")
    dan.create_registered_model("free", tags={"gate.mine": "yes"})
    dan.create_model_version("free", "s3://somewhere/else")
    dan.create_model_version("free", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    dan.set_model_version_tag("free", "1", "gate.state", "mine")
    for version in ("1", "2"):
        dan.transition_model_version_stage("free", version, "Production")
    assert gated.in_stage("Production", "free") == ["2", "1"]
    dan.set_registered_model_alias("free", "champion", "1")
    dan.delete_registered_model_alias("free", "champion")
    dan.log_text(run.info.run_id, "two", "model/other.onnx")
    dan.delete_model_version("free", "1")
    dan.rename_registered_model("free", "freer")
    dan.delete_registered_model("freer")


def test_without_a_login_nothing_is_read_or_written(gated: Any, version: str) -> None:
    body = {"name": "brakes", "version": version, "stage": "Production"}
    for method, path in (
        ("POST", MOVE),
        ("POST", "/homologate/api/requests"),
        ("GET", "/homologate/"),
        ("GET", "/homologate/api/ledger/head"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x/artifacts/y"),
    ):
        assert gated.ask(None, method, path, body if method != "GET" else None).status == 401
