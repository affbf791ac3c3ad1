"""The process that closes a run whose owner died.

A run belongs to the process that opened it. When that process is killed (`kill -9`, out of memory, power of the
shell) no handler of its own runs, and MLflow would show RUNNING for ever. So each run has an undertaker: a child in a
session of its own that waits on a pipe. The owner writes one byte when it has closed the run itself; end of file
without that byte means the owner is gone, and the undertaker marks the run KILLED.

Started as a script with `-I`; it imports mlflow only when there is something to bury.
"""

import sys

TAG = "homologate.error"


def main() -> None:
    """Wait for the owner; close the run it left open."""
    uri, run_id = sys.argv[1:3]
    if sys.stdin.buffer.read(1):
        return
    from mlflow import MlflowClient
    from mlflow.entities import RunStatus

    client = MlflowClient(tracking_uri=uri)
    if not RunStatus.is_terminated(RunStatus.from_string(client.get_run(run_id).info.status)):
        client.set_tag(run_id, TAG, "the process of this run was killed before it could close it")
        client.set_terminated(run_id, "KILLED")


if __name__ == "__main__":
    main()
