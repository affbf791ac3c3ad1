"""An edge package answers only as the bytes that were packed and signed, on a bare Python without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import digest_of, load_trusted_keys, make_signing_key, verify_envelope
from homologate.errors import ModelError, RefusedError, UsageError
from homologate.scorer import Scorer
from serve.edge import Made

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."
OFFLINE = """
import fcntl, json, socket, struct, subprocess, sys, time, urllib.request
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
interfaces = [name for _, name in socket.if_nameindex()]
device = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
for _ in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:5200/health", timeout=5)
        break
    except OSError:
        time.sleep(0.1)
question = json.dumps({"text": "%s", "explain": True}).encode()
with urllib.request.urlopen("http://127.0.0.1:5200/v1/score", question) as answer:
    told = json.load(answer)
with urllib.request.urlopen("http://127.0.0.1:5200/health") as answer:
    health = json.load(answer)
device.terminate()
print(json.dumps({"interfaces": interfaces, "answer": told, "health": health, "exit": device.wait(30)}))
"""


@pytest.fixture
def copy(edge: Made, tmp_path: Path) -> Path:
    """A package to spoil."""
    return shutil.copytree(edge.folder, tmp_path / "copy")


def probed(python: Path, folder: Path, trusted: Path | None = None) -> subprocess.CompletedProcess[str]:
    words = ["-I", str(folder / "package/edge.pyz"), "probe", "--trusted", str(trusted or folder / "trusted")]
    return subprocess.run([str(python), *words], capture_output=True, text=True)


def test_it_starts_and_answers_on_a_bare_python_without_a_network(
    edge: Made, bare_python: Path, directory: Path, tmp_path: Path
) -> None:
    entry = next(line for line in (edge.folder / "Dockerfile").read_text().split("\n\n") if "ENTRYPOINT" in line)
    words = json.loads(entry.partition("ENTRYPOINT ")[2].replace("\\\n", ""))
    command = [word.replace("/opt/homologate", str(edge.folder)) for word in words[1:]]
    command[command.index("0.0.0.0")] = "127.0.0.1"  # noqa: S104 (what the image says)
    alone = ["unshare", "--net", "--map-root-user"]
    inside = alone if subprocess.run([*alone, "true"], capture_output=True).returncode == 0 else []
    driver = [str(bare_python), "-c", OFFLINE % TEXT, str(bare_python), *command, "--home", str(tmp_path / "home")]
    done = subprocess.run([*inside, *driver], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if inside:
        assert told["interfaces"] == ["lo"]
    expected = Scorer(directory, "int8").answer(TEXT, explain=True)
    answer, health = told["answer"], told["health"]
    assert answer["label"] == expected.label
    assert answer["probabilities"]["non-compliant"] == expected.probability
    assert [word["text"] for word in answer["words"]] == [word.text for word in expected.words]
    assert answer["model"]["digest"] == digest_of(directory)
    assert answer["model"] == health["model"]
    assert health["package"] == edge.digest
    assert health["waiting_to_be_forwarded"] == 1
    assert health["memory_mb"] < 150
    assert told["exit"] == 0


def test_three_libraries_are_all_it_needs(edge: Made, bare_python: Path) -> None:
    pins = (edge.folder / "package/requirements.txt").read_text().split()
    assert [pin.partition("==")[0] for pin in pins] == ["numpy", "onnxruntime", "tokenizers"]
    folders = {
        path.name.partition("-")[0] for path in bare_python.parents[1].glob("lib/python3*/site-packages/*.dist-info")
    }
    assert folders == {"numpy", "onnxruntime", "tokenizers"}
    assert probed(bare_python, edge.folder).returncode == 0


def spoiled(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each way to spoil a package: what it is, and how it is done."""
    package = folder / "package"

    def flip(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(bytes(data))

    for file in sorted(package.rglob("*")):
        if file.is_file() and file.name != "edge.pyz":  # a changed runtime cannot be trusted to say so
            yield f"one bit of {file.name}", lambda file=file: flip(file)  # type: ignore[misc]
    yield "a file too many", lambda: (package / "model" / "more.onnx").write_bytes(b"x")
    yield "a file too few", (package / "node" / "score.mjs").unlink
    yield "a link", lambda: (package / "link").symlink_to("/etc/passwd")
    yield "one bit of the envelope", lambda: flip(folder / "package.intoto.json")
    yield "no envelope", (folder / "package.intoto.json").unlink


def test_every_changed_byte_is_refused(edge: Made, bare_python: Path, tmp_path: Path) -> None:
    # One process tries them all: what is asked is what the runtime's own check says.
    ways = len(list(spoiled(edge.folder)))
    folders = []
    for number in range(ways):
        folder = shutil.copytree(edge.folder, tmp_path / str(number))
        list(spoiled(folder))[number][1]()
        folders.append(str(folder))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from homologate_edge._package import open_package\n"
        "from homologate_edge._faults import RefusedFault\n"
        "for folder in sys.argv[2:]:\n"
        "    try:\n"
        "        open_package(Path(folder), Path(folder) / 'trusted'); print('ACCEPTED', folder)\n"
        "    except RefusedFault as fault: print('refused', fault.problem)\n"
    )
    program = str(edge.folder / "package/edge.pyz")
    done = subprocess.run(
        [bare_python, "-I", "-c", code, program, *folders], capture_output=True, text=True, check=True
    )
    told = done.stdout.splitlines()
    assert len(told) == ways > 14
    assert [line for line in told if not line.startswith("refused")] == []
    assert any("more.onnx" in line for line in told)


