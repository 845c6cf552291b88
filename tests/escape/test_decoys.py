"""A session makes so many directories that the search for what to protect ends before it comes to the real ones."""

from __future__ import annotations

import pytest

from tests.harness import Venv

REAL = ("zz-real/.git/hooks/pre-commit", "zz-real/deep/er/.git/config")
LATER = "zz-later/sub/.git/config"
FLOOD = """
import os
for n in range(300):
    os.makedirs("decoys/%03d/.git" % n)
for n in range(5000):
    os.makedirs("aa-decoys/%05d" % n)
"""
SPOIL = """
import os, sys
done = []
for path in sys.argv[1:]:
    folder = os.path.dirname(path)
    for attempt in (lambda: open(path, "w"), lambda: open(folder + "/new", "w"), lambda: os.rename(folder, folder + "-x")):
        try:
            attempt()
            done.append(path)
        except OSError:
            pass
open("zz-real/deep/source.py", "w").write("mine")
print(done)
"""


@pytest.mark.slow
@pytest.mark.parametrize("session", ["run", "install"])
def test_repositories_behind_decoys_stay_protected(venv: Venv, session: str) -> None:
    paths = [venv.project / name for name in (*REAL, LATER)]
    for path in paths[:-1]:
        venv.user.write(path, "# real\n", 0o755)
    venv.python("pass").check()
    venv.python(FLOOD).check()
    venv.user.write(paths[-1], "# real\n")  # a repository that comes after them
    venv.user.write(venv.project / ".env", "DECOY=1\n")  # a session can do that, too: the plan is compiled anew
    done = venv.sandbox("run", "--venv", venv.path, "--session", session, "--", "python", "-c", SPOIL, *paths).check()
    assert done.stdout == "[]\n"
    assert [path.read_text() for path in paths] == ["# real\n"] * 3
    assert not [path for path in paths if (path.parent / "new").exists()]
    assert (venv.project / "zz-real/deep/source.py").read_text() == "mine"
