"""Each option that is not about files, on the real kernel: namespaces, ids, capabilities, environment, descriptors."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Tool, User, run_as, spawn_as
from tests.kernel.native_support import ROOT, Native

pytestmark = pytest.mark.kernel


@pytest.fixture
def native(tool: Tool, user: User) -> Native:
    tool.require(user, "native")
    return Native(tool, user)


def inode(name: str) -> int:
    return os.stat(f"/proc/self/ns/{name}").st_ino


NAMESPACES = {"--unshare-ipc": "ipc", "--unshare-net": "net", "--unshare-uts": "uts", "--unshare-cgroup": "cgroup"}


@pytest.mark.parametrize("option", NAMESPACES)
def test_namespace_is_new_only_where_asked(native: Native, option: str) -> None:
    name = NAMESPACES[option]
    script = f"stat -L -c %i /proc/self/ns/{name}"
    assert int(native.shell(option, script=script).check().stdout) != inode(name)
    assert int(native.shell(script=script).check().stdout) == inode(name)


def test_unshare_all_but_the_network(native: Native) -> None:
    done = native.shell("--unshare-all", "--share-net", script="cd /proc/self/ns; stat -L -c '%n %i' *")
    found = dict(line.split() for line in done.check().stdout.splitlines())
    same = {
        name for name, number in found.items() if Path(f"/proc/self/ns/{name}").exists() and int(number) == inode(name)
    }
    assert same <= {"net", "time", "time_for_children"}


def test_loopback_works_in_a_network_of_its_own(native: Native) -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); "
        "print(socket.if_nameindex())"
    )
    done = native.run("--unshare-net", command=("python3", "-I", "-c", code))
    assert done.check().stdout == "[(1, 'lo')]\n"


def test_pid_1_reaps_and_the_command_is_2(native: Native) -> None:
    done = native.shell("--unshare-pid", script="echo $$; (sleep 0.1 &) ; sleep 0.3; ls -d /proc/[0-9]* | wc -l")
    assert done.check().stdout.split()[0] == "2"


def test_as_pid_1(native: Native) -> None:
    assert native.shell("--unshare-pid", "--as-pid-1", script="echo $$").check().stdout == "1\n"


def test_hostname(native: Native) -> None:
    assert native.shell("--unshare-uts", "--hostname", "box", script="uname -n").check().stdout == "box\n"


def test_uid_and_gid(native: Native) -> None:
    script = "id -u; id -g; cat /proc/self/uid_map"
    done = native.shell("--unshare-user", "--uid", "12", "--gid", "34", script=script).check()
    assert done.stdout.split() == ["12", "34", "12", "0", "1"]  # the outer one is root for the time of the set-up


@pytest.mark.parametrize("options", [(), ("--unshare-user", "--unshare-pid"), ("--unshare-user", "--disable-userns")])
def test_ordinary_user_has_no_capability_left(tool: Tool, ordinary_user: User, options: tuple[str, ...]) -> None:
    tool.require(ordinary_user, "native")
    done = Native(tool, ordinary_user).shell(*options, script="grep -E '^Cap|NoNewPrivs' /proc/self/status")
    words = done.check().stdout.split()
    assert set(words[1:-2:2]) == {"0000000000000000"}
    assert words[-1] == "1"


def test_cap_drop(native: Native) -> None:
    script = "grep CapEff /proc/self/status"
    assert native.shell("--cap-drop", "ALL", script=script).check().stdout.split()[1] == "0" * 16
    one = native.shell("--unshare-user", "--cap-drop", "ALL", "--cap-add", "CAP_KILL", script=script).check()
    assert int(one.stdout.split()[1], 16) == 1 << 5


def test_root_keeps_its_capabilities_unless_told(tool: Tool, user: User) -> None:
    if not user.is_root:
        return  # test_ordinary_user_has_no_capability_left
    mine = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    done = Native(tool, user).shell(script="grep CapEff /proc/self/status")
    assert done.check().stdout.split() == mine.split()


NEST = ("unshare", "--user", "true")


def test_disable_userns(native: Native) -> None:
    native.run("--unshare-user", command=NEST).check()
    assert native.run("--unshare-user", "--disable-userns", command=NEST).status != 0
    native.run("--unshare-user", "--disable-userns", "--assert-userns-disabled").check()
    done = native.run("--unshare-user", "--assert-userns-disabled").check(1)
    assert done.stderr == "bwrap: creation of new user namespaces was not disabled as requested\n"


def test_environment(native: Native) -> None:
    script = "echo $A$B; env | sort | cut -d= -f1 | grep -v '^_$' | tr '\\n' ' '"
    options = ("--setenv", "A", "1", "--setenv", "B", "2", "--unsetenv", "A")
    assert native.shell("--clearenv", *options, script=script).check().stdout == "2\nB PWD "
    assert "HOME" in native.shell(*options, script=script).check().stdout
    assert native.shell("--setenv", "A", "1", "--clearenv", script="echo $A").check().stdout == "\n"


def test_working_directory(native: Native) -> None:
    home = str(native.user.home)
    script = "pwd; echo $PWD"
    assert native.shell("--chdir", "/usr", script=script).check().stdout == "/usr\n/usr\n"
    assert native.shell("--dir", home, script=script, cwd=native.user.home).check().stdout == f"{home}\n{home}\n"
    assert native.shell("--dir", home, script=script, cwd=Path("/var/lib")).check().stdout == f"{home}\n{home}\n"
    assert native.shell(script=script, cwd=Path("/var/lib")).check().stdout == "/\n/\n"
    done = native.shell("--chdir", "/none", script=script).check(1)
    assert done.stderr == "bwrap: Can't chdir to /none: No such file or directory\n"


STATUS_OPTIONS: tuple[tuple[str, ...], ...] = ((), ("--unshare-pid",), ("--unshare-pid", "--as-pid-1"))
DIES = ("kill -TERM $$; sleep 9", 143)


@pytest.mark.parametrize(
    ("options", "script", "status"),
    [(options, f"exit {status}", status) for options in STATUS_OPTIONS for status in (0, 139)]
    + [(options, *DIES) for options in STATUS_OPTIONS[:2]],  # PID 1 is shielded from its own signals
)
def test_status(native: Native, options: tuple[str, ...], script: str, status: int) -> None:
    native.shell(*options, script=script).check(status)


def test_command_that_is_missing(native: Native) -> None:
    done = native.run(command=("/none",)).check(1)
    assert done.stderr == "bwrap: execvp /none: No such file or directory\n"


def test_argv0(native: Native) -> None:
    assert native.run("--argv0", "me", command=("sh", "-c", "echo $0")).check().stdout == "me\n"


def test_new_session(native: Native) -> None:
    script = "ps -o sid= -p $$ | tr -d ' ' | grep -qx $$ && echo own"
    assert native.shell("--new-session", script=script).stdout == "own\n"
    assert native.shell(script=script).stdout == ""


def test_args_from_descriptors(native: Native) -> None:
    """From a file and from a pipe, options after them, and none of either descriptor left inside."""
    reader, writer = os.pipe()
    os.write(writer, b"--dir\0/one\0--setenv\0A\0two words")
    os.close(writer)
    path = native.user.write(native.user.home / "args", b"--dir\0/two\0")
    file = os.open(path, os.O_RDONLY)
    done = native.shell(
        *("--args", str(reader), "--args", str(file), "--dir", "/three"),
        script="ls -d /one /two /three; echo $A; ls /proc/self/fd | wc -l",
        pass_fds=[reader, file],
    )
    os.close(reader)
    os.close(file)
    assert done.check().stdout == "/one\n/three\n/two\ntwo words\n4\n"


def test_args_inside_args_is_refused(native: Native) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"--args\x003")
    os.close(writer)
    done = native.run("--args", str(reader), pass_fds=[reader]).check(1)
    os.close(reader)
    assert done.stderr == "bwrap: --args not supported in arguments file\n"


USAGE = {
    "--nonsense": "Unknown option --nonsense",
    "--bind /a": "--bind takes two arguments",
    "--ro-bind-fd 3": "--bind-fd takes two arguments",
    "--chdir": "--chdir takes one argument",
    "--tmpfs": "--tmpfs takes an argument",
    "--overlay-src /a --overlay b c": "--overlay takes three arguments",
    "--overlay-src /a true": "--overlay-src must be followed by another --overlay-src or one of --overlay, "
    "--tmp-overlay, or --ro-overlay",
    "--uid -1 true": "Invalid uid: -1",
    "--sync-fd x true": "Invalid fd: x",
    "--argv0 a --argv0 b true": "--argv0 used multiple times",
    "--hostname a true": "Specifying --hostname requires --unshare-uts",
    "--as-pid-1 true": "Specifying --as-pid-1 requires --unshare-pid",
    "--unshare-pid --as-pid-1 --lock-file /a true": "Specifying --as-pid-1 and --lock-file is not permitted",
    "--disable-userns true": "--disable-userns requires --unshare-user",
    "--cap-add nonsense true": "unknown cap: nonsense",
    "--userns 0 --unshare-user true": "--userns not compatible --unshare-user",
    "--unshare-user --userns-block-fd 0 true": "--userns-block-fd requires --info-fd",
}


@pytest.mark.parametrize("words", USAGE)
def test_usage_error(native: Native, words: str) -> None:
    done = native.bare(*words.split()).check(1)
    assert done.stderr == f"bwrap: {USAGE[words]}\n"


def test_too_many_arguments(native: Native) -> None:
    done = native.bare(*["--unshare-ipc"] * 9001).check(1)
    assert done.stderr == "bwrap: Exceeded maximum number of arguments 9000\n"


def test_help_and_version(native: Native) -> None:
    assert native.bare("--version").check().stdout == "bubblewrap 0.11.1\n"
    text = native.bare("--help").check().stdout
    assert text.startswith("usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]\n")
    from sandbox_venv.launch.native.table import TABLE

    missing = [name for name in (*TABLE, b"--args") if f"    {name.decode()} " not in text]
    assert missing == []
    assert "usage: " in native.bare().check(1).stderr


def test_level_prefix_and_warnings(native: Native) -> None:
    done = native.run("--level-prefix", "--chdir", "/", "--chdir", "/").check()
    assert done.stderr == "<4>bwrap: Only the last --chdir option will take effect\n"
    assert native.run("--level-prefix", "--bind", "/none", "/x").check(1).stderr.startswith("<3>bwrap: Can't find")


def test_info_and_status_files(native: Native) -> None:
    info, status = os.pipe(), os.pipe()
    done = native.shell(
        *("--unshare-pid", "--info-fd", str(info[1]), "--json-status-fd", str(status[1])),
        script="stat -L -c %i /proc/self/ns/pid; ls /proc/self/fd | wc -l; exit 3",
        pass_fds=[info[1], status[1]],
    ).check(3)
    os.close(info[1])
    os.close(status[1])
    told = json.loads(os.read(info[0], 4096))
    lines = [json.loads(line) for line in os.read(status[0], 4096).splitlines()]
    assert told["pid-namespace"] == int(done.stdout.split()[0])
    assert lines == [told, {"exit-code": 3}]
    assert done.stdout.split()[1] == "4"


def test_failed_exec_has_no_exit_code(native: Native) -> None:
    reader, writer = os.pipe()
    native.run("--json-status-fd", str(writer), command=("/none",), pass_fds=[writer]).check(1)
    os.close(writer)
    assert b"exit-code" not in os.read(reader, 4096)


def test_block_fd_holds_the_command_back(native: Native) -> None:
    reader, writer = os.pipe()
    process = spawn_as(
        native.user, [*native.command, *ROOT, "--block-fd", str(reader), "echo", "ran"], pass_fds=[reader]
    )
    os.close(reader)
    time.sleep(0.5)
    assert process.popen.poll() is None
    os.write(writer, b"x")
    os.close(writer)
    assert process.wait().check().stdout == "ran\n"


def test_sync_fd_is_open_while_the_sandbox_lives(native: Native) -> None:
    reader, writer = os.pipe()
    process = spawn_as(
        native.user,
        [*native.command, *ROOT, "--sync-fd", str(writer), "sh", "-c", "ls /proc/self/fd | wc -l; sleep 0.5"],
        pass_fds=[writer],
    )
    os.close(writer)
    assert os.read(reader, 1) == b""  # only when everything has ended
    assert process.popen.poll() is not None or process.wait().stdout == "4\n"
    process.wait()


def test_lock_file(native: Native) -> None:
    path = native.user.write(native.user.home / "lock", "")
    test = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    locked = ["python3", "-c", test, str(path)]
    process = spawn_as(
        native.user,
        [*native.command, *ROOT, "--bind", path, "/l", "--lock-file", "/l", "sh", "-c", "echo; exec sleep 2"],
    )
    assert process.popen.stdout is not None
    process.popen.stdout.readline()
    time.sleep(0.2)
    assert subprocess.run(locked, capture_output=True, check=False).returncode == 1
    process.wait()
    assert subprocess.run(locked, capture_output=True, check=False).returncode == 0


def test_die_with_parent(native: Native) -> None:
    """Killing the process outside kills the command; the twin without the option lives on."""
    for options, dies in ((("--die-with-parent",), True), ((), False)):
        process = spawn_as(native.user, [*native.command, *ROOT, *options, "sh", "-c", "echo $$; exec sleep 30"])
        assert process.popen.stdout is not None
        inner = int(process.popen.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while alive(inner) and time.monotonic() < deadline and dies:
            time.sleep(0.02)
        assert alive(inner) is not dies
        if not dies:
            os.kill(inner, signal.SIGKILL)
        process.wait()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def program(*instructions: tuple[int, int, int, int]) -> bytes:
    """Return struct sock_filter[]: (code, jt, jf, k) each. linux/filter.h."""
    return b"".join(struct.pack("HBBI", *one) for one in instructions)


LOAD_NUMBER, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
MKDIR = {"x86_64": (83, 258), "aarch64": (34, 34)}[os.uname().machine]


def deny_mkdir(number: int) -> bytes:
    return program(
        (LOAD_NUMBER, 0, 0, 0),
        (IF_EQUAL, 1, 0, MKDIR[0]),
        (IF_EQUAL, 0, 1, MKDIR[1]),
        (RETURN, 0, 0, ERRNO | number),
        (RETURN, 0, 0, ALLOW),
    )


def filters(native: Native, *programs: bytes) -> list[int]:
    return [
        os.open(native.user.write(native.user.home / f"filter{at}", data), os.O_RDONLY)
        for at, data in enumerate(programs)
    ]


@pytest.mark.parametrize("more", [(), ("--unshare-pid",)])
def test_seccomp(native: Native, more: tuple[str, ...]) -> None:
    (fd,) = filters(native, deny_mkdir(111))
    done = native.run(*more, "--seccomp", str(fd), command=("mkdir", "/new"), pass_fds=[fd])
    os.close(fd)
    assert "Connection refused" in done.check(1).stderr
    native.run(*more, command=("mkdir", "/new")).check()


def test_seccomp_programs_are_stacked_in_order(native: Native) -> None:
    """The last one is asked first; the strictest answer counts, and among equal ones the last one's."""
    fds = filters(native, deny_mkdir(111), deny_mkdir(38))
    options: list[Any] = [word for fd in fds for word in ("--add-seccomp-fd", str(fd))]
    done = native.run(*options, command=("mkdir", "/new"), pass_fds=fds)
    for fd in fds:
        os.close(fd)
    assert "Function not implemented" in done.check(1).stderr


