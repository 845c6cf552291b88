"""The copy of the tool in the state directory, which launchers import.

Cold. ``code/<hash>/`` holds the whole package and its Python dependencies, with byte code of the tool's interpreter.
The byte code is of the unchecked-hash kind (PEP 552): no time stamp can make it stale, and nothing rewrites it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.machinery
import importlib.util
import marshal
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import __version__, bundle
from .errors import SandboxError

if TYPE_CHECKING:
    from .state import StateDir

YOUNG = 86_400
"""Seconds that a copy stays whether or not anything names it."""
MAX_LAUNCHER = 256 << 10
"""Bytes; as of ``venv.launchers``."""
PACKAGE = Path(__file__).resolve().parent
DEPENDENCIES = {"elftools": "pyelftools", "pyseccomp": "pyseccomp", "dotenv": "python-dotenv"}


def tool_interpreter() -> Path:
    """Return the real path of the interpreter that launchers start: never a venv's."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    if not base:
        raise SandboxError("find the tool's own interpreter: Python doesn't know its path", "start it by its full path")
    return Path(os.path.realpath(base))


def _search_path() -> list[str]:
    """Return sys.path without the current directory, which may be a hostile project (``python -m`` adds it)."""
    here = os.getcwd()
    own = str(PACKAGE.parent)
    return [item for item in sys.path if item and (item == own or os.path.abspath(item) != here)]


def _find(module: str) -> Path:
    """Return the directory of a package, or the file of a module, without importing it."""
    spec = importlib.machinery.PathFinder.find_spec(module, _search_path())
    if spec and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec and spec.origin and os.path.isfile(spec.origin):
        return Path(spec.origin)
    name = DEPENDENCIES[module]
    raise SandboxError(f"copy the tool: its dependency {name} isn't installed", f"pip install {name}")


def _files() -> dict[str, tuple[bytes, int]]:
    """Return what is copied: relative path to contents and mode."""
    files: dict[str, tuple[bytes, int]] = {}
    for source in [PACKAGE, *map(_find, DEPENDENCIES)]:
        start = len(str(source.parent)) + 1
        for path in [str(source)] if source.is_file() else _below(str(source)):
            with open(path, "rb") as file:
                files[path[start:]] = (file.read(), 0o700 if os.access(path, os.X_OK) else 0o600)
    return files


def _below(folder: str) -> Iterator[str]:
    """Yield the files below a package's directory but byte code."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__":
                    yield from _below(entry.path)
            elif not entry.name.endswith(".pyc") and entry.is_file():
                yield entry.path


def _digest(files: dict[str, tuple[bytes, int]]) -> str:
    """Return the hash over version, kind of byte code, and all files."""
    total = hashlib.sha256(f"{__version__} {sys.implementation.cache_tag}\0".encode())
    for name, (data, mode) in sorted(files.items()):
        total.update(os.fsencode(name) + b"\0%d\0" % mode + hashlib.sha256(data).digest())
    return total.hexdigest()[:20]


def _byte_code(path: str) -> str:
    folder, name = os.path.split(path)
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def _installed(source: str, data: bytes) -> bytes | None:
    """Return the marshalled code that lies beside a module, which has ``data``; None where it is of another source.

    Byte code says what it was made from as PEP 552 has it: by time and size, or by a hash.
    """
    try:
        with open(_byte_code(source), "rb") as file:
            head, code = file.read(16), file.read()
            owner = os.fstat(file.fileno()).st_uid
        status = os.stat(source)
        stamp = int(status.st_mtime).to_bytes(8, "little")[:4] + len(data).to_bytes(4, "little")
        kinds = (0, stamp), (3, importlib.util.source_hash(data))
        heads = [importlib.util.MAGIC_NUMBER + kind.to_bytes(4, "little") + what for kind, what in kinds]
        if head not in heads or (owner, len(data)) != (status.st_uid, status.st_size):
            return None
        marshal.loads(code)  # noqa: S302 - what this process may have been loaded from; is it whole?
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return code


def _compiled(source: str, data: bytes, path: str) -> bytes:
    """Return byte code of the copy at ``path`` as its file has it: of the kind that is not checked against the source.

    What the installer compiled is taken over: compiling is most of what a first wrap does, and this very process runs
    from that byte code, so it is as good as the source beside it. Python puts the copy's path in when it imports it.
    """
    code = _installed(source, data) or marshal.dumps(compile(data, path, "exec", dont_inherit=True, optimize=0))
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(data) + code


def _is_whole(target: Path, files: dict[str, tuple[bytes, int]]) -> bool:
    """Tell whether a copy is there as it was made: a power cut can leave empty files behind a rename."""
    try:
        for name, (data, _) in files.items():
            path = f"{target}/{name}"
            if os.stat(path).st_size != len(data) or (name.endswith(".py") and os.stat(_byte_code(path)).st_size <= 16):
                return False
        return (target / bundle.NAME).stat().st_size > 4
    except OSError:
        return False


def _build(folder: Path, target: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Write the copy to ``folder``, with byte code that names ``target``."""
    parents = {source.stem: source.parent for source in (PACKAGE, *map(_find, DEPENDENCIES))}
    for name, (data, mode) in files.items():
        path = f"{folder}/{name}"
        _write(path, data, mode)
        if name.endswith(".py"):
            source = f"{parents[name.partition('/')[0].removesuffix('.py')]}/{name}"
            _write(_byte_code(path), _compiled(source, data, f"{target}/{name}"), 0o600)
    (folder / bundle.NAME).write_bytes(bundle.write(target, files))


