"""Each option that changes the file system, on the real kernel: what it shows, and what it keeps from the sandbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.harness import Tool, User, run_as
from tests.kernel.native_support import Native
from tests.support.programs import lack

pytestmark = pytest.mark.kernel


@pytest.fixture
def native(tool: Tool, user: User) -> Native:
    tool.require(user, "native")
    return Native(tool, user)


@pytest.fixture
def old_kernel(tool: Tool, user: User) -> Native:
    tool.require(user, "native")
    return Native(tool, user, modern=False)


@pytest.fixture
def world(user: User) -> Path:
    """A directory with a file and a directory in it."""
    user.write(user.home / "w" / "file", "text")
    user.write(user.home / "w" / "sub" / "inner", "inner")
    user.write(user.home / "w" / "sub2" / "inner", "second")
    return user.home / "w"


CASES = {
    # name: (options, script, what it prints); {w} is the world, {e} an environment for descriptors
    "bind is writable": ("--bind {w} /w", "echo new > /w/file; cat /w/file", "new"),
    "ro-bind is not": ("--ro-bind {w} /w", "echo new > /w/file || cat /w/file", "text"),
    "ro-bind is read-only below too": ("--ro-bind {w} /w", "mkdir /w/sub/x || echo no", "no"),
    "bind of a file": ("--bind {w}/file /f", "echo new > /f; cat {w}/file /f 2>&1 | tail -1", "new"),
    "ro-bind of a file": ("--ro-bind {w}/file /f", "echo new > /f || cat /f", "text"),
    "bind-try of what is there": ("--bind-try {w} /w", "cat /w/file", "text"),
    "bind-try of what is missing": ("--bind-try {w}/no /w", "ls -d /w || echo none", "none"),
    "ro-bind-try of what is missing": ("--ro-bind-try {w}/no /w", "ls -d /w || echo none", "none"),
    "dev-bind-try of what is missing": ("--dev-bind-try {w}/no /w", "ls -d /w || echo none", "none"),
    "dev-bind lets devices work": ("--dev-bind /dev/null /n", "echo x > /n && echo yes", "yes"),
    "bind doesn't": ("--bind /dev/null /n", "echo x > /n || echo no", "no"),
    "bind takes set-uid away": ("--ro-bind /usr /u", "grep -c ' /u .*nosuid' /proc/self/mountinfo", "1"),
    "later binds cover earlier ones": ("--bind {w} /w --tmpfs /w/sub", "ls /w/sub | wc -l", "0"),
    "earlier binds are covered": ("--tmpfs /w/sub --bind {w} /w", "ls /w/sub", "inner"),
    "remount-ro": ("--bind {w} /w --remount-ro /w", "echo new > /w/file || echo no", "no"),
    "remount-ro spares mounts below": (
        "--tmpfs /t --tmpfs /t/in --remount-ro /t", "touch /t/x || touch /t/in/x && echo below", "below",
    ),
    "remount-ro of the root": ("--remount-ro /", "touch /x || echo no", "no"),
    "tmpfs is empty and writable": ("--bind {w} /w --tmpfs /w", "ls /w | wc -l; touch /w/x", "0"),
    "tmpfs has mode 0755": ("--tmpfs /t", "stat -c %a /t", "755"),
    "perms of a tmpfs": ("--perms 1777 --tmpfs /t", "stat -c %a /t", "1777"),
    "perms are for one option": ("--perms 0700 --tmpfs /a --tmpfs /b", "stat -c %a /b", "755"),
    "size of a tmpfs": ("--size 65536 --tmpfs /t", "head -c 200000 /dev/zero > /t/x; stat -c %s /t/x", "65536"),
    "dir": ("--perms 0710 --dir /a/b", "stat -c %a /a/b", "710"),
    "dir leaves what is there": ("--dir /a --perms 0700 --dir /a", "stat -c %a /a", "755"),
    "chmod": ("--dir /a --chmod 0701 /a", "stat -c %a /a", "701"),
    "symlink": ("--symlink {w} /l", "readlink /l", "{w}"),
    "the same symlink again": ("--symlink x /l --symlink x /l", "readlink /l", "x"),
    "mqueue": ("--unshare-ipc --mqueue /q", "stat -f -c %T /q; ", "mqueue"),
    "proc shows only ours": ("--unshare-pid", "ls -d /proc/[0-9]* | wc -l | grep -c '^[1-9]$'", "1"),
    "host's proc without unshare-pid": ("--tmpfs /t", "test -d /proc/$PPID && echo yes", "yes"),
    "proc's switches that are read-only": (
        "--unshare-pid --ro-bind /proc/sys /proc/sys",
        # opened for writing, and never written
        "python3 -c 'open(\"/proc/sys/kernel/core_pattern\", \"r+\")' 2>/dev/null || echo no",
        "no",
    ),
    "dev has what programs expect": (
        "--tmpfs /t",
        "cd /dev; ls -d null zero full random urandom tty stdin stdout stderr fd core ptmx pts shm | wc -l",
        "14",
    ),
    "dev's devices work": ("--tmpfs /t", "head -c 3 /dev/zero | wc -c; : > /dev/null", "3"),
    "dev has no disk": ("--tmpfs /t", "ls /dev/vda /dev/sda /dev/mem 2>/dev/null | wc -l", "0"),
    "pseudo-terminals can be made": ("--tmpfs /t", "python3 -c 'import os; os.openpty(); print(1)'", "1"),
    "tmp-overlay keeps the source": (
        "--overlay-src {w} --tmp-overlay /o", "echo new > /o/file; cat /o/file; rm -r /o/sub", "new",
    ),
    "ro-overlay": ("--overlay-src {w}/sub --overlay-src /etc --ro-overlay /o", "cat /o/inner; touch /o/x || :", "inner"),
    "overlay order": ("--overlay-src {w}/sub --overlay-src {w}/sub2 --ro-overlay /o", "cat /o/inner", "second"),
    "overlay shows no host path": (
        "--overlay-src {w} --tmp-overlay /o", "grep -c {w} /proc/self/mountinfo", "0",
    ),
    "relative source": ("--ro-bind sub /s", "cat /s/inner", "inner"),
    "relative destination": ("--ro-bind {w} w", "cat /w/file", "text"),
    "destination with dots": ("--ro-bind {w} /a/../w", "cat /w/file", "text"),
    "root bind": ("--ro-bind / /", "cat {w}/file", "text"),
}  # fmt: skip


BOTH_WAYS = ("bind", "proc", "dev", "remount")
"""What is done otherwise without the newer mount calls."""


@pytest.mark.parametrize("name", [name for name in CASES if any(word in CASES[name][0] for word in BOTH_WAYS)])
def test_option_without_newer_mount_calls(old_kernel: Native, world: Path, name: str) -> None:
    check_option(old_kernel, world, name)


@pytest.mark.parametrize("name", CASES)
def test_option(native: Native, world: Path, name: str) -> None:
    check_option(native, world, name)


def check_option(native: Native, world: Path, name: str) -> None:
    options, script, expected = (text.replace("{w}", str(world)) for text in CASES[name])
    if "overlay" in name:
        require_overlay(native, world)
    done = native.shell(*options.split(), script=script, cwd=world)
    assert done.stdout.rstrip("\n") == expected, str(done)


def require_overlay(native: Native, world: Path) -> None:
    """Skip where an ordinary user may not mount an overlay (before Linux 5.11)."""
    done = native.run("--overlay-src", world, "--tmp-overlay", "/o")
    if done.status and "Can't make overlay mount" in done.stderr and not native.user.is_root:
        lack(done.stderr)


REFUSED = {
    # options -> message
    "--bind {w}/no /w": "bwrap: Can't find source path {w}/no: No such file or directory",
    "--ro-bind /proc/self/root/no /w": "bwrap: Can't find source path /proc/self/root/no: No such file or directory",
    "--bind {w}/file /proc": "bwrap: Can't create file at /proc: Is a directory",
    "--bind {w} /dev/null": "bwrap: Can't mkdir /dev/null: Not a directory",
    "--dir /dev/null/x": "bwrap: Can't mkdir parents for /dev/null/x: Not a directory",
    "--dir /usr/new": "bwrap: Can't mkdir /usr/new: Read-only file system",
    "--ro-bind {w} /w --tmpfs /w/new": "bwrap: Can't mkdir /w/new: Read-only file system",
    "--symlink a /l --symlink b /l": "bwrap: Can't make symlink at /l: existing destination is a",
    "--dir /l --symlink b /l": "bwrap: Can't make symlink at /l: destination exists and is not a symlink",
    "--chmod 0700 /none": "bwrap: Can't chmod 0700 /none: No such file or directory",
    "--dir /d --remount-ro /d": 'bwrap: Can\'t remount readonly on /newroot/d: Unable to find "/d" in mount table',
    "--file 9 /f": "bwrap: Can't write data to file /f: Bad file descriptor",
    "--bind-fd 9 /f": "bwrap: Can't find source path /proc/self/fd/9: No such file or directory",
    "--ro-overlay /o": "bwrap: --ro-overlay requires at least two --overlay-src",
    "--perms 9 --dir /d": "bwrap: --perms takes an octal argument <= 07777",
    "--perms 0700 --bind {w} /w": "bwrap: --perms must be followed by an option that creates a file",
    "--size 0 --tmpfs /t": "bwrap: --size takes a non-zero number of bytes",
    "--size 9 --dir /t": "bwrap: --size must be followed by --tmpfs",
    "--file-label x": "bwrap: labeling not supported on this system",
    "--exec-label x": "bwrap: labeling not supported on this system",
}


@pytest.mark.parametrize("options", REFUSED)
def test_refusal(native: Native, world: Path, options: str) -> None:
    done = native.run(*options.replace("{w}", str(world)).split(), command=("touch", world / "ran")).check(1)
    assert done.stderr == REFUSED[options].replace("{w}", str(world)) + "\n"
    assert done.stdout == ""
    assert not (world / "ran").exists()


def open_fds(world: Path) -> list[int]:
    return [os.open(world / "file", os.O_RDONLY), os.open(world, os.O_PATH)]


@pytest.mark.parametrize(
    ("option", "mode", "writable"),
    [("--file", "666", True), ("--bind-data", "600", True), ("--ro-bind-data", "600", False)],
)
def test_data_from_a_descriptor(native: Native, world: Path, option: str, mode: str, writable: bool) -> None:
    data, directory = open_fds(world)
    done = native.shell(
        *(option, str(data), "/d/f"),
        script="cat /d/f; stat -c ' %a' /d/f; echo x > /d/f && echo written",
        pass_fds=[data],
    )
    os.close(data)
    os.close(directory)
    assert done.stdout == f"text {mode}\n" + "written\n" * writable
    assert (world / "file").read_text() == "text"


def test_bind_fd(native: Native, world: Path) -> None:
    data, directory = open_fds(world)
    done = native.shell(
        *("--bind-fd", str(directory), "/d", "--ro-bind-fd", str(data), "/f"),
        script="cat /f; echo x > /f || echo new > /d/file; ls /proc/self/fd | tr '\\n' ' '",
        pass_fds=[data, directory],
    )
    os.close(data)
    os.close(directory)
    assert done.check().stdout == "text0 1 2 3 "  # and neither descriptor is left
    assert (world / "file").read_text() == "new\n"


def test_bind_fd_of_what_was_replaced_is_refused(native: Native, world: Path) -> None:
    """The descriptor counts, not the path it had when it was opened."""
    fd = os.open(world / "sub", os.O_PATH)
    (world / "sub").rename(world / "gone")
    done = native.run("--bind-fd", str(fd), "/d", pass_fds=[fd])
    assert done.check().stdout == ""  # /proc/self/fd follows a rename
    (world / "gone" / "inner").unlink()
    (world / "gone").rmdir()
    native.user.makedirs(world / "gone")
    done = native.run("--bind-fd", str(fd), "/d", pass_fds=[fd]).check(1)
    os.close(fd)
    assert "Can't find source path" in done.stderr


def test_overlay_writes_to_its_upper_directory_alone(native: Native, world: Path) -> None:
    require_overlay(native, world)
    for name in ("up ,:\\", "work"):
        native.user.makedirs(world / name)
    native.shell(
        *("--overlay-src", world / "sub", "--overlay", world / "up ,:\\", world / "work", "/o"),
        script="echo new > /o/inner; echo more > /o/more",
    ).check()
    assert (world / "sub" / "inner").read_text() == "inner"
    assert sorted(os.listdir(world / "up ,:\\")) == ["inner", "more"]


def test_nothing_is_left_on_the_host(native: Native, world: Path) -> None:
    before = sorted(os.listdir("/tmp"))
    native.run("--tmpfs", "/a", "--bind", world, "/w").check()
    assert {name for name in os.listdir("/tmp") if name in ("newroot", "oldroot")} == set()
    assert not {name for name in set(os.listdir("/tmp")) - set(before) if name.startswith(("bindfile", "tmp-overlay"))}
    assert sorted(os.listdir(world)) == ["file", "sub", "sub2"]


def test_old_root_is_out_of_reach(native: Native, world: Path) -> None:
    script = f"cat /proc/1/root{world}/file /proc/self/cwd{world}/file /../..{world}/file /oldroot{world}/file"
    done = native.shell("--unshare-pid", "--chdir", "/", script=script)
    assert "text" not in done.stdout
    assert done.stderr.count("No such file or directory") == 4
    twin = native.shell("--unshare-pid", "--ro-bind", world, "/w", script="cat /proc/1/root/w/file")
    assert twin.check().stdout == "text"


@pytest.mark.parametrize("modern", [True, False], ids=["mount-api", "old-kernel"])
def test_read_only_bind_covers_mounts_below_it(tool: Tool, user: User, modern: bool) -> None:
    """The host's /dev/shm is a mount of its own below /dev."""
    native = Native(tool, user, modern)
    if not os.path.ismount("/dev/shm"):
        lack("/dev/shm is no mount here")
    done = native.shell("--ro-bind", "/dev", "/d", "--bind", "/dev", "/w", script="touch /d/shm/native-x || echo no")
    assert done.stdout == "no\n"
    twin = native.shell("--bind", "/dev", "/w", script="touch /w/shm/native-$$ && rm /w/shm/native-$$ && echo yes")
    assert twin.stdout == "yes\n"


@pytest.mark.parametrize("modern", [True, False], ids=["mount-api", "old-kernel"])
def test_no_mount_reaches_the_host_where_its_mounts_are_shared(tool: Tool, user: User, modern: bool) -> None:
    """As systemd leaves them. The host is played by a mount namespace whose user is root: no user namespace helps."""
    native = Native(tool, user, modern)
    tool.require(user, "native")
    sandbox = [*map(str, native.command), "--bind", "/", "/", "--tmpfs", "/mnt", "--ro-bind", "/etc", "/mnt/etc"]
    script = 'mount --make-rshared /; cat /proc/self/mountinfo > before; "$@"; cat /proc/self/mountinfo | cmp before -'
    done = run_as(
        user,
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh", *sandbox, "--", "ls", "/mnt"],
    )
    assert done.check().stdout == "etc\n"
    assert "shared:" in (user.home / "before").read_text()
