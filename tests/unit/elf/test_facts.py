"""The facts cache costs time when something is wrong with it, never more."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox_venv.elf import facts as module
from sandbox_venv.elf.facts import SCHEMA, FactsCache, FileKey
from sandbox_venv.elf.parse import ElfFacts
from tests.harness import IS_ROOT, ROOT

FACTS = ElfFacts(64, True, "EM_X86_64", "ET_DYN", None, "liba.so", ("libb.so", "lib\udcff.so"), (), None, "$ORIGIN", 8)
KEY = FileKey(1, 2, 3, 4, 5)
BIG = KEY._replace(device=module._signed((1 << 64) - 2), inode=module._signed((1 << 64) - 1))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def database(directory: Path) -> Path:
    return directory / f"elf-facts-{SCHEMA}.sqlite"


def fill(directory: Path, count: int = 1) -> None:
    with FactsCache(directory) as cache:
        for number in range(count):
            cache.put(KEY._replace(inode=number), FACTS)
        cache.put(KEY, FACTS)


def test_facts_come_back_as_they_were(directory: Path):
    with FactsCache(directory) as cache:
        cache.put(KEY, FACTS)
        cache.put(BIG, FACTS)
    with FactsCache(directory) as cache:
        assert cache.get(KEY) == FACTS
        assert cache.get(BIG) == FACTS
        assert cache.problem is None


@pytest.mark.parametrize("field", FileKey._fields)
def test_any_change_of_a_file_is_another_file(directory: Path, field: str):
    fill(directory)
    with FactsCache(directory) as cache:
        assert cache.get(KEY._replace(**{field: 99})) is None


def test_file_that_changed_just_now_is_not_written(directory: Path):
    fresh = KEY._replace(ctime_ns=time.time_ns())
    with FactsCache(directory) as cache:
        cache.put(fresh, FACTS)
        assert cache.get(fresh) == FACTS
    with FactsCache(directory) as cache:
        assert cache.get(fresh) is None


def test_file_and_directory_are_the_users_alone(directory: Path):
    fill(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert database(directory).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["garbage", "empty", "truncated", "other table", "flipped"])
def test_damaged_file_is_rebuilt(directory: Path, damage: str):
    fill(directory, 500)
    path = database(directory)
    data = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        path.write_bytes(data[:100] + bytes(byte ^ 0x55 for byte in data[100:]))
    else:
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE facts (x)")
        connection.close()
    with FactsCache(directory) as cache:
        assert cache.get(KEY) in (None, FACTS)
        cache.put(KEY, FACTS)
    with FactsCache(directory) as cache:
        assert cache.get(KEY) == FACTS
        assert cache.problem is None


def test_torn_row_is_a_miss(directory: Path):
    fill(directory)
    connection = sqlite3.connect(database(directory))
    connection.execute("UPDATE facts SET text = replace(text, 'liba', 'libx')")
    connection.commit()
    connection.close()
    with FactsCache(directory) as cache:
        assert cache.get(KEY) is None


def refused(directory: Path) -> str:
    with FactsCache(directory) as cache:
        cache.put(KEY, FACTS)
        assert cache.get(KEY) == FACTS
    with FactsCache(directory) as cache:
        assert cache.get(KEY) is None
        assert cache.problem is not None
        return cache.problem


def test_link_in_place_of_the_directory_is_refused(directory: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "elsewhere")
    assert "not a directory" in refused(directory)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_link_in_place_of_the_file_is_refused(directory: Path, tmp_path: Path):
    directory.mkdir(mode=0o700)
    database(directory).symlink_to(tmp_path / "target")
    refused(directory)
    assert not (tmp_path / "target").exists()


def test_hard_link_in_place_of_the_file_is_refused(directory: Path, tmp_path: Path):
    directory.mkdir(mode=0o700)
    (tmp_path / "target").write_bytes(b"precious")
    os.link(tmp_path / "target", database(directory))
    assert "not a file of its own" in refused(directory)
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_directory_that_others_may_write_is_refused(directory: Path):
    directory.mkdir()
    directory.chmod(0o777)
    assert "others may write" in refused(directory)


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a directory away")
def test_directory_of_another_owner_is_refused(directory: Path):
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)
    assert "belongs to user 65534" in refused(directory)


def test_fifo_in_place_of_the_file_does_not_block(directory: Path):
    directory.mkdir(mode=0o700)
    os.mkfifo(database(directory), 0o600)
    assert "not a file of its own" in refused(directory)


def test_unwritable_place_is_no_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert FactsCache(tmp_path / "file" / "cache").problem is not None


def test_full_disk_loses_the_new_facts_and_no_more(directory: Path, monkeypatch: pytest.MonkeyPatch):
    fill(directory)
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    def write(*_: object) -> None:
        raise full

    monkeypatch.setattr(module, "_write", write)
    with FactsCache(directory) as cache:
        assert cache.get(KEY) == FACTS
        cache.put(KEY._replace(inode=7), FACTS)
        cache.flush()
        assert "full" in str(cache.problem)
        assert cache.get(KEY._replace(inode=7)) == FACTS
    monkeypatch.undo()
    with FactsCache(directory) as cache:
        assert cache.get(KEY) == FACTS


def test_cache_that_is_full_by_its_own_limit_drops_its_older_half(directory: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_PAGES", 60)
    setup = tuple("PRAGMA max_page_count = 60" if "max_page" in line else line for line in module._SETUP)
    monkeypatch.setattr(module, "_SETUP", setup)
    for start in range(0, 4000, 200):
        with FactsCache(directory) as cache:
            for number in range(start, start + 200):
                cache.put(KEY._replace(inode=number), FACTS)
            cache.flush()
            assert cache.problem is None
    assert database(directory).stat().st_size <= 60 * 4096
    with FactsCache(directory) as cache:
        assert cache.get(KEY._replace(inode=3999)) == FACTS


def write_rows(directory: Path, worker: int) -> None:
    """Write 100 rows in five rounds, as five compiles would."""
    for turn in range(5):
        with FactsCache(directory) as cache:
            for number in range(20):
                cache.put(KEY._replace(device=worker, inode=100 * turn + number), FACTS)
        assert cache.problem is None or "locked" in cache.problem


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # by pytest-xdist's own thread
def test_processes_that_write_at_the_same_time_all_succeed_or_give_up(directory: Path):
    children = []
    for worker in range(6):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                write_rows(directory, worker)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 6
    with FactsCache(directory) as cache:
        found = [cache.get(KEY._replace(device=worker, inode=419)) for worker in range(6)]
        assert cache.problem is None
    assert FACTS in found
    assert set(found) <= {FACTS, None}


def test_writer_that_is_killed_leaves_a_usable_file(directory: Path):
    fill(directory)
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests.unit.elf.test_facts import FACTS, KEY\n"
        "from sandbox_venv.elf.facts import FactsCache\n"
        "print('go', flush=True)\n"
        "for turn in range(10**6):\n"
        "    with FactsCache(pathlib.Path(sys.argv[2])) as cache:\n"
        "        for number in range(300): cache.put(KEY._replace(device=turn, inode=number), FACTS)\n"
    )
    for delay in (0.0, 0.01, 0.02, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(ROOT), str(directory)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(delay)
            writer.kill()
        with FactsCache(directory) as cache:
            assert cache.get(KEY) == FACTS
            cache.put(KEY._replace(inode=12345), FACTS._replace(soname=str(delay)))
        with FactsCache(directory) as cache:
            assert cache.problem is None
            kept = cache.get(KEY._replace(inode=12345))
            assert kept is not None
            assert kept.soname == str(delay)


def test_locked_file_is_not_waited_for_long(directory: Path):
    fill(directory)
    holder = sqlite3.connect(database(directory), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    with FactsCache(directory) as cache:
        assert cache.get(KEY) is None
        cache.put(KEY._replace(inode=8), FACTS)
    assert time.monotonic() - start < 3
    holder.execute("ROLLBACK")
    holder.close()
    with FactsCache(directory) as cache:
        assert cache.get(KEY) == FACTS


def test_another_schema_is_another_file(directory: Path):
    older = database(directory).with_name("elf-facts-0.sqlite")
    directory.mkdir(mode=0o700)
    older.write_bytes(b"of an older tool")
    fill(directory)
    assert f"-{SCHEMA}." in database(directory).name
    assert older.read_bytes() == b"of an older tool"
    columns = "bits little_endian machine kind interpreter soname needed auxiliary rpath runpath flags_1"
    assert tuple(columns.split()) == ElfFacts._fields, "raise SCHEMA when these change"
