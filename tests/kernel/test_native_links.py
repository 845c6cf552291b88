"""No mount point is resolved through a link that a sandbox can have planted, and none out of the new root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Tool, User
from tests.kernel.native_support import Native
from tests.support.programs import lack

pytestmark = [pytest.mark.kernel, pytest.mark.escape]

REFUSED = "a symbolic link on the way lies where a sandbox may write"


@pytest.fixture(params=[True, False], ids=["mount-api", "old-kernel"])
def native(request: pytest.FixtureRequest, tool: Tool, user: User) -> Native:
    tool.require(user, "native")
    return Native(tool, user, request.param)


@pytest.fixture
def share(user: User) -> Path:
    """A directory that a sandbox may write, beside one that it must not reach."""
    user.makedirs(user.home / "private")
    user.write(user.home / "file", "text")
    return user.makedirs(user.home / "share")


def plant(user: User, link: Path, target: str) -> None:
    link.symlink_to(target)
    user.own(link)


TARGETS = ("{home}/private", "../private", "/proc/self/root{home}/private", "/oldroot{home}/private")
OPTIONS = (
    "--tmpfs /s/link/new",
    "--ro-bind {home}/file /s/link/file",
    "--tmpfs /s/link",
    "--dir /s/link/new/deep",
    "--bind /usr /s/link/usr",
    "--symlink x /s/link/sym",
    "--file 0 /s/link/data",
    "--ro-bind-data 0 /s/link/data",
    "--chmod 0777 /s/link",
    "--proc /s/link/proc",
    "--dev /s/link/dev",
)


@pytest.mark.parametrize(
    ("options", "target"),
    [(options, TARGETS[0]) for options in OPTIONS]
    + [(options, target) for options in OPTIONS[:2] for target in TARGETS[1:]],
)
def test_planted_link_is_refused_and_the_host_untouched(native: Native, share: Path, target: str, options: str) -> None:
    home = str(native.user.home)
    plant(native.user, share / "link", target.format(home=home))
    words = options.format(home=home).split()
    before = (share.parent / "private").stat()
    done = native.run("--bind", share, "/s", *words).check(1)
    assert REFUSED in done.stderr
    assert os.listdir(share.parent / "private") == []
    after = (share.parent / "private").stat()
    assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)


def test_same_place_without_a_link_is_allowed(native: Native, share: Path) -> None:
    home = native.user.home
    native.user.makedirs(share / "link")
    done = native.shell("--bind", share, "/s", "--ro-bind", home / "file", "/s/link/file", script="cat /s/link/file")
    assert done.check().stdout == "text"


def test_last_name_is_not_followed_either(native: Native, share: Path) -> None:
    plant(native.user, share / "link", str(native.user.home / "file"))
    done = native.run("--bind", share, "/s", "--ro-bind", "/etc/passwd", "/s/link").check(1)
    assert REFUSED in done.stderr
    assert (native.user.home / "file").read_text() == "text"


def test_links_of_the_option_list_itself_are_followed(native: Native) -> None:
    done = native.shell(
        *("--dir", "/real/in", "--symlink", "real", "/rel", "--symlink", "/real/in", "/abs"),
        *("--ro-bind", "/etc/passwd", "/rel/passwd", "--tmpfs", "/abs", "--dir", "/abs/made"),
        script="test -s /real/passwd && test -d /real/in/made && echo yes",
    )
    assert done.check().stdout == "yes\n"


def test_absolute_link_stays_in_the_new_root(native: Native, share: Path) -> None:
    """It names the host's directory, but is looked up in the sandbox: nothing appears on the host."""
    private = share.parent / "private"
    done = native.shell(
        *("--symlink", private, "/link", "--dir", private, "--dir", "/link/new"),
        script=f"ls -d {private}/new",
    )
    assert done.check().stdout == f"{private}/new\n"
    assert os.listdir(private) == []


def test_climbing_link_stays_in_the_new_root(native: Native) -> None:
    done = native.shell("--symlink", "../../../../d", "/t/link", "--dir", "/d", "--dir", "/t/link/new", script="ls /d")
    assert done.check().stdout == "new\n"


def test_climbing_path_stays_in_the_new_root(native: Native, share: Path) -> None:
    done = native.shell("--dir", "/../../../d/new", script="ls /d")
    assert done.check().stdout == "new\n"


def test_link_on_a_read_only_bind_is_followed_inside(native: Native, share: Path) -> None:
    plant(native.user, share / "link", "in")
    native.user.makedirs(share / "in")
    done = native.shell("--ro-bind", share, "/s", "--tmpfs", "/s/link", "--dir", "/s/link/x", script="ls /s/in")
    assert done.check().stdout == "x\n"
    assert os.listdir(share / "in") == []


def test_link_that_the_user_could_not_make_is_followed(tool: Tool, ordinary_user: User) -> None:
    """/bin of a merged /usr is root's: an ordinary user's sandbox can't have planted it."""
    if not os.path.islink("/bin"):
        lack("/bin is no link here")
    tool.require(ordinary_user, "native")
    done = Native(tool, ordinary_user).bare(
        *("--bind", "/", "/", "--ro-bind", "/etc/hostname", "/bin/true", "--", "cat", "/usr/bin/true")
    )
    assert done.check().stdout == Path("/etc/hostname").read_text()


def test_loop_of_links_ends(native: Native) -> None:
    done = native.run("--symlink", "b", "/a", "--symlink", "a", "/b", "--dir", "/a/x").check(1)
    assert "Too many levels of symbolic links" in done.stderr


FLIP = """
import os, sys
share, private = sys.argv[1:]
os.chdir(share)
while True:
    for make in (lambda: os.mkdir("link"), lambda: os.symlink(private, "link")):
        try: make()
        except OSError: pass
        try:
            if os.path.islink("link"): os.unlink("link")
            else: os.rmdir("link")
        except OSError:
            try: os.rename("link", f"old{os.urandom(4).hex()}")
            except OSError: pass
"""


@pytest.mark.slow
def test_link_flipped_during_set_up_leads_nowhere(tool: Tool, user: User, share: Path) -> None:
    """As runc's CVE-2021-30465: another process swaps directory and link while mount points are made."""
    tool.require(user, "native")
    private = share.parent / "private"
    identity = {} if user.is_root else {"user": user.uid, "group": user.gid, "extra_groups": []}
    with subprocess.Popen(
        [sys.executable if user.is_root else str(tool.python), "-c", FLIP, share, private], **identity
    ) as flipper:  # type: ignore[call-overload]
        try:
            for _ in range(int(os.environ.get("NATIVE_RACES", "40"))):
                Native(tool, user).run(
                    *("--bind", share, "/s", "--dir", "/s/link/a/b", "--ro-bind", share.parent / "file", "/s/link/f")
                )
                assert os.listdir(private) == []
        finally:
            flipper.send_signal(signal.SIGKILL)
