"""Servers that start at the same instant on an empty database make one ledger between them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from registry_promotion.ledger import Entry, Ledger


def test_eight_servers_that_open_a_new_ledger_at_once_make_one(database: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        ledgers = list(pool.map(lambda _: Ledger(database), range(8)))
    for ledger in ledgers:
        ledger.append(Entry("note", "ann"))
    assert {ledger.head().seq for ledger in ledgers} == {8}
    for ledger in ledgers:
        ledger.close()
