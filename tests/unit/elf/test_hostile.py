"""A venv is written by an attacker: nothing in it leads outside, raises, blocks or takes for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_venv.elf import Closure, resolve_closure
from sandbox_venv.elf import resolution as module
from sandbox_venv.elf.files import scan_tree
from sandbox_venv.elf.findings import MAX_NOTES
from sandbox_venv.elf.paths import is_below
from sandbox_venv.elf.search import Budget
from tests.unit.elf.elves import MACHINE, forge, write
from tests.unit.elf.scenarios import lib

HOST = {"EM_X86_64": 62, "EM_AARCH64": 183}[MACHINE]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A venv's site-packages, and beside it what must never be exposed."""
    lib(tmp_path / "secret/libsecret.so")
    (tmp_path / "secret/id_rsa").write_text("key")
    path = tmp_path / "venv/site"
    path.mkdir(parents=True)
    return path


def resolve(site: Path, **options: object) -> Closure:
    options.setdefault("dlopened", ())
    return resolve_closure(["/bin/sh"], [str(site)], inside=[str(site.parent)], **options)  # type: ignore[arg-type]


def evil(site: Path, *needed: str | bytes, name: str = "evil.so", **how: object) -> Path:
    return write(site / name, forge(needed, machine=HOST, **how))  # type: ignore[arg-type]


def exposed(closure: Closure) -> list[str]:
    paths = [path for item in closure.libraries for path in (item.path, item.real, *item.links)]
    return paths + list(closure.interpreters) + [path for path, _ in closure.directories]


def assert_nothing_leaks(site: Path, closure: Closure) -> None:
    top = site.parent.parent
    assert not [path for path in exposed(closure) if is_below(path, [str(top)])]
    system = ["/lib", "/usr", "/lib64", "/etc/alternatives", "/lib32", "/libx32"]
    assert all(is_below(path, system) for path in exposed(closure))


@pytest.mark.parametrize("tag", ["rpath", "runpath"])
@pytest.mark.parametrize(
    "text", ["{secret}", "$ORIGIN/../../secret", "{site}/../../secret", "/usr/lib/../..{secret}", "{site}/link"]
)
def test_search_path_to_secrets_exposes_nothing(site: Path, tmp_path: Path, tag: str, text: str):
    (site / "link").symlink_to("../../secret")
    evil(site, "libsecret.so", **{tag: text.format(secret=tmp_path / "secret", site=site)})
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert [name for name, _ in closure.missing] == ["libsecret.so"]
    assert any("outside the allowed directories" in reason for _, _, reason in closure.refused)


@pytest.mark.parametrize("place", ["{secret}", "$ORIGIN/../../secret", "../../secret"])
def test_needed_name_with_a_slash_exposes_nothing(site: Path, tmp_path: Path, place: str):
    evil(site, place.format(secret=tmp_path / "secret") + "/libsecret.so")
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert closure.refused


def test_needed_name_with_a_slash_to_a_system_library_is_found(site: Path):
    (libc,) = [item.path for item in resolve(site).libraries if item.soname == "libc.so.6"]
    evil(site, libc)
    assert resolve(site).missing == ()


@pytest.mark.parametrize("target", ["../../secret/libsecret.so", "/proc/self/exe", "/dev/zero", "libevil.so", "."])
def test_library_that_is_a_link_elsewhere_exposes_nothing(site: Path, target: str):
    (site / "libevil.so").symlink_to(target)
    evil(site, "libevil.so", runpath="$ORIGIN")
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert [name for name, _ in closure.missing] == ["libevil.so"]


def test_system_file_that_is_no_library_is_not_exposed(site: Path):
    (site / "libevil.so").symlink_to("/usr/lib/os-release")
    evil(site, "libevil.so", runpath="$ORIGIN")
    closure = resolve(site)
    assert [item.soname for item in closure.libraries] == ["libc.so.6"]
    assert "not an ELF file" in {reason for _, _, reason in closure.refused}


def test_fifo_in_a_librarys_place_does_not_block(site: Path):
    os.mkfifo(site / "libevil.so")
    evil(site, "libevil.so", runpath="$ORIGIN")
    assert ("libevil.so", str(site / "evil.so")) in resolve(site).missing


@pytest.mark.parametrize(
    "interpreter", ["{secret}/id_rsa", "{secret}/libsecret.so", "/proc/self/exe", "bin/sh", "/etc/passwd"]
)
def test_interpreter_elsewhere_is_refused(site: Path, tmp_path: Path, interpreter: str):
    path = evil(site, name="tool", interpreter=interpreter.format(secret=tmp_path / "secret"))
    path.chmod(0o755)
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert any(asking == str(path) for _, asking, _ in closure.refused)


