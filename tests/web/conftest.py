"""The web app in front of real scoring servers of a real, tiny model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from loopback.registry import House
from loopback.scoring import Server, servers
from waiting import until

from homologate.model_directory import build
from homologate.reference import profile_of
from homologate.scorer import Scorer
from homologate.settings import Settings, load_settings
from serve.server import add_key

if TYPE_CHECKING:
    import pandas as pd

BAD = "The lamp from lot 7 cracked below the limit at 61 units."
GOOD = "The hose from lot 12 held above the limit at 120 units. Tested twice."


@dataclass
class Shop:
    """A version in Production, a server of it that knows its callers, and the app in front."""

    server: Server
    web: Server
    settings: Settings
    version: str
    keys: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def client(self, name: str | None = "line-3") -> Iterator[httpx.Client]:
        """A browser without a window, signed in as somebody."""
        with visiting(self.web) as client:
            if name is not None:
                assert client.post("/sign-in", data={"key": self.keys[name]}).status_code == 200
            yield client


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts `homologate web WORDS…`; all are stopped at the end."""
    with servers(lambda: tmp_path_factory.mktemp("web")) as start:
        yield lambda *words, **named: start(*words, verb="web", **named)


@pytest.fixture(scope="session")
def shop(
    serve: Callable[..., Server],
    web: Callable[..., Server],
    mlflow_server: str,
    tiny_model: Path,
    rows: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Shop:
    """Everything a technician meets, as `homologate serve` and `homologate web` start it."""
    home = tmp_path_factory.mktemp("shop")
    profile = profile_of(rows, Scorer(tiny_model)).files()
    model = build(tiny_model, home / "model", reference=profile, texts=[BAD], run_id="0" * 32, metadata={})
    version = House(mlflow_server, "shop").register(model, stage="Production")
    told = {"model": "shop", "home": str(home), "feedback": {"givers": ["key:line-*"]}}
    (home / "homologate.yaml").write_text(yaml.safe_dump(told))
    keys = {name: add_key(home / "keys.txt", name) for name in ("line-3", "line-4", "visitor")}
    named, where = ["--settings", home / "homologate.yaml"], {"MLFLOW_TRACKING_URI": mlflow_server}
    words = ["models:/shop/Production", *named, "--api-keys", home / "keys.txt", "--poll", "600"]
    server = serve(*words, environment=where)
    app = web("--server", server.url, *named)
    return Shop(server, app, load_settings(home / "homologate.yaml"), version, keys)


def visiting(app: Server) -> httpx.Client:
    """A browser without a window."""
    return httpx.Client(base_url=app.url, follow_redirects=True, timeout=30, headers={"Accept": "text/html"})


def plain(page: httpx.Response | str) -> str:
    """The words of a page, as they are read."""
    from html import unescape

    text = page if isinstance(page, str) else page.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def prediction(page: httpx.Response) -> str:
    """The prediction id that a page shows."""
    found = re.search(r'<dd class="digest">([0-9a-f]{32})</dd>', page.text)
    assert found, plain(page)
    return found[1]


def kept(shop: Shop) -> list[Any]:
    """The feedback in the shop's store and spool."""
    from homologate.collection import feedback, recent_of

    return feedback(recent_of(shop.settings), "shop")


def disputed(client: httpx.Client, address: str, **said: str) -> httpx.Response:
    """Say something to a verdict; again where its record is on its way to the disk."""
    return until(lambda: (told := client.post(address, data=said)).status_code != 404 and told, 10, "kept record")
