"""A gated MLflow server against stock `mlflow server` under the same client load: at least 0.95 of its throughput.

`python benchmarks/bench_gate.py [PAIRS]` prints a line a budget; exit 1 on FAIL. Like is compared with like: both
behind MLflow's basic-auth with the same accounts and the same cache of checked passwords, then both without a login.
The load is what a training and its reader do, over kept connections: open a run, log parameters, metrics and tags,
upload and download an artifact, list, search runs, versions and models, finish. It comes as plain HTTP, so no client of
MLflow's softens the difference. Two servers run side by side; short blocks of load meet them in turn, gated first and
stock first alternately, so that whatever else the machine does meets both sides of a pair. The median of the pairs'
ratios counts, told with the 95 % interval that its order statistics give. The gated registry already holds judged
versions, whose artifacts every upload is held against.
"""

from __future__ import annotations

import http.client
import json
import math
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from homologate.accounts import Login
from homologate.local import Services, program
from homologate.people import People

THRESHOLD = 0.95
CLIENTS = 2
RUNS_A_BLOCK = 2
WARMING = 3
"""Pairs that are thrown away: caches fill and pools open."""
MODEL = "governed"
ADMIN = Login("admin", "of the benchmark only")
AUTHOR = Login("author", "of the benchmark only")
AUTH = """[mlflow]
default_permission = READ
database_uri = sqlite:///{home}/auth.db
admin_username = {login.name}
admin_password = {login.password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 300
"""


class Client:
    """One kept connection of one account."""

    def __init__(self, url: str, login: Login | None) -> None:
        self._line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = login.header if login else {}

    def reconnect(self) -> None:
        """Open the connection anew at the next request."""
        self._line.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; its JSON, or its bytes where they are none."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self._line.request(method, path, raw, {**self._headers, "Content-Type": "application/json"})
        answer = self._line.getresponse()
        told = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} answered {answer.status}: {told[:300]!r}")
        return json.loads(told) if told[:1] == b"{" else told

    def post(self, path: str, **fields: Any) -> Any:
        """A call of MLflow's REST API."""
        return self.ask("POST", f"/api/2.0/mlflow/{path}", fields)

    def lifecycle(self, experiment: str) -> int:
        """One run from open to finished, read as a person reads it; the number of requests."""
        run = self.post("runs/create", experiment_id=experiment, start_time=1, run_name="bench")["run"]["info"]
        id_, artifacts = run["run_id"], urlsplit(run["artifact_uri"]).path.strip("/")
        params = [{"key": f"p{n}", "value": str(n)} for n in range(20)]
        self.post("runs/log-batch", run_id=id_, params=params, metrics=[], tags=[])
        for step in range(10):
            self.post("runs/log-metric", run_id=id_, key="loss", value=1 / (step + 1), timestamp=step, step=step)
        for block in range(3):
            metrics = [{"key": f"m{n}", "value": 0.1, "timestamp": block, "step": block} for n in range(50)]
            self.post("runs/log-batch", run_id=id_, metrics=metrics, params=[], tags=[])
        self.post("runs/set-tag", run_id=id_, key="step", value="train")
        for name in ("model.onnx", "tokenizer.json"):
            self.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{artifacts}/model/{name}", b"x" * 65536)
        self.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{artifacts}/model/model.onnx")
        self.ask("GET", f"/api/2.0/mlflow/artifacts/list?run_id={id_}&path=model")
        self.post("runs/search", experiment_ids=[experiment], max_results=20, filter="metrics.loss < 2")
        self.ask("GET", f"/api/2.0/mlflow/model-versions/search?filter=name%3D%27{MODEL}%27&max_results=20")
        self.ask("GET", "/api/2.0/mlflow/registered-models/search?max_results=20")
        self.ask("GET", f"/api/2.0/mlflow/runs/get?run_id={id_}")
        self.post("runs/update", run_id=id_, status="FINISHED", end_time=2)
        return 25