def test_system_file_as_interpreter_teaches_no_directories(site: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []

    def built_in_directories(path: str) -> tuple[str, ...]:
        seen.append(path)
        return ()

    monkeypatch.setattr(module, "built_in_directories", built_in_directories)
    evil(site, "libc.so.6", name="tool", interpreter=os.path.realpath("/bin/sh")).chmod(0o755)
    resolve(site)
    assert not [path for path in seen if path == os.path.realpath("/bin/sh")]


def test_search_path_of_the_venv_does_not_reach_through_a_system_librarys_needs(site: Path, tmp_path: Path):
    """libstdc++ needs libm; an inherited RPATH of the venv must not have it from elsewhere."""
    lib(tmp_path / "secret/libm.so.6")
    evil(site, "libstdc++.so.6", rpath=str(tmp_path / "secret"))
    assert_nothing_leaks(site, resolve(site))


def test_library_swapped_for_a_link_while_scanning_exposes_nothing(site: Path, monkeypatch: pytest.MonkeyPatch):
    evil(site, "libc.so.6", name="pkg/ext.so")

    def swap(top: str) -> object:
        tree = scan_tree(top)
        (site / "pkg").rename(site / "old")
        (site / "pkg").symlink_to("../../secret")
        write(site.parent.parent / "secret/ext.so", forge(["libm.so.6"], machine=HOST))
        return tree

    monkeypatch.setattr(module, "scan_tree", swap)
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert "libm.so.6" not in {item.soname for item in closure.libraries}


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb", "x" * 255, "lib\udcff\udcfe.so", " ", "..", ".", "-rf"])
def test_odd_names_are_names(site: Path, text: str):
    evil(site, text, soname=text, runpath=f"$ORIGIN:/{text}")
    assert_nothing_leaks(site, resolve(site))


def test_names_beyond_what_a_file_can_have_are_refused(site: Path):
    evil(site, "x" * 256, "y" * 5000, "/" + "z" * 5000, "")
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
    assert len(closure.missing) == 3


def test_libraries_that_need_each_other_end(site: Path):
    for number in range(100):
        needed = [f"libsv{other}.so" for other in range(100)]
        evil(site, *needed, name=f"libsv{number}.so", soname=f"libsv{number}.so", runpath="$ORIGIN")
    start = time.process_time()
    closure = resolve(site)
    assert not closure.missing
    assert not closure.refused
    assert closure.scanned == 101
    assert time.process_time() - start < 5


def test_more_work_than_any_venv_asks_for_ends_the_resolution(site: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "Budget", lambda: Budget(2000))
    rpath = ":".join(f"/usr/lib/{number}" for number in range(300))
    for number in range(100):
        evil(site, *(f"libsv{number}-{other}.so" for other in range(300)), name=f"{number}.so", rpath=rpath)
    closure = resolve(site)
    assert ("", "", "more lookups than any real venv asks for; the rest was not looked at") in closure.refused
    assert "libc.so.6" in {item.soname for item in closure.libraries}


def test_notes_are_bounded(site: Path):
    for number in range(20):
        evil(site, *(f"libsv{number}-{other}.so" for other in range(900)), name=f"{number}.so")
    closure = resolve(site)
    assert len(closure.missing) <= MAX_NOTES
    assert len(closure.refused) <= MAX_NOTES


def test_trees_of_junk_are_only_noted(site: Path):
    write(site / "a.so", b"")
    write(site / "b.so", b"\x7fELF")
    write(site / "c.so", forge(machine=HOST)[:130])
    write(site / "d.so", forge(bits=32, machine=8, little=False))
    write(site / "e.so", forge(kind=1))
    evil(site, "libc.so.6", name="good.so")
    closure = resolve(site)
    assert {os.path.basename(path) for path, _, _ in closure.refused} == {"b.so", "c.so", "e.so"}
    assert closure.scanned == 3


def test_unreadable_trees_and_odd_arguments_never_raise(site: Path, tmp_path: Path):
    for odd in ("", "relative", "/", "/\0", "x" * 5000, "/" + "y" * 5000, "/dev/null", str(tmp_path / "none")):
        resolve_closure([odd], [], inside=[odd], extra=[odd], dlopened=())
        resolve_closure([], [odd] if odd not in ("", "/") else [], allowed=[odd], program=odd, dlopened=())


NAMES = st.sampled_from(
    [
        "libc.so.6",
        "libsecret.so",
        "../../secret/libsecret.so",
        "libevil.so",
        "liba.so",
        "$ORIGIN/liba.so",
        "/bin/sh",
        "",
    ]
)
PARTS = st.sampled_from(
    ["$ORIGIN", "$ORIGIN/..", "$ORIGIN/../..", "$ORIGIN/../../secret", "/usr/lib", "/", "", ".", "/usr/lib/../../etc",
     "/proc/self/root", "/proc/self/cwd", "/dev/fd", "$ORIGIN/link", "$LIB", "/home", "/root/.ssh"]
)  # fmt: skip
TARGETS = st.sampled_from(
    ["../../secret", "../../secret/libsecret.so", "/", "..", "link", "liba.so", "/usr/lib", "/etc/passwd", "/proc/self"]
)


@settings(max_examples=80, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mixture_of_tricks_leads_outside(site: Path, data: st.DataObject):
    for name in ("liba.so", "libevil.so", "link", "tool"):
        (site / name).unlink(missing_ok=True)
        if data.draw(st.booleans()):
            (site / name).symlink_to(data.draw(TARGETS))
        else:
            needed = data.draw(st.lists(NAMES, max_size=4))
            tag = data.draw(st.sampled_from(["rpath", "runpath"]))
            text = ":".join(data.draw(st.lists(PARTS, max_size=5)))
            interpreter = data.draw(st.sampled_from([None, "/lib64/ld-linux-x86-64.so.2", "/bin/sh", "/root/x"]))
            evil(site, *needed, name=name, interpreter=interpreter, **{tag: text}).chmod(0o755)
    closure = resolve(site)
    assert_nothing_leaks(site, closure)
