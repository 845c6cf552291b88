"""Small sets of real ELF files, each for one rule of ld.so(8), with what it says must be loaded.

tests/unit/elf/test_program.py holds our resolution to the expectation, tests/kernel/test_elf_loader.py the
loader itself. A file's name is its SONAME; expected paths are relative to the scenario's directory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sandbox_venv.elf.system import auxiliary_platform, cpu_levels, loader_world
from tests.unit.elf.elves import MACHINE, build, forge, write

Expected = dict[str, str | None]
Scenario = Callable[[Path], Expected]
SCENARIOS: dict[str, Scenario] = {}


def scenario(make: Scenario) -> Scenario:
    """Register; the file that is loaded is ``main`` in the scenario's directory."""
    SCENARIOS[make.__name__] = make
    return make


def lib(path: Path, **how: object) -> Path:
    """Build a library whose SONAME is its file name."""
    return build(path, soname=path.name, **how)


def words() -> tuple[str, str]:
    """Return what $LIB and $PLATFORM stand for with this machine's loader."""
    world = loader_world(os.path.realpath("/lib64/ld-linux-x86-64.so.2"), MACHINE)
    return world.lib, auxiliary_platform()


@scenario
def rpath_comes_before_the_cache(top: Path) -> Expected:
    lib(top / "a/libz.so.1")
    build(top / "main", needed=["libz.so.1"], rpath=f"{top}/none:{top}/a")
    return {"libz.so.1": "a/libz.so.1"}


@scenario
def runpath_comes_before_the_cache(top: Path) -> Expected:
    lib(top / "a/libz.so.1")
    build(top / "main", needed=["libz.so.1"], runpath=f"{top}/a")
    return {"libz.so.1": "a/libz.so.1"}


@scenario
def the_first_directory_that_has_it_wins(top: Path) -> Expected:
    lib(top / "a/libsv1.so")
    lib(top / "b/libsv1.so")
    build(top / "main", needed=["libsv1.so"], runpath=f"{top}/b:{top}/a")
    return {"libsv1.so": "b/libsv1.so"}


@scenario
def rpath_is_inherited(top: Path) -> Expected:
    lib(top / "b/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"])
    build(top / "main", needed=["libsv1.so"], rpath=f"{top}/a:{top}/b")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "b/libsv2.so"}


@scenario
def runpath_is_not_inherited(top: Path) -> Expected:
    lib(top / "b/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"])
    build(top / "main", needed=["libsv1.so"], runpath=f"{top}/a:{top}/b")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": None}


@scenario
def runpath_voids_what_would_be_inherited(top: Path) -> Expected:
    lib(top / "b/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"], runpath=f"{top}/none")
    build(top / "main", needed=["libsv1.so"], rpath=f"{top}/a:{top}/b")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": None}


@scenario
def rpath_passes_by_a_runpath_to_grandchildren(top: Path) -> Expected:
    lib(top / "c/libsv3.so")
    lib(top / "b/libsv2.so", needed=["libsv3.so"])
    lib(top / "a/libsv1.so", needed=["libsv2.so"], runpath=f"{top}/b")
    build(top / "main", needed=["libsv1.so"], rpath=f"{top}/a:{top}/c")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "b/libsv2.so", "libsv3.so": "c/libsv3.so"}


@scenario
def own_rpath_comes_before_the_inherited_one(top: Path) -> Expected:
    lib(top / "b/libsv2.so")
    lib(top / "c/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"], rpath=f"{top}/c")
    build(top / "main", needed=["libsv1.so"], rpath=f"{top}/a:{top}/b")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "c/libsv2.so"}


@scenario
def origin_is_where_the_file_lies_with_and_without_braces(top: Path) -> Expected:
    lib(top / "x/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"], runpath="${ORIGIN}/../x")
    build(top / "main", needed=["libsv1.so"], runpath="$ORIGIN/a")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "a/../x/libsv2.so"}