def _write(path: str, data: bytes, mode: int) -> None:
    top, missing = os.path.dirname(path), []
    while not os.path.isdir(top):
        missing.append(top)
        top = os.path.dirname(top)
    for folder in reversed(missing):
        os.mkdir(folder, 0o700)
    with open(path, "xb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


def install(state: StateDir) -> Path:
    """Make ``code/<hash>`` in the state directory, or find it there; return its path.

    Raises:
        SandboxError: a dependency is missing, or the disk is full.
    """
    files = _files()
    target = state.root / "code" / _digest(files)
    if _is_whole(target, files):
        return target
    folder = state.make(state.root / "code") / f".tmp-{os.urandom(8).hex()}"
    try:
        folder.mkdir(mode=0o700)
        _build(folder, target, files)
        if not _is_whole(target, files):
            _replace(folder, target)
    except (OSError, SyntaxError) as error:
        from .state import state_hint

        number = error.errno if isinstance(error, OSError) else None
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SandboxError(f"copy the tool to {str(target)!r}: {reason}", state_hint(number)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    collect(state, target)
    return target


def _replace(folder: Path, target: Path) -> None:
    """Put the finished copy in its place; a damaged one, or one made meanwhile, goes to ``folder``'s fate."""
    try:
        folder.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        old = folder.with_name(folder.name + ".old")
        target.rename(old)
        folder.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def collect(state: StateDir, current: Path, processes: Sequence[str] | None = None) -> None:
    """Remove copies of the tool that nothing names any more: no record, no plan, no process of this user.

    Cautious, since a launcher that runs imports from its copy at its end, too: where it can't be told which copy a
    process uses, or what a file says, all stay, and so does what was made within a day.

    Args:
        state: the state directory.
        current: the copy that was just made.
        processes: ids that are looked at; by default all.
    """
    try:
        old = [item for item in current.parent.iterdir() if item != current and not item.name.startswith(".")]
        old = [item for item in old if time.time() - item.stat().st_mtime > YOUNG]
        if not old:
            return
        texts = [*_stored(state), *_running(os.listdir("/proc") if processes is None else processes)]
    except OSError:
        return
    for item in old:
        if not any(os.fsencode(item.name) in text for text in texts):
            folder = item.with_name(f".tmp-{os.urandom(8).hex()}")
            with contextlib.suppress(OSError):
                item.rename(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _stored(state: StateDir) -> Iterator[bytes]:
    """Yield the records, plans and stubs in the state. Raises OSError."""
    for top in (state.registry_dir, state.root / "runs"):
        for path in top.glob("*/*"):
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()


def _running(processes: Sequence[str]) -> Iterator[bytes]:
    """Yield what this user's processes say of the copies that they use.

    The C launcher is an executable with the path written into it, whatever became of its file; the Python one, where C
    started it, has it on its command line.

    Raises:
        OSError: a Python launcher runs from a script, which may have been replaced since.
    """
    for name in processes:
        if not name.isdigit():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid != os.geteuid():
                continue
            words = Path(f"/proc/{name}/cmdline").read_bytes()
            small = os.stat(f"/proc/{name}/exe").st_size <= MAX_LAUNCHER
            executable = Path(f"/proc/{name}/exe").read_bytes() if small else b""
        except OSError:  # it ended, or is another's after all
            continue
        if words.split(b"\0")[1:2] == [b"-IS"] and words.split(b"\0")[2:3] != [b"-c"]:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        yield words
        yield executable