def test_only_keys_the_device_was_given_are_believed(copy: Path, bare_python: Path, tmp_path: Path) -> None:
    stranger = make_signing_key(tmp_path / "stranger")
    (tmp_path / "keys").mkdir()
    done = probed(bare_python, copy, tmp_path / "keys")
    assert (done.returncode, "trusts no key" in done.stderr) == (2, True)
    (tmp_path / "keys" / "stranger.pem").write_text(stranger.public.pem)
    done = probed(bare_python, copy, tmp_path / "keys")
    assert (done.returncode, "does not trust" in done.stderr) == (7, True)


def test_a_probe_that_is_answered_otherwise_is_told(
    copy: Path, edge: Made, bare_python: Path, signed_again: Callable[[Made], None]
) -> None:
    probe = json.loads((copy / "package/probe.json").read_text())
    probe[0]["probability"] = 0.5 if abs(probe[0]["probability"] - 0.5) > 0.1 else 0.9
    (copy / "package/probe.json").write_text(json.dumps(probe))
    signed_again(edge._replace(folder=copy))
    done = probed(bare_python, copy)
    assert done.returncode == 6
    assert f"expected was {probe[0]['label']} {probe[0]['probability']:.6f}" in done.stderr


def test_the_same_version_packs_to_the_same_bytes(pack: Callable[..., Made], edge: Made, directory: Path) -> None:
    again = pack(directory)
    assert again.digest == edge.digest
    # An ECDSA signature holds a random number; everything it signs is equal.
    trusted = load_trusted_keys("", again.folder / "trusted")
    one, other = (verify_envelope((m.folder / "package.intoto.json").read_bytes(), trusted) for m in (edge, again))
    assert one.digest == other.digest


def test_nothing_but_approved_bytes_is_packed(
    pack: Callable[..., Made], edge: Made, directory: Path, tmp_path: Path
) -> None:
    from homologate.versions import Approval
    from serve.edge import make_package

    approval = Approval(**json.loads((edge.folder / "package/edge.json").read_text())["approval"])
    changed = shutil.copytree(directory, tmp_path / "changed")
    (changed / "reference.json").write_text("{ }")
    key = make_signing_key(tmp_path)
    with pytest.raises(RefusedError, match="approved was sha256"):
        make_package(changed, approval, tmp_path / "out", key)
    assert not (tmp_path / "out").exists()
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        make_package(directory, approval, tmp_path / "there", key)
    (changed / "model.int8.onnx").unlink()
    with pytest.raises(ModelError, match=r"no model\.int8\.onnx"):
        pack(changed)


def test_the_image_and_the_deployment_name_what_is_there(edge: Made) -> None:
    lines = (edge.folder / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied
    assert all((edge.folder / name).exists() for name in copied)
    assert any(line.startswith("USER ") and "root" not in line for line in lines)
    assert f'homologate.package="{edge.digest}"' in "\n".join(lines)
    content = json.loads((edge.folder / "deployment.json").read_text())["modulesContent"]
    assert set(content) == {"$edgeAgent", "$edgeHub"}
    agent = content["$edgeAgent"]["properties.desired"]
    assert agent["schemaVersion"] == content["$edgeHub"]["properties.desired"]["schemaVersion"] == "1.1"
    assert set(agent["systemModules"]) == {"edgeAgent", "edgeHub"}
    module = agent["modules"]["classifier"]
    assert (module["type"], module["status"], module["restartPolicy"]) == ("docker", "running", "always")
    settings = module["settings"]
    assert settings["image"] == edge.image == "component-classifier-edge:7"
    pieces = [settings[name] for name in sorted(settings) if name.startswith("createOptions")]
    assert all(len(piece) <= 512 for piece in pieces)
    options = json.loads("".join(pieces))
    (binding,) = options["HostConfig"]["PortBindings"]["5200/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    assert options["HostConfig"]["Binds"] == ["homologate:/var/lib/homologate"]
    assert "VOLUME /var/lib/homologate" in lines