@pytest.mark.parametrize(("data", "message"), [(b"x" * 9, "multiple of 8"), (b"x" * 8, "reported EINVAL")])
def test_bad_seccomp_program_runs_nothing(native: Native, data: bytes, message: str) -> None:
    (fd,) = filters(native, data)
    done = native.run("--seccomp", str(fd), command=("echo", "ran"), pass_fds=[fd]).check(1)
    os.close(fd)
    assert message in done.stderr
    assert done.stdout == ""


def test_userns_and_pidns_of_a_running_sandbox(native: Native) -> None:
    """Both by descriptor, and a PID namespace below the one that was handed over.

    No --dev: with it an ordinary user's sandbox is in a user namespace below the one that owns its PID namespace.
    """
    root = ("--ro-bind", "/", "/", "--proc", "/proc")
    info = os.pipe()
    options = ("--unshare-user", "--unshare-pid", "--info-fd", str(info[1]))
    first = spawn_as(
        native.user,
        [*native.command, *root, *options, "sh", "-c", "readlink /proc/self/ns/user /proc/self/ns/pid; read x"],
        stdin=subprocess.PIPE,
        pass_fds=[info[1]],
    )
    os.close(info[1])
    assert first.popen.stdout is not None
    names = [first.popen.stdout.readline().decode().strip() for _ in range(2)]
    inner = json.loads(os.read(info[0], 4096))["child-pid"]
    descriptors = [os.open(f"/proc/{inner}/ns/{name}", os.O_RDONLY) for name in ("user", "pid")]
    join = ("--userns", str(descriptors[0]), "--pidns", str(descriptors[1]))
    script = "readlink /proc/self/ns/user /proc/self/ns/pid; exit 5"
    done = native.bare(*root, *join, "sh", "-c", script, pass_fds=descriptors).check(5)
    assert set(done.stdout.split()) <= set(names)
    script = "readlink /proc/self/ns/pid; exit 6"
    below = native.bare(*root, *join, "--unshare-pid", "sh", "-c", script, pass_fds=descriptors)
    assert below.check(6).stdout.strip() not in names
    for fd in descriptors:
        os.close(fd)
    first.wait(data="x\n")


