"""Files read by several processes are read as by one, whatever becomes of the children."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from sandbox_venv.elf import files as files_module
from sandbox_venv.elf import parallel
from sandbox_venv.elf.facts import FactsCache
from sandbox_venv.elf.files import Files, read_facts
from sandbox_venv.elf.parallel import ENOUGH, read_all, workers_for
from sandbox_venv.elf.parse import ElfFacts
from tests.unit.elf.elves import forge, write

# A worker of pytest-xdist has a thread; the code under test asks workers_for() first, which these tests leave out.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    good = [write(tmp_path / f"{number}.so", forge([f"lib{number}.so", b"lib\xff.so"])) for number in range(20)]
    return [str(path) for path in [*good, write(tmp_path / "script", b"#!"), tmp_path / "none"]]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 40])
def test_answers_are_those_of_one_process(paths: list[str], workers: int):
    assert read_all(paths, read_facts, workers) == {path: read_facts(path) for path in paths}


def test_child_that_dies_costs_only_time(paths: list[str]):
    parent = os.getpid()

    def read(path: str) -> ElfFacts | str:
        if os.getpid() != parent and path.endswith("7.so"):
            os.kill(os.getpid(), signal.SIGKILL) if "17" in path else os._exit(3)
        return read_facts(path)

    assert read_all(paths, read, 3) == {path: read_facts(path) for path in paths}


def test_child_that_raises_costs_only_time(paths: list[str]):
    parent = os.getpid()

    def read(path: str) -> ElfFacts | str:
        if os.getpid() != parent:
            raise RuntimeError
        return read_facts(path)

    assert read_all(paths, read, 2) == {path: read_facts(path) for path in paths}


def test_no_children_are_left_and_no_descriptors(paths: list[str]):
    before = len(os.listdir("/proc/self/fd"))
    read_all(paths, read_facts, 4)
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_few_files_a_busy_machine_and_threads_are_one_processs_work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.3, 0, 0))
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert workers_for(ENOUGH - 1) == 1
    assert workers_for(ENOUGH) == 2
    assert workers_for(100 * ENOUGH) == 8
    monkeypatch.setattr(os, "getloadavg", lambda: (6.5, 0, 0))
    assert workers_for(100 * ENOUGH) == 2
    monkeypatch.setattr(os, "getloadavg", lambda: (60.0, 0, 0))
    assert workers_for(100 * ENOUGH) == 1
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0, 0))
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    assert workers_for(100 * ENOUGH) == 1


def test_prefetch_asks_the_cache_first_and_tells_it_what_is_new(
    paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []

    def read_and_note(some: tuple[str, ...], read: parallel.Read, workers: int) -> dict[str, parallel.Answer]:
        asked.extend(some)
        return read_all(some, read, workers)

    monkeypatch.setattr(files_module, "workers_for", lambda _: 2)
    monkeypatch.setattr(files_module, "read_all", read_and_note)
    with FactsCache(tmp_path / "cache") as cache:
        Files(cache).prefetch(paths[:10])
        again = Files(cache)
        again.prefetch(paths)
        assert sorted(asked) == sorted(paths[:21])
        assert [again.facts(path) for path in paths] == [Files(None).facts(path) for path in paths]
