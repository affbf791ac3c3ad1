"""A process killed at any instant leaves the ledger whole: no gap, no half row, nothing it promised is lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import time

from registry_promotion.ledger import Entry, Ledger

KILLS = 25
TURN = 3


def write_until_killed(database: str, told: int) -> None:
    ledger = Ledger(database)
    while True:
        with ledger.writing() as writer:
            for _ in range(TURN):
                row = writer.append(Entry("note", who="writer", payload={"filling": "x" * 3000}))
        os.write(told, b"%d\n" % row.seq)


def test_kill_9_at_any_instant_leaves_no_gap_and_no_half_row(database: str) -> None:
    instants = random.Random(20)
    forked = multiprocessing.get_context("fork")
    Ledger(database).close()
    promised = 0
    for _ in range(KILLS):
        heard, told = os.pipe()
        process = forked.Process(target=write_until_killed, args=(database, told))
        process.start()
        os.close(told)
        time.sleep(instants.uniform(0.01, 0.2))
        process.kill()
        process.join()
        with open(heard) as lines:
            promised = max([promised, *map(int, lines.read().split())])
        ledger = Ledger(database)
        verdict = ledger.verify()
        assert verdict.ok, verdict.sentence
        assert verdict.rows % TURN == 0, "a turn was kept in part"
        assert verdict.rows >= promised, "a row that was promised is lost"
        for after in range(1, TURN + 1):
            assert ledger.append(Entry("note", who="survivor")).seq == verdict.rows + after
        ledger.close()
    assert promised > 0, "no writer ever got to write"
