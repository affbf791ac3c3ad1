"""What was accepted reaches the store exactly once: whoever is killed, whatever disk or store refuses.

Every test counts. A record is accepted when its line stands whole in the spool (`Collector.counts`).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from waiting import until

from homologate.collection import FolderStore, Reading, places, ship
from homologate.errors import StorageError
from homologate.scorer.collector import Collector, Privacy, Spool, adopt
from tests.collection.conftest import record

WRITER = """
    import itertools, sys, time
    from homologate.scorer.collector import Collector, Privacy, Spool
    from tests.collection.conftest import record
    collector = Collector(Spool(sys.argv[1], roll_bytes=20_000), Privacy("full"))
    for number in itertools.count():
        collector.offer(record(f"{sys.argv[2]}-{number}", "text " * 20))
        if number % 20 == 0:
            print(collector.counts()["accepted"], flush=True)
            time.sleep(0.01)
"""
SHIPPER = """
    import os, signal, sys
    from homologate.collection import FolderStore, ship
    class Dying(FolderStore):
        left = int(sys.argv[3])
        def put(self, name, data):
            if self.left == 0 and sys.argv[4] == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            stored = super().put(name, data)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            Dying.left -= 1
            return stored
    ship(sys.argv[1], Dying(sys.argv[2]))
"""
FULL_DISK = """
    import resource, signal, sys, time
    from homologate.scorer.collector import Collector, Privacy, Spool
    from tests.collection.conftest import record
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the kernel cuts the write short and refuses the next one
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_001, hard))
    collector = Collector(Spool(sys.argv[1]), Privacy("full"))
    for number in range(200):
        collector.offer(record(f"r{number}", "text " * 20))
        while number == 9 and collector.counts()["waiting"]:
            time.sleep(0.01)
    time.sleep(0.2)
    print(collector.counts())
    if sys.argv[2] == "freed":
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        time.sleep(1.3)
    collector.close()
    print(collector.counts())
"""


def child(script: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def stored(store: FolderStore) -> Counter[str]:
    """How often each prediction's output lies in the store, counted in the raw files."""
    found: Counter[str] = Counter()
    for place in places(store):
        if place.collection == "model_outputs":
            lines = store.read(place.name).decode().splitlines()
            found.update(line.partition('"prediction_id":"')[2].partition('"')[0] for line in lines)
    return found


def collect(spool: Path, count: int, **given: int) -> Collector:
    collector = Collector(Spool(spool, **given), Privacy("full"))
    for number in range(count):
        assert collector.offer(record(f"r{number}", f"text {number}"))
        if number % 100 == 99:
            time.sleep(0.06)
    return collector


def test_writers_killed_at_any_moment_lose_nothing_accepted(tmp_path: Path, store: FolderStore) -> None:
    accepted = {}
    for life in range(3):
        with child(WRITER, tmp_path / "spool", life) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                accepted[life] = int(line)
                if accepted[life] > 150 * (life + 1):
                    break
            time.sleep(random.uniform(0, 0.05))
            writer.kill()
            accepted[life] = max([accepted[life], *map(int, writer.stdout.read().splitlines()[:-1])])
    ship(tmp_path / "spool", store)
    found = stored(store)
    assert set(found.values()) == {1}
    for life, count in accepted.items():
        numbers = sorted(int(key.partition("-")[2]) for key in found if key.startswith(f"{life}-"))
        assert numbers == list(range(len(numbers))), "records are accepted in the order they were offered"
        assert len(numbers) >= count
    reading = Reading(store, "brakes")
    assert len(list(reading)) == len(found)
    assert not reading.faults


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("puts", [0, 1, 3])
def test_a_shipper_killed_at_any_file_doubles_nothing(
    puts: int, moment: str, tmp_path: Path, store: FolderStore
) -> None:
    collect(tmp_path / "spool", 300, roll_bytes=20_000).close()
    with child(SHIPPER, tmp_path / "spool", store, puts, moment) as dying:
        assert dying.wait(30) == -signal.SIGKILL
    counts = ship(tmp_path / "spool", store)
    assert counts["known"] + counts["records"] <= 600
    assert stored(store) == {f"r{number}": 1 for number in range(300)}
    assert list((tmp_path / "spool").glob("*.ready")) == []


