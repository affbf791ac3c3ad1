"""Foreign exceptions of MLflow and its stores, turned into ours at the one border where they cross."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from homologate.accounts import LOG_IN
from homologate.errors import HomologateError, StorageError, TrackingError

__all__ = ["translated"]


@contextmanager
def translated(doing: str, *, uri: str) -> Iterator[None]:
    """Run a block that talks to MLflow; what it raises leaves as `TrackingError` or `StorageError`.

    Args:
        doing: what was attempted, as a phrase that follows "cannot" (`write artifact 'plots/roc.png'`).
        uri: the tracking address, named in the error.
    """
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except HomologateError:
        raise
    except OSError as error:
        # requests' own errors are OSErrors too: those are the server's, the rest are a disk's.
        if isinstance(error, requests.RequestException):
            raise _tracking(doing, error, uri) from error
        raise StorageError(
            f"cannot {doing}: {error.strerror or error}",
            place=str(error.filename or uri),
            next_command="free space or mend the permissions of that folder, then run the command again",
        ) from error
    except Exception as error:
        # Azure ML's client lets through what its storage and REST clients raise, and bare exceptions of its own.
        if not isinstance(error, MlflowException | SQLAlchemyError) and not uri.startswith("azureml:"):
            raise
        if "artifact" in doing:
            raise StorageError(
                f"cannot {doing}: {_first_line(error)}",
                place=uri,
                next_command="look at the server's log and its artifact folder, then run the command again",
            ) from error
        raise _tracking(doing, error, uri) from error


def _tracking(doing: str, error: Exception, uri: str) -> TrackingError:
    if getattr(error, "error_code", None) == "UNAUTHENTICATED":
        return TrackingError(
            f"cannot {doing}: the MLflow server does not know this account or password",
            place=f"$MLFLOW_TRACKING_USERNAME, $MLFLOW_TRACKING_PASSWORD, at {uri}",
            next_command=LOG_IN,
        )
    return TrackingError(
        f"cannot {doing}: {_first_line(error)}",
        place=uri,
        next_command="homologate up  # or mend the server that $MLFLOW_TRACKING_URI names, then run the command again",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:400] if str(error).strip() else type(error).__name__
