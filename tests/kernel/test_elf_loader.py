"""The proof: what we resolve is what the dynamic loader itself loads, scenario by scenario and file by file.

The loader runs here only, on trusted files, in a sandbox.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from sandbox_venv.elf import resolve_closure
from sandbox_venv.elf.files import Files, scan_tree
from sandbox_venv.elf.paths import is_below
from tests.harness import remove_tree
from tests.support.programs import lack, need
from tests.unit.elf.elves import MACHINE, build
from tests.unit.elf.scenarios import SCENARIOS, make
from tests.unit.elf.tracing import MUSL_LOADER, by_loader, glibc_loader, ours

pytestmark = pytest.mark.kernel

WHEELS = ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "pillow", "lxml")
"""Some 300 ELF files, most with bundled libraries in a ``*.libs`` directory."""
ENOUGH = 500


@pytest.fixture(scope="session")
def wheels() -> Path:
    """Install the wheels once a machine, outside the repository; skip without a registry, fail in CI."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sandbox-venv-tests"
    cache.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(repr((WHEELS, sys.version_info[:2])).encode()).hexdigest()[:12]
    target = cache / f"wheels-{name}"
    with (cache / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".done").exists():
            remove_tree(target)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-compile"]
            done = subprocess.run([*command, "--target", str(target), *WHEELS], capture_output=True, text=True)
            if done.returncode:
                lack(f"no wheels to be had: {(done.stderr.strip().splitlines() or ['pip failed'])[-1]}")
            (target / ".done").touch()
    return target


def elf_files(tops: Iterable[Path | str]) -> list[str]:
    """List the ELF files of this machine's own ABI that the loader accepts at all."""
    files, found = Files(None), []
    for top in tops:
        for path in scan_tree(str(top)).files:
            facts = files.facts(path)
            if not isinstance(facts, str) and facts.abi == (64, True, MACHINE) and facts.needed:
                found.append(path)
    return found


def assert_equal(paths: list[str]) -> None:
    """Compare file by file, and say which differ how."""
    mine, wanted = ours(paths), by_loader(paths, glibc_loader())
    different = {path: (mine.get(path), wanted.get(path)) for path in paths if mine.get(path) != wanted.get(path)}
    assert not different


def test_loader_agrees_with_every_scenario(tmp_path: Path):
    expected = {}
    for name in SCENARIOS:
        (tmp_path / name).mkdir()
        main, wanted = make(name, tmp_path / name)
        expected[main] = wanted
    assert by_loader(expected, glibc_loader()) == expected


def test_system_files_resolve_as_the_loader_does():
    assert_equal(elf_files(["/usr/bin", "/usr/sbin", "/usr/lib/git-core", "/usr/lib/python3"])[:ENOUGH])


UNMERGED = """
from tests.kernel.test_elf_loader import *
import os
assert not os.path.islink("/lib") and not os.path.exists("/usr/lib/os-release")
paths = elf_files(["/usr/bin"])[:60]
assert_equal(paths)
print({os.path.dirname(found) for one in ours(paths).values() for found in one.values() if found})
"""


