"""The process that closes a run whose owner could not.

A run belongs to the process that opened it. When that process is killed (`kill -9`, out of memory, power of the
shell) no handler of its own runs, and MLflow would show RUNNING for ever. So each run has an undertaker: a child in a
session of its own that waits on a pipe. The owner writes one dot when it has closed the run itself. End of file without
a word means the owner is gone: the run is KILLED. Where the server died, the owner writes how the run ended, and the
undertaker closes it as soon as the server answers again, for up to an hour.

Started as a script with `-I`; it imports mlflow only when there is something to bury.
"""

import os
import sys
import time

TAG = "homologate.error"
CLOSED = b"."
PATIENCE_SECONDS, PAUSE_SECONDS = 3600, 2
KILLED = "KILLED\nthe process of this run was killed before it could close it"


def main() -> None:
    """Wait for the owner; close the run it left open."""
    uri, run_id = sys.argv[1:3]
    words = sys.stdin.buffer.read()
    if words == CLOSED:
        return
    status, _, reason = (words.decode("utf-8", "replace") or KILLED).partition("\n")
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            close(uri, run_id, status, reason)
            return
        except Exception:  # whatever a dead server, a full disk or a proxy between makes of it
            time.sleep(PAUSE_SECONDS)


def close(uri: str, run_id: str, status: str, reason: str) -> None:
    """End the run, unless it has ended."""
    from mlflow import MlflowClient
    from mlflow.entities import RunStatus

    client = MlflowClient(tracking_uri=uri)
    if not RunStatus.is_terminated(RunStatus.from_string(client.get_run(run_id).info.status)):
        if reason:
            client.set_tag(run_id, TAG, reason)
        client.set_terminated(run_id, status)


if __name__ == "__main__":
    main()
