"""Every script of every pipeline, run in order on clean machines; what moves a version is the ledger, not a click."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback.agent import Outcome
from loopback.conditions import holds
from loopback.devops import ENDPOINT, MODEL, REGISTRY, WEBAPP, World, devops
from loopback.pipelines import expanded
from loopback.workspace import Workspace

from homologate.tracking import Place, Tracker
from tests.gate.conftest import POLICY
from tests.test_the_lifecycle_runs_end_to_end import write_project
from tests.test_the_loop_closes import moved_world

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(
    azure_ml: Workspace, postgresql_server: str, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A project that learns from a few hundred rows of its own, so simple that a tiny encoder learns them."""
    plain = write_project(tmp_path_factory.mktemp("rows"), "", tiny_encoder, epochs=12, learning_rate=2e-3, threads=1)
    settings = yaml.safe_load(plain.settings_file.read_text())
    told = {name: settings[name] for name in ("data", "training")}
    told["data"]["source"] = "parts.csv"
    told["explanation"] = {"faithfulness_texts": 6, "surrogate_words": 20}
    told |= {"monitoring": {"evidently": False, "look_back": 2}, "retraining": {"least_corrections": 40}}
    files = {"parts.csv": (plain.folder / "parts.csv").read_text()}
    for stage, needed in (("Staging", 1), ("Production", 2)):
        policy = POLICY.format(lower=stage.lower(), stage=stage, approvals=needed, says="Of the tests.")
        files[f"policies/{stage.lower()}.yaml"] = policy
    with devops(tmp_path_factory.mktemp("devops"), azure_ml, postgresql_server, files, told) as made:
        yield made


@pytest.fixture(scope="module")
def built(world: World) -> tuple[Outcome, Path]:
    """The first build and where it published."""
    return world.run("build"), world.artifacts("build")


def said(outcome: Outcome) -> str:
    return "\n".join(f"== {one.stage}/{one.job}: {one.title} → {one.code}\n{one.said}" for one in outcome.ran)


@pytest.mark.slow
def test_a_build_makes_a_registered_version_with_evidence_on_machines_that_knew_nothing(
    world: World, built: tuple[Outcome, Path]
) -> None:
    outcome, artifacts = built
    assert outcome.stages == {"Verify": "Succeeded", "Train": "Succeeded"}, said(outcome)
    assert (artifacts / "version" / "version.txt").read_text() == "1\n"
    commit, image = (artifacts / "web" / "web.txt").read_text().split()
    assert re.fullmatch(rf"{REGISTRY}\.azurecr\.io/homologate-web@sha256:[0-9a-f]{{64}}", image)
    assert commit in world.az.read_text(), "the image is tagged by the commit and released by its digest"
    assert [one.title for one in outcome.ran if one.stage == "Train"] == [
        "Set up", "Train, judge, register", "Say what was made", "Set up", "Build the image in the registry"
    ]  # fmt: skip


@pytest.mark.slow
def test_a_build_of_a_pull_request_trains_nothing(world: World) -> None:
    pipeline = expanded(ROOT / ".azure-pipelines" / "build.yml")
    outcome = world.agent.run(pipeline, {"Build.Reason": "PullRequest"}, world.home / "artifacts-pr")
    assert outcome.stages == {"Verify": "Succeeded", "Train": "Skipped"}, said(outcome)


@pytest.fixture(scope="module")
def stopped(world: World, built: tuple[Outcome, Path]) -> Outcome:
    """The first version's release: signed off for Staging, in the shadow, then clicked on though nobody signed off."""

    def click(what: str) -> bool:
        world.clicks.append(what)
        if what == "homologate-staging":
            world.approve("staging", "ann")
        return True

    world.agent.click = click
    return world.run("release", upstream=built[1])


@pytest.mark.slow
def test_a_click_without_a_decision_in_the_ledger_moves_and_deploys_nothing(world: World, stopped: Outcome) -> None:
    assert stopped.stages == {
        "Staging": "Succeeded", "Shadow": "Succeeded", "Decide": "Succeeded", "Production": "Failed"
    }, said(stopped)  # fmt: skip
    refused = stopped.of("Promote to Production, if the ledger has its sign-offs")
    assert (refused.code, "2 more approvals needed" in refused.said) == (7, True), refused.said
    assert stopped.of("Go back").code == 0, stopped.of("Go back").said
    assert "nothing to take back" in stopped.of("Go back").said
    assert "Deploy, probed and by shares" not in [one.title for one in stopped.ran]
    assert world.stands() == {"Staging": "1", "Production": None}
    assert world.cloud.traffic(ENDPOINT) == {}
    assert world.web().get("production", "") == ""


