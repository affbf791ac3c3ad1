"""The lock, conda.yaml, python_env.yaml and MLproject describe one environment and one set of commands."""

from __future__ import annotations

import argparse
import importlib
import itertools
import re
from pathlib import Path

import pytest
import yaml

from homologate.cli import declared_commands

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.M)
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text())


def pins(file: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / "requirements" / file).read_text()))


def test_every_package_of_the_lock_is_pinned_with_hashes() -> None:
    for name in ("lock.txt", "lock-dev.txt", "bootstrap.txt"):
        text = (ROOT / "requirements" / name).read_text()
        entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
        assert entries
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries), name


def test_what_developers_install_is_what_users_install_and_more() -> None:
    assert pins("lock.txt").items() <= pins("lock-dev.txt").items()


def test_conda_installs_the_versions_of_the_lock() -> None:
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    assert conda["dependencies"][-1] == {"pip": ["-r requirements/pins.txt"]}
    assert pins("pins.txt") == {**pins("torch.txt"), **pins("lock.txt")}
    inside = yaml.safe_load((ROOT / "azure" / "jobs" / "conda.yml").read_text())["dependencies"][-1]["pip"]
    listed = (ROOT / "requirements" / "pins.txt").read_text().splitlines()
    assert inside == [line for line in listed if not line.startswith("#")]


def test_python_env_installs_torch_first_and_then_the_hashed_lock() -> None:
    environment = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    assert environment["build_dependencies"][-1] == f"torch=={pins('torch.txt')['torch']}"
    assert environment["dependencies"] == ["-r requirements/lock.txt"]


def test_both_environments_name_the_python_this_project_needs() -> None:
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())
    environment = yaml.safe_load((ROOT / "python_env.yaml").read_text())
    assert conda["dependencies"][0] == f"python={environment['python']}"
    assert f'requires-python = ">={environment["python"]}' in (ROOT / "pyproject.toml").read_text()


def test_no_package_registry_is_named_anywhere_in_the_requirements() -> None:
    for file in (ROOT / "requirements").iterdir():
        assert "://" not in file.read_text(), file.name


@pytest.mark.parametrize("entry_point", PROJECT["entry_points"])
def test_every_parameter_of_an_entry_point_is_an_argument_of_its_verb(entry_point: str) -> None:
    description = PROJECT["entry_points"][entry_point]
    words = description["command"].split()
    assert words[:4] == ["PYTHONPATH=src:.", "python", "-m", "homologate"]
    command = next(command for command in declared_commands() if command.name == words[4])
    parser = argparse.ArgumentParser()
    importlib.import_module(command.module).arguments(parser)
    known = {option for action in parser._actions for option in action.option_strings}
    for option, value in itertools.pairwise(words):
        if option.startswith("--"):
            assert option in known, f"{entry_point} passes {option}, which {command.name} does not take"
            assert value == "{" + option[2:].replace("-", "_") + "}"
    assert set(re.findall(r"{(\w+)}", description["command"])) == set(description["parameters"])
    for parameter in description["parameters"].values():
        assert parameter["type"] in {"string", "float", "path", "uri"}


def test_every_step_of_the_lifecycle_is_an_entry_point() -> None:
    wanted = {"main", "prepare", "train", "tune", "evaluate", "explain", "export", "register", "score", "score_batch"}
    assert wanted <= PROJECT["entry_points"].keys()
