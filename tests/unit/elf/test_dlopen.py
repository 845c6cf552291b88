"""The reviewed data is well formed, each entry has its reason, and it fits this machine."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox_venv.elf import resolve_closure, reviewed_dlopen


def test_every_entry_has_a_name_what_opens_it_and_a_reason():
    entries = reviewed_dlopen()
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.name
        assert "/" not in entry.name
        assert entry.by
        assert len(entry.why) > 15
        assert entry.directory or ".so" in entry.name
        assert entry.directory or not entry.closed


def test_a_shell_brings_what_its_libc_opens_by_name():
    closure = resolve_closure([os.path.realpath("/bin/sh")], [])
    names = {library.soname for library in closure.libraries}
    assert "libgcc_s.so.1" in names or not list(Path("/usr/lib").glob("*/libgcc_s.so.1"))
    assert closure.missing == ()
    assert all(os.path.isdir(path) for path, _ in closure.directories)


def test_gconv_modules_need_nothing_but_libc_and_each_other():
    for directory, _ in resolve_closure([os.path.realpath("/bin/sh")], []).directories:
        if os.path.basename(directory) == "gconv":
            closure = resolve_closure([], [directory], dlopened=())
            assert {library.soname for library in closure.libraries} <= {"libc.so.6", "ld-linux-x86-64.so.2"}
            assert closure.missing == ()
