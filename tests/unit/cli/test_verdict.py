"""Which mount decides about a path: the last that lies over it, through the plan's own links."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox_venv.commands import filters
from sandbox_venv.commands.verdict import follow_links, judge
from sandbox_venv.launch.planfile import SECTIONS, Plan


@dataclass
class Lines:
    base: list[Any] = field(default_factory=list)
    slots: list[Any] = field(default_factory=list)
    tail: list[Any] = field(default_factory=list)
    plan: Plan = field(default_factory=lambda: Plan([b""] * SECTIONS))


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "proj/.git").mkdir(parents=True)
    found = Lines()
    found.plan.protect = [b".git", b".envrc"]
    found.base = [
        (("--ro-bind", "/usr/lib", "/usr/lib"), "libraries"),
        (("--symlink", "usr/lib", "/lib"), "libraries"),
        (("--ro-bind", "/dev/null", "/usr/lib/secret"), "masked"),
        (("--size", "1", "--perms", "1777", "--tmpfs", "/tmp"), "private"),
    ]
    project = str(tmp_path / "proj")
    found.slots = [
        (("rw", "/x/home", "/home/me"), "home"),
        (("rw", project, project), "project"),
        (("ro", f"{project}/.venv", f"{project}/.venv"), "venv"),
        (("--tmpfs", f"{project}/.venv/sandbox", ""), "hides"),
        (("--remount-ro", f"{project}/.venv/sandbox", ""), "hides"),
        (("protect", project, ""), "orders"),
        (("ro-try", "/nowhere/at/all", f"{project}/gone"), "absent"),
    ]
    return found


@pytest.mark.parametrize(
    ("path", "access", "shows"),
    [
        ("/etc/shadow", "absent", ""),
        ("/usr/lib/libc.so", "read-only", ""),
        ("/lib/libc.so", "read-only", ""),
        ("/usr/lib/secret", "hidden", "nothing: it reads as empty"),
        ("/tmp/x", "private", "a private, empty tmpfs"),
        ("/home/me/.ssh", "read-write", "/x/home/.ssh"),
        ("{}/app.py", "read-write", ""),
        ("{}/gone", "read-write", ""),
        ("{}/.venv/lib", "read-only", ""),
        ("{}/.venv/sandbox", "private", "a private, empty tmpfs"),
        ("{}/.git", "read-only", ""),
        ("{}/.git/config", "read-only", ""),
        ("{}/.envrc", "read-write", ""),
    ],
)
def test_the_last_mount_over_a_path_decides(lines, tmp_path, path, access, shows):
    verdict = judge(path.format(tmp_path / "proj"), lines)
    assert (verdict.access, verdict.shows) == (access, shows)


def test_links_of_the_plan_are_followed():
    links = [(("--symlink", "usr/bin", "/bin"), ""), (("--symlink", "sh.real", "/usr/bin/sh"), "")]
    assert follow_links("/bin/sh", links) == "/usr/bin/sh.real"
    assert follow_links("/bin/cat", links) == "/usr/bin/cat"


def test_links_in_a_circle_end():
    assert follow_links("/a", [(("--symlink", "b", "/a"), ""), (("--symlink", "a", "/b"), "")])


def test_a_filter_is_asked_about_a_call():
    refuse = b"\x20\0\0\0\0\0\0\0" + b"\x15\0\0\x01\x65\0\0\0" + b"\x06\0\0\0\x01\0\x05\0" + b"\x06\0\0\0\0\0\xff\x7f"
    assert filters.answer(refuse, 0x65) == "EPERM"
    assert filters.answer(refuse, 1) == "allowed"
    assert filters.answer(b"", 1) == "allowed"
