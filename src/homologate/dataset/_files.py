"""Opening a source, and saying what is wrong with one that cannot be read."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from homologate.errors import DataError

__all__ = ["open_bytes", "unreadable", "wrong_encoding"]


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a plain, `.gz` or single-member `.zip` file.

    Raises:
        DataError: the file does not exist, may not be read, or is not the archive its name says.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                yield stream  # type: ignore[misc]  # a GzipFile is a binary stream
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(path, archive)) as stream:
                yield stream
        else:
            with path.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> DataError:
    """What to tell a user whose file could not be read to its end."""
    if isinstance(error, FileNotFoundError):
        return DataError(
            f"no file {str(path)!r}",
            place="data.source",
            legal="the path of a CSV (.csv, .csv.gz) or FLAT_RCL (.txt, .zip) file, or `synthetic`",
            next_command="correct `data.source` in homologate.yaml",
        )
    broken = isinstance(error, EOFError | gzip.BadGzipFile | zipfile.BadZipFile)
    return DataError(
        f"the compressed file is damaged or cut short: {error}" if broken else f"cannot read the file: {error}",
        place=str(path),
        legal="a whole file this user may read",
        next_command=f"gzip -t {path}  # then fetch the file again" if broken else f"ls -l {path}",
    )


def wrong_encoding(path: Path, encoding: str, error: UnicodeDecodeError) -> DataError:
    """Name the first line of `path` that is not `encoding`."""
    line, found = _first_bad_line(path, encoding)
    return DataError(
        f"byte {found or hex(error.object[error.start])} is not {encoding}",
        place=f"{path}, line {line}" if line else str(path),
        legal=f"text in {encoding}",
        next_command="set `data.encoding` in homologate.yaml, for example to `latin-1` or `cp1252`",
    )


def _first_bad_line(path: Path, encoding: str) -> tuple[int, str]:
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return number, hex(line[error.start])
    return 0, ""


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) != 1:
        raise DataError(
            f"the archive holds {len(members)} files", place=str(path), legal="one file, as NHTSA publishes it"
        )
    return members[0]
