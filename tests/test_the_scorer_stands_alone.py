"""The scorer travels into every model directory: it needs numpy, tokenizers and onnxruntime, and nothing of ours."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import homologate.scorer

PACKAGE = Path(homologate.scorer.__file__).parent
HEAVY = ("torch", "transformers", "mlflow", "pandas", "pydantic", "sklearn", "homologate")

ANSWER = """
import json, sys
sys.path[:] = [path for path in sys.path if not path.endswith("src")]
sys.path.insert(0, {code!r})
from homologate_scorer import Scorer
from homologate_scorer.pyfunc import _load_pyfunc
answer = Scorer({model!r}).answer("The lamp cracked below the limit.", explain=True)
served = _load_pyfunc({model!r}).predict(["The lamp cracked below the limit."])[0]
loaded = [name for name in {heavy!r} if name in sys.modules]
print(json.dumps([loaded, answer.label == served["label"], answer.words[0].text]))
"""


def test_a_fresh_interpreter_answers_from_a_copy_without_torch_transformers_mlflow_or_pandas(
    tiny_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(PACKAGE, tmp_path / "code" / "homologate_scorer")
    script = ANSWER.format(code=str(tmp_path / "code"), model=str(tiny_model), heavy=HEAVY)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [[], True, "The"]


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_the_scorer_imports_only_itself_and_its_three_libraries(file: Path) -> None:
    allowed = {"numpy", "tokenizers", "onnxruntime", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert str(node.module).partition(".")[0] in allowed


def test_importing_the_scorer_inside_the_project_loads_no_heavy_library() -> None:
    script = f"import sys, homologate.scorer; print([n for n in {HEAVY[:-1]!r} if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