@scenario
def origin_of_a_linked_library_is_the_links_directory(top: Path) -> Expected:
    lib(top / "x/libsv2.so")
    lib(top / "y/libsv2.so")
    lib(top / "y/libsv1.so", needed=["libsv2.so"], runpath="$ORIGIN")
    (top / "x/libsv1.so").symlink_to("../y/libsv1.so")
    build(top / "main", needed=["libsv1.so"], runpath="$ORIGIN/x")
    return {"libsv1.so": "x/libsv1.so", "libsv2.so": "x/libsv2.so"}


@scenario
def lib_and_platform_tokens_are_the_loaders_words(top: Path) -> Expected:
    where, platform = words()
    lib(top / where / "libsv1.so")
    lib(top / platform / "libsv2.so")
    lib(top / where / platform / "libsv3.so")
    needed = ["libsv1.so", "libsv2.so", "libsv3.so"]
    build(top / "main", needed=needed, runpath="$ORIGIN/$LIB:$ORIGIN/$PLATFORM:$ORIGIN/${LIB}/${PLATFORM}")
    return {
        "libsv1.so": f"{where}/libsv1.so",
        "libsv2.so": f"{platform}/libsv2.so",
        "libsv3.so": f"{where}/{platform}/libsv3.so",
    }


@scenario
def other_words_with_a_dollar_are_taken_as_they_are(top: Path) -> Expected:
    lib(top / "$HOME/libsv1.so")
    lib(top / "$ORIGINAL/libsv2.so")
    build(top / "main", needed=["libsv1.so", "libsv2.so"], runpath=f"{top}/$HOME:{top}/$ORIGINAL")
    return {"libsv1.so": "$HOME/libsv1.so", "libsv2.so": "$ORIGINAL/libsv2.so"}


@scenario
def nodefaultlib_keeps_the_system_out(top: Path) -> Expected:
    build(top / "main", needed=["libm.so.6"], options=["-z", "nodefaultlib"])
    return {"libm.so.6": None}


@scenario
def another_class_is_passed_over(top: Path) -> Expected:
    write(top / "a/libsv1.so", forge(bits=32, machine=3))
    write(top / "b/libsv1.so", forge(machine=183 if MACHINE == "EM_X86_64" else 62))
    lib(top / "c/libsv1.so")
    build(top / "main", needed=["libsv1.so"], runpath=f"{top}/a:{top}/b:{top}/c")
    return {"libsv1.so": "c/libsv1.so"}


@scenario
def a_soname_that_is_loaded_is_not_looked_for_again(top: Path) -> Expected:
    lib(top / "a/libsv2.so")
    lib(top / "b/libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"], rpath=f"{top}/b")
    build(top / "main", needed=["libsv2.so", "libsv1.so"], runpath=f"{top}/a")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "a/libsv2.so"}


@scenario
def a_soname_counts_though_the_file_has_another_name(top: Path) -> Expected:
    build(top / "a/libreal.so", soname="libsv2.so")
    lib(top / "a/libsv1.so", needed=["libsv2.so"])
    build(top / "main", needed=["libreal.so", "libsv1.so"], runpath=f"{top}/a")
    return {"libreal.so": "a/libreal.so", "libsv1.so": "a/libsv1.so"}


@scenario
def one_file_under_two_names_is_loaded_once(top: Path) -> Expected:
    build(top / "a/libsv1.so")
    (top / "a/libsv2.so").symlink_to("libsv1.so")
    build(top / "main", needed=["libsv1.so", "libsv2.so"], runpath=f"{top}/a")
    return {"libsv1.so": "a/libsv1.so"}


@scenario
def libraries_may_need_each_other(top: Path) -> Expected:
    lib(top / "a/libsv1.so", needed=["libsv2.so"], runpath="$ORIGIN")
    lib(top / "a/libsv2.so", needed=["libsv1.so"], runpath="$ORIGIN")
    build(top / "main", needed=["libsv1.so"], runpath="$ORIGIN/a")
    return {"libsv1.so": "a/libsv1.so", "libsv2.so": "a/libsv2.so"}


