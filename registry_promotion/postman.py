"""The postman carries notices from the ledger to the channels, on a thread of its own that nothing waits for.

There is no second list of what is to be sent: the ledger is the outbox. Of each channel only the number of the last row
it was told of is kept (`registry_promotion.outbox`), so a restart loses nothing and sends at most one notice twice. One
postman is at work for a database, whichever server process holds its turnstile; the others stand by.

A dead receiver is tried again after 1, 2, 4 … seconds, at most every five minutes, for three days; then that notice is
given up, and the log says so. What a receiver refuses for good is given up after five tries. A decision never knows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from registry_promotion.channels import Channel, SendError
from registry_promotion.ledger import Ledger, Row
from registry_promotion.notices import notice_of
from registry_promotion.outbox import Outbox

__all__ = ["Postman"]

LOOK_SECONDS = 1.0
"""How often the ledger is asked for new rows."""
LONGEST_WAIT_SECONDS = 300.0
REST_SECONDS = 30.0
GIVE_UP_SECONDS = 3 * 24 * 3600.0
REFUSALS = 5

_log = logging.getLogger("homologate.notices")


class Postman:
    """Carries the notices of one ledger.

    Args:
        ledger: whose rows are told.
        outbox: remembers how far each channel was told.
        channels: where they go.
        turnstile: lets one postman at a time work on the database.
        address: of the server as people type it, for links.
        wait: sleeps; tests make it short.
    """

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        channels: Sequence[Channel],
        turnstile: Any,
        *,
        address: str = "",
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._turnstile, self._wait = turnstile, wait
        self._rounds = [_Round(channel, ledger, outbox, address.rstrip("/")) for channel in channels]

    def start(self) -> None:
        """Begin, on a thread that ends with the process."""
        threading.Thread(target=self._work, name="homologate-postman", daemon=True).start()

    def carry_once(self) -> None:
        """One look by a process that does not stay: what is not taken now goes along with the next."""
        with self._turnstile:
            self._begin()
            self.carry()

    def _work(self) -> None:
        with self._turnstile:
            self._begin()
            while True:
                self.carry()
                self._wait(LOOK_SECONDS)

    def _begin(self) -> None:
        """Take up where whoever was at work before left off."""
        for one in self._rounds:
            one.begin()

    def carry(self) -> None:
        """One look: send each channel what is due. Never raises."""
        for one in self._rounds:
            try:
                one.carry()
            except Exception as error:  # a postman that dies tells nobody
                one.rest(f"{type(error).__name__}: {error}".splitlines()[0])


class _Round:
    """One channel's round: what it was told last, and when it may be tried again."""

    def __init__(self, channel: Channel, ledger: Ledger, outbox: Outbox, address: str) -> None:
        self.channel, self._ledger, self._outbox, self._address = channel, ledger, outbox, address
        self._told = outbox.told(channel.name, ledger.head().seq)
        self._tries, self._refusals, self._first, self._again_at = 0, 0, 0.0, 0.0

    def begin(self) -> None:
        """Read how far the channel was told."""
        self._told = self._outbox.told(self.channel.name, self._ledger.head().seq)

    def carry(self) -> None:
        """Send what is due, oldest first; stop at the first that is not taken."""
        if time.monotonic() < self._again_at:
            return
        for row in self._ledger.rows(after=self._told):
            if not self._settled(row):
                return
            self._outbox.tell(self.channel.name, row.seq)
            self._told = row.seq
            self._forget()

    def rest(self, why: str) -> None:
        """Wait a while: the ledger itself cannot be read, or its progress not be kept."""
        _log.warning("the notices for %s rest for %.0f s: %s", self.channel.name, REST_SECONDS, why)
        self._again_at = time.monotonic() + REST_SECONDS

    def _settled(self, row: Row) -> bool:
        """Whether a row needs no more sending: sent, of no interest, or given up."""
        notice = notice_of(row, self._address)
        if notice is None:
            return True
        try:
            self.channel.send(notice)
        except SendError as error:
            return self._given_up(row, error)
        return True

    def _given_up(self, row: Row, error: SendError) -> bool:
        now = time.monotonic()
        self._first = self._first or now
        self._tries += 1
        self._refusals += error.final
        if self._refusals >= REFUSALS or now - self._first > GIVE_UP_SECONDS:
            _log.error("nobody was told of row %s by %s: %s", row.seq, self.channel.name, error.problem)
            return True
        wait = min(LONGEST_WAIT_SECONDS, 2.0 ** (self._tries - 1))
        _log.warning("row %s by %s: %s; trying again in %.0f s", row.seq, self.channel.name, error.problem, wait)
        self._again_at = now + wait
        return False

    def _forget(self) -> None:
        """The next notice begins anew."""
        self._tries, self._refusals, self._first, self._again_at = 0, 0, 0.0, 0.0
