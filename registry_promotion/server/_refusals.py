"""Our errors in MLflow's clothes, so that its client, its UI and curl all show a person what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from homologate.errors import DataError, HomologateError, ModelError, RefusedError, UsageError

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

__all__ = ["as_mlflow", "refusals_for_mlflow", "status_of"]


def as_mlflow(error: HomologateError) -> MlflowException:
    """The MLflow exception that answers with the right status and the whole text of `error`."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2 as codes

    known = {
        403: codes.PERMISSION_DENIED,
        404: codes.RESOURCE_DOES_NOT_EXIST,
        400: codes.INVALID_PARAMETER_VALUE,
    }
    code = known.get(status_of(error), codes.INTERNAL_ERROR)
    return MlflowException(str(error), error_code=code)


def status_of(error: HomologateError) -> int:
    """The HTTP status of an error of ours."""
    if isinstance(error, RefusedError):
        return 403
    if isinstance(error, ModelError):
        return 404
    return 400 if isinstance(error, (UsageError, DataError)) else 500


@contextmanager
def refusals_for_mlflow() -> Iterator[None]:
    """Turn our errors inside the block into MLflow's."""
    try:
        yield
    except HomologateError as error:
        raise as_mlflow(error) from error
