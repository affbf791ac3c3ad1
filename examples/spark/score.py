"""Score a table on Spark: `spark-submit examples/spark/score.py --model REFERENCE --input ROWS --output FOLDER`.

The driver needs this project; executors need numpy, onnxruntime, tokenizers, pandas and pyarrow. Rows keep their
columns; `label`, `probability`, `threshold`, `truncated`, `fault`, `model_version` and `digest` are appended. One that
cannot be judged keeps its place, with its reason in `fault`. With `--spool`, executors keep the predictions there and
`prediction_id` is appended; `homologate ship --spool …` brings them to the store.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql.functions import lit

from homologate.versions import locate, parse_reference
from serve.spark import Keep, scorer_udf


def arguments() -> argparse.ArgumentParser:
    """What the job takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a model directory or models:/<name>/<version, stage or @alias>")
    parser.add_argument("--input", required=True, help="what Spark reads: a path of its file systems")
    parser.add_argument("--output", required=True, help="the folder to write; it must not exist")
    parser.add_argument("--format", default="parquet", help="parquet, delta, json: of input and output")
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--component-column", help="names the component family of a row, kept beside it (--spool)")
    parser.add_argument("--precision", default="int8", choices=("fp32", "int8"))
    parser.add_argument("--spool", help="a folder every executor can write: keep the predictions there, as `redacted`")
    parser.add_argument("--home", type=Path, default=Path("/tmp/homologate"), help="cache of fetched models")  # noqa: S108
    return parser


def main(words: list[str] | None = None) -> None:
    """Judge every row."""
    asked = arguments().parse_args(words)
    spark = SparkSession.builder.appName("homologate-score").getOrCreate()
    model = locate(parse_reference(asked.model), asked.home)
    keep = Keep(asked.spool, model.name, model.version) if asked.spool else None
    judge = scorer_udf(spark, model.directory, precision=asked.precision, keep=keep)
    rows = spark.read.format(asked.format).load(asked.input)
    columns = [name for name in (asked.text_column, asked.component_column) if name]
    judged = rows.withColumn("verdict", judge(*columns)).select("*", "verdict.*").drop("verdict")
    named = judged.withColumn("model_version", lit(model.version)).withColumn("digest", lit(model.digest))
    named.write.format(asked.format).save(asked.output)


if __name__ == "__main__":
    main()
