"""What is in memory is held in huge pages where Linux has them: it costs no memory, and nothing where it has none."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from serve.server import _pages

BYTES = 64 << 20
SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def held(what: str) -> int:
    """Bytes of this process, as the kernel counts them."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


@pytest.mark.skipif(
    not SWITCH.exists() or "[never]" in SWITCH.read_text(), reason=f"no huge pages on this system: {SWITCH}"
)
def test_memory_in_use_is_held_in_huge_pages_and_grows_by_none_of_them() -> None:
    weights, unused = bytearray(b"\1") * BYTES, mmap.mmap(-1, BYTES, flags=mmap.MAP_PRIVATE)
    huge, resident = held("AnonHugePages"), held("Rss")
    asked = _pages.huge_pages()
    assert asked >= BYTES - 2 * _pages.HUGE
    assert held("AnonHugePages") - huge >= BYTES // 2
    assert held("Rss") - resident < BYTES // 8
    assert weights == bytearray(b"\1") * BYTES
    unused.close()


def test_a_system_that_tells_nothing_of_its_memory_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_pages, "MAPS", tmp_path / "none")
    assert _pages.huge_pages() == 0
