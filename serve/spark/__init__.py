"""Spark: the same scorer as a pandas UDF, one ONNX session in each executor process.

    judge = scorer_udf(spark, "model", precision="int8")
    rows.withColumn("verdict", judge("text")).select("*", "verdict.*")
    judge = scorer_udf(spark, "model", keep=Keep("/mnt/shared/spool", "component-classifier", "7"))    and keeps them
    rows.withColumn("verdict", judge("text", "component"))                                  with their families

Executors need numpy, onnxruntime, tokenizers, pandas and pyarrow, and not this project: the model directory travels to
them whole and brings its own scorer. `mlflow.pyfunc.spark_udf` of the registered version works as well and needs
mlflow on every executor.
"""

from serve.spark._executor import Keep
from serve.spark._udf import VERDICT, scorer_udf

__all__ = ["VERDICT", "Keep", "scorer_udf"]
