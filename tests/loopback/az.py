"""What `az` answers a machine that is logged in: names, tokens, the key in the vault; images and the web app are kept.

`log_in` puts this very file on a path as `az`; its state is a JSON file beside it. It knows the commands this project's
scripts use, word for word, and no other.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

STATE = "az.json"


def log_in(folder: Path, **facts: Any) -> Path:
    """Make `folder/az`; its state.

    Args:
        folder: to be put on a path.
        facts: `subscription`, `group`, `workspace`, `tracking` (address), `token`, `key` (file), `vault`, `registry`,
            `webapp`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "az"
    program.write_text(f"#!{sys.executable} -I\n{Path(__file__).read_text(encoding='utf-8')}", encoding="utf-8")
    program.chmod(0o700)
    state = folder / STATE
    state.write_text(json.dumps({**facts, "images": {}, "slots": {}}), encoding="utf-8")
    return state


def answer(words: list[str], state: dict[str, Any]) -> str:
    """What `az WORDS` prints; what it changes is in `state` after.

    Raises:
        LookupError: Azure would not do it, or nobody here knows the command.
    """
    verb, given = _parsed(words)
    token = {"accessToken": state["token"], "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800}
    match verb:
        case "account show":
            return str(state["subscription"])
        case "account get-access-token":
            return str(state["token"]) if given.get("output") == "tsv" else json.dumps({**token, "tokenType": "Bearer"})
        case "ml workspace show":
            _same(given, name=state["workspace"], group=state["group"])
            return str(state["tracking"])
        case "keyvault secret show":
            _same(given, name="homologate-signing", vault=state["vault"])
            return Path(state["key"]).read_text(encoding="utf-8")
        case "acr build":
            _same(given, registry=state["registry"])
            state["images"][given["image"]] = _built(Path(given["file"]), given["build-arg"])
            return "Run ID: ca1 was successful"
        case "acr repository show":
            _same(given, name=state["registry"])
            if given["image"] not in state["images"]:
                raise LookupError(f"(ManifestUnknown) manifest of {given['image']} is not found")
            return str(state["images"][given["image"]])
    if verb.startswith("webapp "):
        _same(given, name=state["webapp"], group=state["group"])
        return _web(verb.removeprefix("webapp "), given, state)
    raise LookupError(f"az: {verb!r} is not known here")


def _web(verb: str, given: dict[str, str], state: dict[str, Any]) -> str:
    slots = state["slots"]
    slot = slots.setdefault(given.get("slot", "production"), {"image": "", "release": ""})
    match verb:
        case "config show":
            return f"DOCKER|{slot['image']}"
        case "config container set":
            _pulled(given["container-image-name"], state)
            slot["image"] = given["container-image-name"]
            return ""
        case "config appsettings list":
            return str(slot["release"])
        case "config appsettings set":
            slot["release"] = given["settings"].removeprefix("HOMOLOGATE_RELEASE=")
            return "[]"
        case "deployment slot swap":
            other = given["target-slot"]
            slots[given["slot"]], slots[other] = slots.get(other, {"image": "", "release": ""}), slot
            return ""
    raise LookupError(f"az: 'webapp {verb}' is not known here")


def _parsed(words: list[str]) -> tuple[str, dict[str, str]]:
    verb: list[str] = []
    given: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            given[{"resource-group": "group", "vault-name": "vault"}.get(word[2:], word[2:])] = rest.pop(0)
        elif word != ".":  # the folder an image is built of
            verb.append(word)
    return " ".join(verb), given


def _same(given: dict[str, str], **wanted: str) -> None:
    for name, value in wanted.items():
        if given.get(name) != value:
            raise LookupError(f"(ResourceNotFound) {name} {given.get(name)!r} was not found")


def _built(file: Path, argument: str) -> str:
    """The digest of an image; as Azure does, only of files that are in the folder that was sent."""
    text = file.read_text(encoding="utf-8")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        if not any(list(Path().glob(source)) for source in sources.split()):
            raise LookupError(f"COPY failed: no source files were specified: {sources}")
    return f"sha256:{hashlib.sha256((text + argument).encode()).hexdigest()}"


def _pulled(image: str, state: dict[str, Any]) -> None:
    name, _, digest = image.removeprefix(f"{state['registry']}.azurecr.io/").partition("@")
    if digest not in {found for tag, found in state["images"].items() if tag.startswith(f"{name}:")}:
        raise LookupError(f"(DockerApiException) image {image} cannot be pulled")


if __name__ == "__main__":
    file = Path(__file__).with_name(STATE)
    kept = json.loads(file.read_text(encoding="utf-8"))
    try:
        told = answer(sys.argv[1:], kept)
    except LookupError as error:
        sys.exit(f"ERROR: {error}")
    file.write_text(json.dumps(kept), encoding="utf-8")
    print(told)
