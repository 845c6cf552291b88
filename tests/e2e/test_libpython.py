"""An interpreter that starts only with the session's LD_LIBRARY_PATH: built with a shared libpython and no RUNPATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.harness import FEATURES, Tool, User, make_project, run_as, system_python
from tests.support.programs import lack
from tests.support.venvs import copy_interpreter

pytestmark = pytest.mark.e2e

LOOK = "import os, sys; print(os.getpid() < 9, sys.prefix, os.environ['LD_LIBRARY_PATH'])"
MAPS = "print([line.split()[-1] for line in open('/proc/self/maps') if 'libexpat.so.1' in line][:1])"


def loaded_expat() -> Path:
    """Return the libexpat that the system's Python is linked to."""
    done = run_as(User("root", os.geteuid(), os.getegid(), Path("/")), [system_python(), "-I", "-S", "-c", MAPS])
    if done.stdout == "[]\n":
        lack("a system's Python that is linked to libexpat")
    return Path(done.check().stdout.strip()[2:-2])


@pytest.mark.slow
def test_a_library_that_only_ld_library_path_finds(tool: Tool, ordinary_user: User, backend: str) -> None:
    """A library by a name that no loader knows plays libpython. Both launchers and both kinds of session."""
    tool.require(ordinary_user, *FEATURES[backend])
    expat, user = loaded_expat(), ordinary_user
    prefix = user.makedirs(user.home / "prefixes") / "one"
    version = copy_interpreter(prefix)
    user.own_tree(prefix)
    venv = make_project(tool, user, backend, python=prefix / "bin" / "python3")
    binary = prefix / "bin" / f"python{version}"
    text = binary.read_bytes()
    assert text.count(b"\0libexpat.so.1\0") == 1
    binary.unlink()
    user.write(binary, text.replace(b"\0libexpat.so.1\0", b"\0libexpaX.so.1\0"), 0o755)
    shutil.copyfile(expat, prefix / "lib" / "libexpaX.so.1")
    assert "libexpaX" in run_as(user, [binary, "-V"]).check(127).stderr
    env = {"LD_LIBRARY_PATH": prefix / "lib"}
    venv.wrap(env=env).check()
    wanted = f"True {venv.path} {prefix}/lib\n"
    for more in ({}, {}, {"VERBOSE": "1"}):
        assert venv.python(LOOK, env={**env, **more}).check().stdout == wanted
    assert "compileall" in venv.run("python", "-m", "compileall", "-h", env=env).check().stdout
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LOOK!r}], check=True)"
    assert venv.python(nested, env=env).check().stdout == wanted
