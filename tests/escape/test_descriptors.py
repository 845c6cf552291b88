"""What a caller leaves open: directories, sockets, devices, memory; and what lies behind 0, 1 and 2 (CVE-2024-21626)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Result, Venv, run_as, spawn_as, system_python
from tests.support.process import Argument

LIST = """
import os, json
print(json.dumps({name: os.readlink("/proc/self/fd/" + name) for name in os.listdir("/proc/self/fd")
                  if os.path.lexists("/proc/self/fd/" + name)}))
"""


def test_nothing_but_pipes_is_inherited(shared_venv: Venv) -> None:
    directory = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    path_only = os.open("/etc", os.O_PATH)
    secret = os.open("/etc/hostname", os.O_RDONLY) if os.path.exists("/etc/hostname") else os.dup(directory)
    memory = os.memfd_create("secret")
    device = os.open("/dev/zero", os.O_RDWR)
    pair = socket.socketpair()
    reader, writer = os.pipe()
    open_ones = [directory, path_only, secret, memory, device, pair[0].fileno(), pair[1].fileno(), reader, writer]
    moved = [os.dup2(number, 40 + at) for at, number in enumerate(open_ones)]
    try:
        done = shared_venv.python(LIST, pass_fds=(*moved, *open_ones)).check()
    finally:
        for number in {*moved, *open_ones} - {pair[0].fileno(), pair[1].fileno()}:
            os.close(number)
        pair[0].close()
        pair[1].close()
    found = json.loads(done.stdout)
    strangers = {number: what for number, what in found.items() if int(number) > 2 and not what.startswith("pipe:")}
    assert strangers == {}, found
    assert len([what for what in found.values() if what.startswith("pipe:")]) >= 4  # 1, 2 and the jobserver's


def test_the_status_pipe_is_not_the_programs(shared_venv: Venv) -> None:
    done = shared_venv.python(LIST).check()
    assert [number for number in json.loads(done.stdout) if int(number) > 3] == [], done


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("flags", [os.O_RDONLY | os.O_DIRECTORY, os.O_PATH])
def test_a_directory_as_standard_descriptor_is_refused(shared_venv: Venv, number: int, flags: int) -> None:
    script = f"""
import os, sys
fd = os.open("/", {flags})
os.dup2(fd, {number})
os.close(fd)
os.execv(sys.argv[1], sys.argv[1:])
"""
    command: list[Argument] = [system_python(), "-c", script, shared_venv.bin / "python", "-c", "print('ran')"]
    done = run_as(shared_venv.user, command, cwd=shared_venv.project)
    assert done.status in (1, 125), done  # 1: the launcher's interpreter itself won't start so
    assert "ran" not in done.stdout


REOPEN = """
import os, sys
for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
    for path in ("/proc/self/fd/%d", "/dev/fd/%d", "/proc/thread-self/fd/%d"):
        for number in map(int, sys.argv[1].split(",")):
            try:
                fd = os.open(path % number, flags)
            except OSError:
                continue
            if flags & os.O_ACCMODE != os.O_WRONLY and os.pread(fd, 100, 0):
                os.write(2, b"READ")
            if flags & os.O_ACCMODE != os.O_RDONLY:
                os.pwrite(fd, b"PLANTED", 0)
"""


@pytest.fixture
def reopen(shared_venv: Venv) -> Callable[[str, int, Path], Result]:
    def run(numbers: str, flags: int, path: Path) -> Result:
        fd = os.open(path, flags)
        try:
            process = spawn_as(
                shared_venv.user,
                shared_venv.argv("python", "-c", REOPEN, numbers),
                cwd=shared_venv.project,
                stdin=fd if numbers == "0" else subprocess.DEVNULL,
                stdout=fd if numbers == "1" else subprocess.PIPE,
            )
        finally:
            os.close(fd)
        return process.wait()

    return run


def test_a_file_given_for_reading_is_not_reopened_for_writing(
    shared_venv: Venv, reopen: Callable[[str, int, Path], Result]
) -> None:
    path = shared_venv.user.write(shared_venv.user.home / "input.txt", "for reading")
    reopen("0", os.O_RDONLY, path).check()
    assert path.read_text() == "for reading"


def test_a_file_given_for_writing_is_not_reopened_for_reading(
    shared_venv: Venv, reopen: Callable[[str, int, Path], Result]
) -> None:
    path = shared_venv.user.write(shared_venv.user.home / "output.txt", "earlier lines")
    assert "READ" not in reopen("1", os.O_WRONLY, path).check().stderr


def test_the_program_can_use_and_reopen_what_it_was_given(shared_venv: Venv) -> None:
    code = "print(open('/dev/stdin').read() + '!')"
    script = f'printf given | {shared_venv.bin}/python -c "{code}"'
    assert run_as(shared_venv.user, ["sh", "-c", script], cwd=shared_venv.project).check().stdout == "given!\n"
    path = shared_venv.user.write(shared_venv.user.home / "twin.txt", "read me")
    with path.open() as file:
        argv = shared_venv.argv("python", "-c", "print(open('/proc/self/fd/0').read())")
        process = spawn_as(shared_venv.user, argv, cwd=shared_venv.project, stdin=file.fileno())
        assert process.wait().check().stdout == "read me\n"