@scenario
def a_name_with_a_slash_is_a_path(top: Path) -> Expected:
    where = build(top / "a/libsv1.so", soname=f"{top}/a/libsv1.so")
    build(top / "main", needed=[where])
    return {f"{top}/a/libsv1.so": "a/libsv1.so"}


@scenario
def origin_counts_in_needed_names_too(top: Path) -> Expected:
    where = build(top / "a/libsv1.so", soname="$ORIGIN/a/libsv1.so")
    build(top / "main", needed=[where])
    return {f"{top}/a/libsv1.so": "a/libsv1.so"}


@scenario
def filters_and_auxiliary_filters_are_loaded(top: Path) -> Expected:
    lib(top / "a/libsv1.so")
    lib(top / "a/libsv9.so")
    options = ["--filter=libsv1.so", "--auxiliary=libsv9.so"]
    lib(top / "a/libsv2.so", runpath=f"{top}/a", options=options)
    build(top / "main", needed=["libsv2.so"], runpath=f"{top}/a")
    return {name: f"a/{name}" for name in ("libsv1.so", "libsv2.so", "libsv9.so")}


@scenario
def missing_libraries_are_missing(top: Path) -> Expected:
    build(top / "main", needed=["libsv-nowhere.so"])
    return {"libsv-nowhere.so": None}


@scenario
def directories_of_the_best_cpu_level_come_first(top: Path) -> Expected:
    for level in (*cpu_levels(MACHINE), "x86-64-v9", ""):
        where = top / "a/glibc-hwcaps" / level if level else top / "a"
        lib(where / "libsv1.so")
    lib(top / "a/glibc-hwcaps/x86-64-v9/libsv2.so")
    lib(top / "a/libsv2.so")
    build(top / "main", needed=["libsv1.so", "libsv2.so"], runpath="$ORIGIN/a")
    best = cpu_levels(MACHINE)[:1]
    return {"libsv1.so": f"a/glibc-hwcaps/{best[0]}/libsv1.so" if best else "a/libsv1.so", "libsv2.so": "a/libsv2.so"}


@scenario
def a_program_has_its_interpreter_and_libc(top: Path) -> Expected:
    lib(top / "a/libsv1.so")
    build(top / "main", program=True, needed=["libsv1.so"], runpath="$ORIGIN/a")
    return {"libsv1.so": "a/libsv1.so", "libc.so.6": "/lib/x86_64-linux-gnu/libc.so.6"}


@scenario
def links_to_directories_are_followed(top: Path) -> Expected:
    lib(top / "real/libsv1.so.1.2")
    (top / "real/libsv1.so").symlink_to("libsv1.so.1.2")
    (top / "a").symlink_to("real")
    build(top / "main", needed=["libsv1.so"], runpath=f"{top}/a")
    return {"libsv1.so": "a/libsv1.so"}


@scenario
def empty_and_relative_directories_are_the_current_one(top: Path) -> Expected:
    lib(top / "a/libsv1.so")
    build(top / "main", needed=["libsv1.so"], runpath=":a:")
    return {"libsv1.so": None}


@scenario
def needs_of_needs_are_followed_to_the_end(top: Path) -> Expected:
    for number in range(6):
        more = [f"libsv{number + 1}.so"] if number < 5 else []
        lib(top / "a" / f"libsv{number}.so", needed=more, runpath="$ORIGIN")
    build(top / "main", needed=["libsv0.so"], runpath="$ORIGIN/a")
    return {f"libsv{number}.so": f"a/libsv{number}.so" for number in range(6)}


def make(name: str, top: Path) -> tuple[str, dict[str, str | None]]:
    """Build a scenario; return the file to load and what must come of it."""
    expected = SCENARIOS[name](top)
    here = str(top)
    paths = {key: value if value is None or value[0] == "/" else f"{here}/{value}" for key, value in expected.items()}
    return f"{here}/main", paths