@pytest.mark.parametrize("end", ["freed", "full"])
def test_a_full_disk_keeps_what_was_accepted_and_counts_the_rest(end: str, tmp_path: Path, store: FolderStore) -> None:
    with child(FULL_DISK, tmp_path / "spool", end) as writer:
        assert writer.stdout is not None
        during, after = (eval(line) for line in writer.stdout)  # noqa: S307 (our own child's dict)
    assert 0 < during["accepted"] < 200
    assert during["waiting"] == 200 - during["accepted"]
    ship(tmp_path / "spool", store)
    assert stored(store) == {f"r{number}": 1 for number in range(after["accepted"])}
    if end == "freed":
        assert after["accepted"] == 200
    else:
        assert after["accepted"] == during["accepted"]
        assert after["dropped_disk"] == 200 - after["accepted"]


def test_a_dead_store_leaves_everything_in_the_spool_until_it_is_back(tmp_path: Path, store: FolderStore) -> None:
    store.folder.write_text("no folder")
    collect(tmp_path / "spool", 200, roll_bytes=20_000).close()
    with pytest.raises(StorageError, match="Not a directory"):
        ship(tmp_path / "spool", store)
    store.folder.unlink()
    assert ship(tmp_path / "spool", store)["records"] == 400
    assert stored(store) == {f"r{number}": 1 for number in range(200)}


def test_a_store_that_dies_half_way_gets_the_rest_later_and_nothing_twice(tmp_path: Path, store: FolderStore) -> None:
    class Failing(FolderStore):
        puts = 0

        def put(self, name: str, data: bytes) -> bool:
            self.puts += 1
            if self.puts % 3 == 0:
                raise StorageError("away")
            return super().put(name, data)

    collect(tmp_path / "spool", 400, roll_bytes=20_000).close()
    failing, failures = Failing(store.folder), 0
    while list((tmp_path / "spool").glob("*.ready")):
        try:
            ship(tmp_path / "spool", failing)
        except StorageError:
            failures += 1
    assert failures >= 2
    assert stored(store) == {f"r{number}": 1 for number in range(400)}


def test_a_spool_at_its_bound_refuses_new_records_and_keeps_the_old(tmp_path: Path, store: FolderStore) -> None:
    collector = collect(tmp_path / "spool", 600, roll_bytes=20_000, most_bytes=100_000)
    collector.close()
    counts = collector.counts()
    assert counts["dropped_spool"] > 0
    assert counts["accepted"] + counts["dropped_spool"] == 600
    assert sum(path.stat().st_size for path in (tmp_path / "spool").iterdir()) <= 100_000
    ship(tmp_path / "spool", store)
    assert sum(stored(store).values()) == counts["accepted"]
    more = collect(tmp_path / "spool", 1, most_bytes=100_000)
    more.close()
    assert more.counts()["accepted"] == 1, "what was shipped makes room again"


def test_more_than_may_wait_is_dropped_at_once_and_counted(tmp_path: Path, store: FolderStore) -> None:
    collector = Collector(Spool(tmp_path / "spool"), Privacy(), most_waiting=50, most_characters=1_000)
    taken = [collector.offer(record(f"r{number}", "x" * 10)) for number in range(500)]
    assert not collector.offer(record("long", "x" * 2_000))
    collector.close()
    counts = collector.counts()
    assert counts["accepted"] == sum(taken)
    assert counts["dropped_queue"] == 501 - sum(taken) > 0
    assert not collector.offer(record("late")), "after its end a collector takes nothing"


def test_offering_never_waits_for_the_disk(tmp_path: Path) -> None:
    held = threading.Event()

    class Stuck(Spool):
        def append(self, lines: object) -> None:
            held.wait(5)

    collector = Collector(Stuck(tmp_path / "spool"), Privacy())
    begun = time.perf_counter()
    for number in range(1000):
        collector.offer(record(f"r{number}"))
    assert time.perf_counter() - begun < 1.0
    held.set()
    collector.close()


