"""Byte code is compiled at wrap and after installs, once, also where a file can't be; a run session then makes none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Venv

pytestmark = pytest.mark.e2e


def compiled(site: Path) -> set[str]:
    return {path.name.split(".")[0] for path in site.rglob("__pycache__/*.pyc")}


@pytest.mark.parametrize("who", ["user"])
def test_byte_code_is_there_before_a_program_imports(make_venv: Callable[..., Venv]) -> None:
    venv = make_venv(wrap=False)
    (site,) = venv.path.glob("lib/python3*/site-packages")
    venv.user.write(site / "old.py", "print 'for Python 2'\n")
    venv.user.write(site / "new.py", "VALUE = 1\n")
    install = (
        f"#!{venv.bin}/python\nfrom pathlib import Path\nPath({str(site / 'late.py')!r}).write_text('VALUE = 2')\n"
    )
    venv.user.write(venv.bin / "pip", install, mode=0o755)
    venv.wrap(timeout=50).check()
    assert compiled(site) == {"new"}
    venv.run("pip", "install", "late").check()
    assert compiled(site) == {"new", "late"}
    done = venv.run("python", "-v", "-c", "import new, late; print(new.VALUE, late.VALUE)").check()
    assert done.stdout == "1 2\n"
    for name in ("new", "late"):
        assert f"code object from '{site}/__pycache__/{name}." in done.stderr, "compiled in the session"
