"""What has to be visible inside, and why, for venvs and hosts made of tiny real files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox_venv.elf import Closure, Dlopened, FactsCache, resolve_closure
from sandbox_venv.elf.files import read_facts
from sandbox_venv.elf.findings import Library
from sandbox_venv.elf.parse import ElfFacts
from sandbox_venv.elf.system import system_library_directories
from tests.unit.elf.elves import build
from tests.unit.elf.scenarios import lib


@dataclass(frozen=True)
class Host:
    """A system library directory, a base prefix and a venv."""

    system: Path
    base: Path
    site: Path

    def resolve(self, *roots: Path, **options: object) -> Closure:
        """Resolve with nothing reviewed, the venv and the base inside and the system allowed."""
        inside = [str(self.site.parent), str(self.base)]
        options.setdefault("dlopened", ())
        options.setdefault("allowed", [*system_library_directories(), str(self.system), *inside])
        return resolve_closure(map(str, roots), [str(self.site)], inside=inside, **options)  # type: ignore[arg-type]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    found = Host(tmp_path / "usr/lib", tmp_path / "base", tmp_path / "venv/site")
    for path in (found.system, found.base, found.site):
        path.mkdir(parents=True)
    return found


def by_name(closure: Closure) -> dict[str, Library]:
    return {library.soname: library for library in closure.libraries}


def test_host_program_brings_its_libraries_and_its_loader(host: Host):
    lib(host.system / "libsv2.so.1")
    lib(host.system / "libsv1.so.1", needed=["libsv2.so.1"], runpath=str(host.system))
    main = build(host.system / "prog", program=True, needed=["libsv1.so.1"], runpath=str(host.system))
    closure = host.resolve(main)
    found = by_name(closure)
    assert found["libsv1.so.1"].needed_by == (str(main),)
    assert found["libsv2.so.1"].needed_by == (str(host.system / "libsv1.so.1"),)
    assert found["libc.so.6"].path.endswith("/libc.so.6")
    assert any("/ld-" in path for path in closure.interpreters)
    assert all(os.path.exists(path) for path in closure.interpreters)
    assert closure.missing == ()
    assert closure.scanned == 1


def test_loader_that_the_venv_brings_needs_no_bind(host: Host):
    lib(host.site / "glibc/ld-own.so")
    build(host.site / "tool", program=True, options=["--dynamic-linker", str(host.site / "glibc/ld-own.so")])
    assert host.resolve().interpreters == ()


def test_library_of_the_venv_needs_no_bind_and_its_needs_are_followed(host: Host):
    lib(host.system / "libsv2.so.1")
    lib(host.site / "pkg.libs/libsv1-abc.so.1", needed=["libsv2.so.1"], runpath=str(host.system))
    build(host.site / "pkg/ext.so", needed=["libsv1-abc.so.1"], runpath="$ORIGIN/../pkg.libs")
    closure = host.resolve()
    assert [library.soname for library in closure.libraries] == ["libsv2.so.1"]
    assert not closure.missing
    assert not closure.refused
    assert closure.scanned == 2


def test_every_name_of_a_library_is_told(host: Host):
    lib(host.system / "libsv1.so.1")
    (host.system / "libsv1.so.1").rename(host.system / "libsv1.so.1.2.3")
    (host.system / "libsv1.so.1").symlink_to("libsv1.so.1.2.3")
    (host.system / "libsv1.so").symlink_to("libsv1.so.1")
    build(host.site / "a.so", needed=["libsv1.so"], runpath=str(host.system))
    build(host.site / "b.so", needed=["libsv1.so.1"], runpath=str(host.system))
    (library,) = host.resolve().libraries
    assert library.real == str(host.system / "libsv1.so.1.2.3")
    assert library.path == str(host.system / "libsv1.so")
    assert set(library.links) == {str(host.system / "libsv1.so"), str(host.system / "libsv1.so.1")}
    assert library.needed_by == (str(host.site / "a.so"), str(host.site / "b.so"))


def test_links_to_directories_are_told(host: Host, tmp_path: Path):
    lib(host.system / "libsv1.so")
    (tmp_path / "lib").symlink_to("usr/lib")
    build(host.site / "a.so", needed=["libsv1.so"], runpath=str(tmp_path / "lib"))
    closure = host.resolve(allowed=[str(tmp_path / "lib")])
    (library,) = closure.libraries
    assert (library.path, library.real) == (f"{tmp_path}/lib/libsv1.so", f"{tmp_path}/usr/lib/libsv1.so")
    assert closure.directory_links == ((f"{tmp_path}/lib", "usr/lib"),)


def test_link_in_the_venv_to_the_system_is_exposed_where_it_leads(host: Host):
    lib(host.system / "libsv1.so")
    (host.site / "libsv1.so").symlink_to(host.system / "libsv1.so")
    build(host.site / "a.so", needed=["libsv1.so"], runpath="$ORIGIN")
    (library,) = host.resolve().libraries
    assert (library.path, library.real, library.links) == (str(host.system / "libsv1.so"),) * 2 + ((),)


def test_path_by_way_of_dot_dot_is_told_without_it(host: Host):
    lib(host.system / "libsv1.so")
    build(host.site / "a.so", needed=["libsv1.so"], runpath=f"{host.system}/../lib")
    assert host.resolve().libraries[0].path == str(host.system / "libsv1.so")


def test_interpreters_rpath_counts_for_what_it_opens(host: Host):
    lib(host.base / "lib/libsv1.so")
    python = build(host.base / "bin/python", program=True, rpath="$ORIGIN/../lib")
    build(host.site / "ext.so", needed=["libsv1.so"])
    assert host.resolve(python, program=str(python)).missing == ()
    assert host.resolve(python).missing == (("libsv1.so", str(host.site / "ext.so")),)


def test_what_the_interpreter_has_loaded_is_found_by_its_soname(host: Host):
    libpython = lib(host.base / "lib/libpython9.so.1")
    python = build(host.base / "bin/python", program=True, needed=["libpython9.so.1"], runpath="$ORIGIN/../lib")
    build(host.site / "ext.so", needed=[libpython])
    closure = host.resolve(python, program=str(python))
    assert closure.missing == ()
    assert "libpython9.so.1" not in by_name(closure)


def test_what_another_package_of_the_venv_loads_is_not_missing(host: Host):
    lib(host.site / "torch/lib/libtorch.so")
    build(host.site / "ext.so", needed=["libtorch.so"])
    assert host.resolve().missing == ()


def test_missing_libraries_name_who_needs_them(host: Host):
    build(host.site / "ext.so", needed=["libsv-nowhere.so.9"])
    assert host.resolve().missing == (("libsv-nowhere.so.9", str(host.site / "ext.so")),)


def test_names_given_by_the_user_are_found_as_the_loader_would(host: Host):
    lib(host.system / "libsv1.so")
    closure = host.resolve(extra=["libm.so.6", str(host.system / "libsv1.so"), "libsv-nowhere.so"])
    found = by_name(closure)
    assert found["libm.so.6"].needed_by == ("--lib",)
    assert found["libsv1.so"].needed_by == ("--lib",)
    assert closure.missing == (("libsv-nowhere.so", "--lib"),)


def test_what_only_dlopen_finds_comes_with_what_opens_it(host: Host):
    lib(host.system / "libsv1.so")
    lib(host.system / "mods/m.so", needed=["libm.so.6"])
    lib(host.system / "closed/n.so", needed=["libresolv.so.2"])
    build(host.site / "a.so", needed=["libsv1.so"], runpath=str(host.system))
    reviewed = (
        Dlopened("libutil.so.1", ("libsv1.so",), "because"),
        Dlopened("libnss_compat.so.2", ("libabsent.so",), "not due"),
        Dlopened("libsv-nowhere.so", ("libsv1.so",), "not there"),
        Dlopened("mods", ("libsv1.so",), "modules", directory=True),
        Dlopened("closed", ("libsv1.so",), "modules too", directory=True, closed=True),
        Dlopened("absent", ("libsv1.so",), "not there", directory=True),
    )
    closure = host.resolve(dlopened=reviewed)
    found = by_name(closure)
    assert found["libutil.so.1"].needed_by[0] == "libsv1.so (dlopen: because)"
    assert found["libm.so.6"].needed_by == (str(host.system / "mods/m.so"),)
    assert not {"libnss_compat.so.2", "libresolv.so.2", "m.so", "n.so"} & set(found)
    assert closure.directories == ((f"{host.system}/closed", "modules too"), (f"{host.system}/mods", "modules"))
    assert not closure.missing
    assert not closure.refused


def test_what_is_dlopened_may_open_more(host: Host):
    lib(host.system / "libsv1.so")
    build(host.site / "a.so", needed=["libsv1.so"], runpath=str(host.system))
    reviewed = (Dlopened("libm.so.6", ("libutil.so.1",), "2"), Dlopened("libutil.so.1", ("libsv1.so",), "1"))
    assert {"libutil.so.1", "libm.so.6"} <= set(by_name(host.resolve(dlopened=reviewed)))


def test_scripts_and_absent_files_among_the_roots_are_skipped(host: Host, tmp_path: Path):
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert host.resolve(tmp_path / "script", tmp_path / "none", host.system) == Closure(
        refused=((str(host.system), str(host.system), "not a regular file"),)
    )


def test_facts_from_the_cache_give_the_same_closure(host: Host, tmp_path: Path):
    lib(host.system / "libsv1.so")
    for number in range(5):
        build(host.site / f"{number}.so", needed=["libsv1.so"], runpath=str(host.system))
    plain = host.resolve()
    for _ in range(2):
        with FactsCache(tmp_path / "cache") as cache:
            assert host.resolve(facts=cache) == plain


def test_facts_that_one_venv_read_serve_the_next(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lib(host.system / "libsv1.so")
    build(host.site / "a.so", needed=["libsv1.so", "libm.so.6"], runpath=str(host.system))
    monkeypatch.setattr("sandbox_venv.elf.facts.SETTLED_NS", 0)
    read: list[str] = []

    def note(real: str) -> ElfFacts | str:
        read.append(real)
        return read_facts(real)

    monkeypatch.setattr("sandbox_venv.elf.files.read_facts", note)
    with FactsCache(tmp_path / "cache") as cache:
        host.resolve(facts=cache)
    assert str(host.system / "libsv1.so") in read
    build(host.site / "b.so", needed=["libsv1.so", "libm.so.6"], runpath=str(host.system))
    read.clear()
    with FactsCache(tmp_path / "cache") as cache:
        assert str(host.system / "libsv1.so") in {item.path for item in host.resolve(facts=cache).libraries}
    assert read == [str(host.site / "b.so")]


def test_same_files_give_the_same_closure(host: Host):
    for number in range(5):
        build(host.site / f"{number}.so", needed=["libm.so.6", "libsv-nowhere.so"])
    assert host.resolve() == host.resolve()