def test_records_that_never_stop_are_still_forced_to_the_disk_and_shipped(tmp_path: Path, store: FolderStore) -> None:
    going, synced = threading.Event(), 0

    class Endless(Spool):
        def append(self, lines: Iterable[bytes]) -> None:
            super().append(lines)
            if going.is_set():  # another record waits before the writer looks whether any does
                collector.offer(record(f"r{collector.counts()['offered']}"))

        def sync(self) -> None:
            nonlocal synced
            synced += 1
            super().sync()

    collector = Collector(Endless(tmp_path / "spool", roll_bytes=20_000), Privacy("full"), sync_seconds=0.05)
    going.set()
    collector.offer(record("r0"))
    try:
        until(lambda: synced > 3 and len(list((tmp_path / "spool").glob("*.ready"))) > 3, 10, "segment to ship")
        assert ship(tmp_path / "spool", store)["segments"] > 3
    finally:
        going.clear()
        collector.close()
    ship(tmp_path / "spool", store)
    assert stored(store) == {f"r{number}": 1 for number in range(collector.counts()["accepted"])}


def test_threads_and_forked_processes_each_write_their_own_once(tmp_path: Path, store: FolderStore) -> None:
    collector = Collector(Spool(tmp_path / "spool"), Privacy("full"))

    def offer(name: str) -> None:
        for number in range(300):
            collector.offer(record(f"{name}-{number}"))

    threads = [threading.Thread(target=offer, args=[f"t{at}"]) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    forked = subprocess.run([sys.executable, "-c", textwrap.dedent(FORK), str(tmp_path / "spool")], timeout=30)
    assert forked.returncode == 0
    collector.close()
    ship(tmp_path / "spool", store)
    found = stored(store)
    assert set(found.values()) == {1}
    assert len(found) == 4 * 300 + 2 * 100


FORK = """
    import os, sys
    from homologate.scorer.collector import Collector, Privacy, Spool
    from tests.collection.conftest import record
    collector = Collector(Spool(sys.argv[1]), Privacy("full"))
    for number in range(100):
        collector.offer(record(f"parent-{number}"))
    if os.fork() == 0:
        for number in range(100):
            collector.offer(record(f"child-{number}"))
        collector.close()
        os._exit(0)
    assert os.wait()[1] == 0
    collector.close()
"""


def test_a_record_that_cannot_be_written_does_not_keep_the_others(tmp_path: Path, store: FolderStore) -> None:
    collector = Collector(Spool(tmp_path / "spool"), Privacy("full"))
    collector.offer(record("bad", caller=object()))
    collector.offer(record("good", "\ud800 lone surrogate"))
    collector.close()
    assert collector.counts()["dropped_fault"] == 1
    ship(tmp_path / "spool", store)
    assert stored(store) == {"good": 1}


def test_lines_of_nobody_are_set_aside_and_never_leave_the_layout(tmp_path: Path, store: FolderStore) -> None:
    spool = tmp_path / "spool"
    collect(spool, 3).close()
    (ready,) = adopt(spool)
    evil = b"../../etc/x/2026/01/01/00\t{}\nnot a line\n"
    ready.write_bytes(evil + ready.read_bytes())
    assert ship(spool, store)["broken"] == 2
    assert stored(store) == {"r0": 1, "r1": 1, "r2": 1}
    assert ready.with_suffix(".broken").read_bytes() == evil


def test_two_shippers_do_not_work_on_one_spool(tmp_path: Path, store: FolderStore) -> None:
    from homologate.collection._ship import locked

    collect(tmp_path / "spool", 3).close()
    with locked(tmp_path / "spool", 0), pytest.raises(StorageError, match="another process is shipping"):
        ship(tmp_path / "spool", store)
    assert os.listdir(tmp_path / "spool")