def test_userns_block_fd_leaves_the_maps_to_others(native: Native) -> None:
    info, block = os.pipe(), os.pipe()
    options = ("--unshare-user", "--userns-block-fd", str(block[0]), "--info-fd", str(info[1]))
    process = spawn_as(
        native.user,
        [*native.command, "--ro-bind", "/", "/", *options, "cat", "/proc/self/uid_map"],
        pass_fds=[block[0], info[1]],
    )
    os.close(info[1])
    pid = json.loads(os.read(info[0], 4096))["child-pid"]
    owner = native.user
    write = "import sys; pid, uid, gid = sys.argv[1:]\nfor n, c in (('uid_map', f'7 {uid} 1'), ('setgroups', 'deny'), "
    write += "('gid_map', f'7 {gid} 1')): open(f'/proc/{pid}/{n}', 'w').write(c)"
    identity: dict[str, Any] = {} if owner.is_root else {"user": owner.uid, "group": owner.gid, "extra_groups": []}
    command = ["/usr/bin/python3", "-c", write, str(pid), str(owner.uid), str(owner.gid)]
    subprocess.run(command, check=True, **identity)
    os.write(block[1], b"x")
    assert process.wait().check().stdout.split()[0] == "7"


def test_ignored_interrupt_stays_ignored_and_pipes_break(native: Native) -> None:
    """As a shell starts a job in the background; Python's own SIGPIPE and SIGXFSZ are put right."""
    command = ["grep", "SigIgn", "/proc/self/status"]
    numbers = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)
    # What the caller ignores stays ignored (a container's first process leaves some), so only these three count.
    watched = sum(1 << number - 1 for number in numbers)
    for trap in ("trap '' INT;", ""):
        outer, inner = (
            run_as(native.user, ["sh", "-c", trap + ' exec "$@"', "sh", *prefix, *command]).check()
            for prefix in ([], [*map(str, native.command), *ROOT])
        )
        before, after = (int(done.stdout.split()[1], 16) for done in (outer, inner))
        assert after & watched == (1 << signal.SIGINT - 1 if trap else 0)
        assert after & ~watched == before & ~watched


def test_more_sources_than_descriptors_are_allowed(native: Native) -> None:
    """The limit is raised for the set-up, and the command has the caller's own."""
    names = [word for at in range(300) for word in ("--ro-bind", "/etc/passwd", f"/f/{at}")]
    command = [*map(str, native.command), *ROOT, *names, "sh", "-c", "ls /f | wc -l; ulimit -S -n"]
    done = run_as(native.user, ["sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh", *command])
    assert done.check().stdout == "300\n256\n"