@pytest.fixture(scope="module")
def released(world: World, built: tuple[Outcome, Path], stopped: Outcome) -> Outcome:
    """The same release, its last stage run again after two people signed off in the gate."""
    world.approve("production", "ann", "bob")
    return world.run("release", upstream=built[1], after=stopped)


def image_of(world: World) -> str:
    """The image the first build made."""
    return (world.home / "artifacts-build-1" / "web" / "web.txt").read_text().split()[1]


@pytest.mark.slow
def test_the_same_click_moves_and_deploys_once_two_people_signed_off(world: World, released: Outcome) -> None:
    assert set(released.stages.values()) == {"Succeeded"}, said(released)
    assert world.clicks == [
        "homologate-staging", "Sign off in the gate, then resume", "homologate-production", "homologate-production"
    ]  # fmt: skip
    assert world.stands()["Production"] == "1"
    assert world.cloud.traffic(ENDPOINT) == {"blue": 100}
    assert "these bytes alone answer" in released.of("Smoke test").said
    assert world.web()["production"] == image_of(world), "the web app is released with the model"
    made = [path for path in world.cloud.writes() if path.startswith("PUT") and "/deployments/" in path]
    assert len(made) == 1, "what answered in the shadow is what was given the traffic"


@pytest.fixture(scope="module")
def drifted(world: World, released: Outcome) -> list[tuple[str, str]]:
    """Yesterday the world moved: prediction ids, each with what is true."""
    rows = moved_world(120)
    ids = world.predict([text for text, _ in rows])
    return list(zip(ids, [truth for _, truth in rows], strict=True))


@pytest.fixture(scope="module")
def lacking(world: World, drifted: list[tuple[str, str]]) -> Outcome:
    """A night with drift, and nobody has said what is true."""
    return world.run("retrain")


@pytest.mark.slow
def test_a_night_with_drift_starts_a_retraining_that_says_what_it_lacks(world: World, lacking: Outcome) -> None:
    watched = lacking.of("Monitor")
    assert (watched.code, lacking.outputs) == (0, {"Watch.monitor.look.cause": "drift"}), watched.said
    assert lacking.stages == {"Watch": "Succeeded", "Learn": "Failed"}, said(lacking)
    assert "reviewed corrections and labels are too few to learn from" in lacking.of("Retrain").said
    assert world.stands()["Production"] == "1"


@pytest.fixture(scope="module")
def retrained(world: World, drifted: list[tuple[str, str]], lacking: Outcome) -> Outcome:
    """The stage that failed, run again after people said what is true and others looked."""
    labels = world.home / "labels.csv"
    labels.write_text("\n".join(["prediction_id,label", *map(",".join, drifted)]) + "\n")
    world.typed("ann", "feedback", str(labels), "--by", "test-bench")
    world.typed("bob", "feedback", "--accept-all", "--by", "maria")
    world.typed("bob", "ship")
    return world.run("retrain", after=lacking)


def requests_of(world: World) -> list[dict[str, Any]]:
    """What was ever asked for, newest first, as the ledger has it."""
    found: list[dict[str, Any]] = world.typed("ann", "request", MODEL, "--list")["requests"]
    return found