class Side:
    """One server with its clients."""

    def __init__(self, url: str, login: Login | None) -> None:
        self._clients = [Client(url, login) for _ in range(CLIENTS)]
        self.experiment = self._clients[0].post("experiments/create", name="bench")["experiment_id"]
        self.first = self._clients[0]

    def throughput(self, pool: ThreadPoolExecutor) -> float:
        """Requests a second over one block of load."""
        for client in self._clients:
            client.reconnect()  # the server closed what was idle while the other side was measured
        begun = time.perf_counter()
        made = pool.map(
            lambda client: sum(client.lifecycle(self.experiment) for _ in range(RUNS_A_BLOCK)), self._clients
        )
        return sum(made) / (time.perf_counter() - begun)


@contextmanager
def served(home: Path, *, gated: bool, login: bool) -> Iterator[str]:
    """A server, gated or stock, with or without a login; its address."""
    (home / "auth.ini").write_text(AUTH.format(home=home, login=ADMIN))
    promotion = {"models": [MODEL], "policies": "demo", "login": "basic-auth" if login else "none"}
    (home / "homologate.yaml").write_text(json.dumps({"home": str(home), "promotion": promotion}))
    app = ["--app-name", "homologate"] if gated else ["--app-name", "basic-auth"] if login else []

    def command(port: int) -> list[str]:
        stores = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
        return [
            program("mlflow"),
            "server",
            *app,
            *stores,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
        ]

    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(home / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the benchmark only",  # pragma: allowlist secret
        "HOMOLOGATE_SETTINGS": str(home / "homologate.yaml"),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    services = Services(home / "services")
    quiet = {"say": lambda line: None, "about": "benchmark", "port": 5490, "ready": "/health"}
    try:
        url = services.start("server", command, environment=environment, **quiet).url
        if login:
            People(url, ADMIN).add(*AUTHOR)
        yield url
    finally:
        services.stop()


def judge_something(side: Side) -> None:
    """Give a registry versions of a governed model, and where there is a gate ask for each: then they are judged."""
    client = side.first
    client.reconnect()
    client.post("registered-models/create", name=MODEL)
    for _ in range(5):
        run = client.post("runs/create", experiment_id=side.experiment, start_time=1)["run"]["info"]
        artifacts = urlsplit(run["artifact_uri"]).path.strip("/")
        client.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{artifacts}/model/model.onnx", b"x" * 1024)
        source = f"{run['artifact_uri']}/model"
        client.post("model-versions/create", name=MODEL, source=source, run_id=run["run_id"])


def ratios(rounds: int, *, login: bool) -> list[float]:
    """Gated over stock throughput, a ratio a pair."""
    with (
        TemporaryDirectory() as ours,
        TemporaryDirectory() as theirs,
        served(Path(ours), gated=True, login=login) as gated,
        served(Path(theirs), gated=False, login=login) as stock,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        account = AUTHOR if login else None
        sides = {"gated": Side(gated, account), "stock": Side(stock, account)}
        for side in sides.values():
            judge_something(side)
        for version in range(1, 6) if login else ():
            asked = {"model": MODEL, "version": str(version), "stage": "Staging", "reason": "a benchmark"}
            sides["gated"].first.reconnect()
            sides["gated"].first.ask("POST", "/homologate/api/requests", asked)
        found = []
        for number in range(WARMING + rounds):
            names = list(sides) if number % 2 else list(sides)[::-1]
            measured = {name: sides[name].throughput(pool) for name in names}
            if number >= WARMING:
                found.append(measured["gated"] / measured["stock"])
                print({name: round(value) for name, value in measured.items()}, file=sys.stderr, flush=True)
    return found


def median_of(found: list[float]) -> tuple[float, float, float]:
    """The median and a 95 % interval for it from the order statistics, whatever the noise is distributed like."""
    ordered, n = sorted(found), len(found)
    cut = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
    return statistics.median(ordered), ordered[cut], ordered[n - 1 - cut]


def main(words: list[str]) -> int:
    """Measure and print."""
    rounds = int(words[0]) if words else 30
    met = True
    for told, login in (("both with basic-auth", True), ("both without a login", False)):
        ratio, low, high = median_of(ratios(rounds, login=login))
        met &= ratio >= THRESHOLD
        verdict = "ok" if ratio >= THRESHOLD else "FAIL"
        found = f"{ratio:.2f} ({low:.2f} to {high:.2f}, {rounds} pairs)"
        print(f"| gated MLflow server against stock, {told} | {found} | >= {THRESHOLD} | {verdict} |", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
