"""Batch: score a file of any length in constant memory, through the scorer that serves.

    facts = score_file("in.csv", "out.csv", model, text_column="text")

CSV (`.csv`, `.csv.gz`), JSON lines (`.jsonl`, `.jsonl.gz`) and Parquet (`.parquet`), in and out, by suffix. Rows keep
their order and their columns; the verdict is appended. A row that cannot be judged is set aside with its reason. A job
that was killed goes on where it stopped.

No torch, transformers, mlflow or pandas may be imported here.
"""

from homologate.batch._job import Model, score_file
from homologate.batch._kept import Keep

__all__ = ["Keep", "Model", "score_file"]