def test_system_files_resolve_as_the_loader_does_where_usr_is_not_merged():
    """The machine's own files laid out as before the merge of /usr: /lib and /bin are directories of their own."""
    need("bwrap")
    layout = [word for name in ("lib", "lib64", "bin", "sbin") for word in ("--ro-bind", f"/usr/{name}", f"/{name}")]
    hidden = [word for name in ("lib", "lib64") for word in ("--tmpfs", f"/usr/{name}")]
    shown = ["--ro-bind", "/usr", "/usr", *layout, *hidden, "--tmpfs", "/tmp"]
    root = os.getcwd()
    prefixes = [path for path in (sys.prefix, sys.base_prefix) if path != "/usr"]
    for path in dict.fromkeys((root, *prefixes, os.path.dirname(os.__file__), "/etc")):
        shown += ["--ro-bind", path, path]
    command = ["bwrap", *shown, "--proc", "/proc", "--dev", "/dev", "--chdir", root]
    done = subprocess.run([*command, sys.executable, "-c", UNMERGED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"'/lib/{os.uname().machine}-linux-gnu'" in done.stdout


@pytest.mark.registry
@pytest.mark.slow
def test_five_hundred_files_of_wheels_and_of_the_system_resolve_as_the_loader_does(wheels: Path):
    paths = elf_files([wheels])
    assert len(paths) > 200
    paths += elf_files([f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64"])[: max(0, ENOUGH - len(paths))]
    assert len(paths) >= ENOUGH
    assert_equal(paths)


@pytest.fixture
def musl(tmp_path: Path) -> Path:
    """A directory for musl programs, where the machine has musl's compiler and loader."""
    need("musl-gcc")
    if not os.path.exists(MUSL_LOADER):
        lack(f"there is no {MUSL_LOADER}")
    return tmp_path


def test_musl_programs_resolve_as_musls_loader_does(musl: Path):
    """RPATH and RUNPATH count alike and both are inherited; libc is the loader itself."""
    a, b = musl / "a", musl / "b"
    build(b / "libsv2.so", soname="libsv2.so")
    build(a / "libsv1.so", soname="libsv1.so", needed=["libsv2.so"])
    kinds: list[tuple[str, dict[str, str], list[str]]] = [
        ("runpath", {"runpath": "$ORIGIN/a:$ORIGIN/b"}, ["libsv1.so"]),
        ("rpath", {"rpath": f"{a}\n{b}"}, ["libsv1.so", "libm.so.6", "libpthread.so.0"]),
        ("tokens", {"runpath": "$ORIGIN/a:$LIB"}, ["libsv1.so"]),
        ("missing", {}, ["libsv9.so"]),
    ]
    mains = [
        build(musl / name, program=True, compiler="musl-gcc", needed=needed, **text) for name, text, needed in kinds
    ]
    paths = [str(path) for path in mains]
    wanted = by_loader(paths, MUSL_LOADER)
    assert ours(paths) == wanted
    assert wanted[paths[0]] == {"libsv1.so": f"{a}/libsv1.so", "libsv2.so": f"{b}/libsv2.so"}
    assert wanted[paths[3]] == {"libsv9.so": None}


@pytest.mark.registry
@pytest.mark.slow
def test_wheels_import_with_nothing_of_the_system_but_their_closure(wheels: Path):
    """An empty root, the closure, the standard library and the wheels: all of them import and work."""
    python = os.path.realpath(sys.executable)
    stdlib = os.path.dirname(os.__file__)
    inside = [stdlib, str(wheels)]
    closure = resolve_closure([python], [f"{stdlib}/lib-dynload", str(wheels)], inside=inside, program=python)
    command = [need("bwrap"), "--unshare-all", "--die-with-parent", "--clearenv", "--dev", "/dev", "--tmpfs", "/tmp"]
    for link, target in closure.directory_links:
        command += ["--symlink", target, link]
    names = set(closure.interpreters)
    for library in closure.libraries:
        names.update((library.real, *library.links))
    directory_links = [link for link, _ in closure.directory_links]
    real = {os.path.realpath(name) for name in names}
    for name in sorted(real | {python}):
        command += ["--ro-bind", name, name]
    for name in sorted(names - real):
        if not is_below(name, directory_links):
            command += ["--symlink", os.path.realpath(name), name]
    for tree in inside:
        command += ["--ro-bind", tree, tree]
    code = (
        f"import sys; sys.path.insert(0, {str(wheels)!r})\n"
        "import numpy, scipy.linalg, scipy.stats, pandas, sklearn.linear_model, PIL.Image, lxml.etree\n"
        "import matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as plt\n"
        "plt.plot(numpy.linalg.inv(numpy.eye(3))); plt.savefig('/tmp/x.png')\n"
        "import ssl, sqlite3, ctypes, socket; print('done')\n"
    )
    command += ["--setenv", "MPLCONFIGDIR", "/tmp", "--setenv", "PYTHONHOME", sys.base_prefix]
    done = subprocess.run([*command, "--", python, "-c", code], capture_output=True, text=True)
    assert done.stdout == "done\n", done.stderr