@pytest.mark.slow
def test_a_night_with_drift_and_reviewed_corrections_ends_in_a_request_that_waits_with_its_cause(
    world: World, azure_ml: Workspace, retrained: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(retrained.stages.values()) == {"Succeeded"}, said(retrained)
    asked, *others = requests_of(world)
    assert (asked["version"], "2" in {one["version"] for one in others}) == ("2", False), said(retrained)
    assert (asked["state"], asked["stage"], asked["requested_by"]) == ("open", "Production", "homologate-release")
    assert f"request {asked['id']} waits for people" in retrained.of("Retrain").said
    assert "what version 1 is asked has drifted since" in asked["reason"]
    assert "(drifted texts), version 2 is better than 1" in asked["reason"]
    for name, value in world.agent.logged_in.items():
        monkeypatch.setenv(name, value)
    client = Tracker(Place(azure_ml.tracking_uri, "azureml"), experiment="any", home=world.home / "look").client
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    [run] = client.search_runs(everywhere, f"tags.`homologate.request` = '{asked['id']}'")
    assert {"homologate.cause", "homologate.drift.run", "homologate.drift.words"} <= run.data.tags.keys()
    assert world.stands()["Production"] == "1", "it promotes nothing"
    assert world.cloud.traffic(ENDPOINT) == {"blue": 100}


@pytest.mark.slow
def test_the_night_after_asks_for_nothing_again(world: World, retrained: Outcome) -> None:
    before = requests_of(world)
    again = world.run("retrain", after=Outcome({"Watch": "Succeeded"}, outputs=retrained.outputs))
    assert set(again.stages.values()) == {"Succeeded"}, said(again)
    assert "this cause had its retraining" in again.of("Retrain").said
    assert "result=SucceededWithIssues" in again.of("Retrain").said
    assert requests_of(world) == before


def test_a_night_without_drift_trains_nothing() -> None:
    learn = expanded(ROOT / ".azure-pipelines" / "retrain.yml")["stages"][1]["condition"]
    for cause, result, starts in (
        ("drift", "Succeeded", True),
        ("", "Succeeded", False),
        ("drift", "Failed", False),
    ):
        assert holds(learn, {}, {"Watch": result}, {"Watch.monitor.look.cause": cause}) is starts


@pytest.fixture(scope="module")
def asked(world: World, retrained: Outcome) -> str:
    """The release of the retraining's version up to the decision: the request that waits is found, not filed again."""
    world.runs += 1
    found = json.loads(world.shell("homologate-release", "ask 2 Production"))
    folder = world.artifacts("release") / "production"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(json.dumps(found))
    return str(found["request"]["id"])


DECIDED = dict.fromkeys(("Staging", "Shadow"), "Succeeded")


@pytest.mark.slow
def test_a_click_that_rejects_or_never_comes_leaves_registry_endpoint_and_request_as_they_were(
    world: World, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, written = world.stands(), world.cloud.writes()
    for at, ends in (
        ("Sign off in the gate, then resume", {"Decide": "Failed", "Production": "Skipped"}),
        ("homologate-production", {"Decide": "Succeeded", "Production": "Failed"}),
    ):
        for answer in (False, None):  # rejected, timed out
            monkeypatch.setattr(world.agent, "click", lambda what, at=at, answer=answer: answer if what == at else True)
            outcome = world.run("release", after=Outcome(dict(DECIDED)), version="2")
            assert outcome.stages == {**DECIDED, **ends}
            assert outcome.ran == [], "no script runs, so none can go back from what never moved"
    assert (world.stands(), world.cloud.writes()) == (before, written)
    assert world.typed("bob", "request", "--show", asked)["request"]["state"] == "open"


@pytest.mark.slow
def test_a_release_whose_smoke_test_fails_takes_registry_and_endpoint_back_together(
    world: World, built: tuple[Outcome, Path], asked: str
) -> None:
    assert [one["id"] for one in requests_of(world) if one["version"] == "2"] == [asked]
    world.approve("production", "ann", "bob")
    honest = world.cloud.judge

    def wrong_at_the_front_door(deployment: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, told = honest(deployment, body)
        return (status, told) if deployment else (200, {"predictions": [{"label": "pass", "probability": 0.5}]})

    world.cloud.judge = wrong_at_the_front_door
    begun = Outcome({**DECIDED, "Decide": "Succeeded"})
    outcome = world.run("release", upstream=built[1], after=begun, version="2")
    world.cloud.judge = honest
    assert outcome.stages["Production"] == "Failed", said(outcome)
    assert outcome.of("Promote to Production, if the ledger has its sign-offs").code == 0
    assert "the endpoint answered the golden probe with" in outcome.of("Smoke test").said
    assert outcome.of("Go back").code == 0, outcome.of("Go back").said
    assert world.stands()["Production"] == "1"
    assert world.cloud.traffic(ENDPOINT) == {"blue": 100}
    assert world.web()["production"] == image_of(world)


NEXT_IMAGE = """
az acr build --registry $REGISTRY --image homologate-web:next --build-arg COMMIT=next --file docker/web.Dockerfile .
digest=$(az acr repository show --name $REGISTRY --image homologate-web:next --query digest --output tsv)
echo "next $REGISTRY.azurecr.io/homologate-web@$digest" >web.txt
"""


@pytest.mark.slow
def test_a_web_app_that_fails_in_its_slot_never_answers_people_and_one_that_fails_after_the_swap_goes_back(
    world: World, released: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.shell("nobody", NEXT_IMAGE)
    honest, before = world.cloud.site, image_of(world)

    def away_at(host: str) -> Callable[[str], tuple[int, Any]]:
        away = (200, {"status": "ready", "server": "away", "commit": "next"})
        return lambda asked: away if asked.partition(".")[0] == host else honest(asked)

    for host, script in (
        (f"{WEBAPP}-staging", "! web_beside web.txt"),
        (WEBAPP, "web_beside web.txt && ! web_swap web.txt && web_back"),
    ):
        monkeypatch.setattr(world.cloud, "site", away_at(host))
        world.shell("nobody", script)
        assert world.web()["production"] == before, host
    world.shell("nobody", "web_back")
    assert world.web()["production"] == before, "a second way back takes nothing back"
    monkeypatch.setattr(world.cloud, "site", honest)
    world.shell("nobody", "web_beside web.txt && web_swap web.txt && web_beside web.txt && web_swap web.txt")
    assert world.web()["production"] != before, "run again, it stays where it is"
