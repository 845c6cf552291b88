"""Run CPython's own tests twice and print, by the test's id, where the outcomes differ.

    python -m tests.kernel.cpython_suite PLAIN [WRAPPED] [-- TEST…]

With one interpreter: without and under the seccomp filters alone. With two: in a plain venv and in a wrapped one, both
of the same interpreter (`BWRAP_ARGS` passes on). The interpreter must come with its `test` package (Debian's is in
libpython3-testsuite). Exit status 1 where a difference isn't one of EXPECTED. It takes half an hour and more, so this is
no part of `make test`; give names of tests to be quick.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from sandbox_venv.launch import linux
from sandbox_venv.seccomp import Program, compile_seccomp

TESTS = (
    "test_os", "test_subprocess", "test_socket", "test_asyncio", "test_multiprocessing_fork",
    "test_multiprocessing_spawn", "test_multiprocessing_forkserver", "test_concurrent_futures", "test_threading",
    "test_mmap", "test_signal", "test_select", "test_time", "test_shutil", "test_posix", "test_tempfile", "test_pty",
    "test_fcntl", "test_selectors", "test_socketserver", "test_httpservers", "test_ssl", "test_tarfile", "test_pathlib",
    "test_faulthandler", "test_eintr", "test_sqlite3", "test_venv", "test_import", "test_runpy", "test_support",
    "test_site", "test_sysconfig", "test_ctypes", "test_poll", "test_uuid", "test_webbrowser", "test_tracemalloc",
)  # fmt: skip

EXPECTED = (
    ("test_exist_ok_s_isgid_directory", "sets a set-group-ID bit: skips itself"),
    ("test_monotonic_settime", "sets the clock as root: skips itself"),
    ("TestExtractionFilters.test_modes", "unpacks a tar archive with set-user-ID bits"),
    ("test_chown_without_permission", "a number that isn't mapped: EINVAL"),
    ("POSIXProcessTestCase.test_(user|group)", "the same"),
    ("OSError: .Errno 30. Read-only.*pyc", "removes what isn't there, beside the interpreter's modules: EROFS"),
    ("FindLibraryLinux|test_null_dlsym|test_gcc", "gcc isn't shown"),
    ("Test_OpenGL_libs", "libGL isn't shown"),
    ("test_getgroups", "id isn't shown"),
    ("vs_tar|vs_zip|unzip_zipfile|test_pipes", "tar, zip, unzip and tr aren't shown"),
    ("(ifconfig|ip|arp|lanscan|netstat)_getnode", "ip and ifconfig aren't shown"),
    ("test_webbrowser", "no browser is shown"),
    ("test_special_chars_csh", "csh isn't shown"),
    ("test_getspnam_exception", "/etc/shadow isn't there"),
)
"""Expressions for tests that differ on purpose (the name, a space, what it says), and why: see docs/differences.md"""

Outcomes = dict[str, tuple[str, str]]
"""Of each test's name: ok, failure, error or skipped; and what was said"""

MISSING = ("missing", "")


def outcomes(
    python: str, tests: list[str], place: str, environ: dict[str, str], prepare: Callable[[], None] | None = None
) -> Outcomes:
    """Run the tests in a new directory in `place`; return each one's outcome and what it says."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        report = Path(directory, "report.xml")
        command = [python, "-m", "test", "--timeout", "900", "--junit-xml", str(report), *tests]
        subprocess.run(
            command, cwd=directory, env=environ, preexec_fn=prepare, start_new_session=True, check=False,
            stdin=subprocess.DEVNULL, stdout=sys.stderr,
        )  # fmt: skip
        found: Outcomes = {}
        for case in ET.parse(report).iter("testcase"):
            inner = [item for item in case if item.tag in ("failure", "error", "skipped")]
            name = re.sub(r" [\[(<].*", "", case.get("name") or "?", flags=re.DOTALL)  # of a part of a test
            if inner or name not in found:
                found[name] = (inner[0].tag, f"{inner[0].get('message')} {inner[0].text}") if inner else ("ok", "")
        return found


def filtered(python: str, tests: list[str], program: Program) -> Outcomes:
    """Run the tests under the filters alone."""

    def load() -> None:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        for one in (program.allow, program.deny):
            if one:
                linux.seccomp_filter(one)

    with tempfile.TemporaryDirectory() as home:
        environ = {"PATH": "/usr/bin:/bin", "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        return outcomes(python, tests, home, environ, load)


def in_venv(python: str, tests: list[str]) -> Outcomes:
    """Run the tests with a venv's interpreter, plain or wrapped, in the directory that holds the venv."""
    environ = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    for name in ("HOME", "BWRAP_ARGS"):
        if name in os.environ:
            environ[name] = os.environ[name]
    return outcomes(python, tests, str(Path(python).absolute().parents[2]), environ)


def compare(before: Outcomes, after: Outcomes) -> int:
    """Print what differs; return how many differences nobody expects."""
    surprises = 0
    for name in sorted(before.keys() | after.keys()):
        (first, _), (second, text) = before.get(name, MISSING), after.get(name, MISSING)
        if first != second:
            reason = next((why for expression, why in EXPECTED if re.search(expression, f"{name} {text}")), "")
            surprises += not reason
            print(f"{name}: {first} -> {second}{reason and f' (expected: {reason})'}")
    print(f"{len(before)} tests, then {len(after)}; {surprises} unexpected differences")
    return surprises


def main(words: list[str]) -> int:
    """Compare, and return the exit status."""
    at = words.index("--") if "--" in words else len(words)
    pythons, tests = words[:at], words[at + 1 :] or list(TESTS)
    if len(pythons) == 1:
        before, after = (
            filtered(pythons[0], tests, compile_seccomp(allow="")),
            filtered(pythons[0], tests, compile_seccomp()),
        )
    else:
        before, after = (in_venv(python, tests) for python in pythons)
    return 1 if compare(before, after) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
