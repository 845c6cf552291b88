"""The examples that users of the shell tool know, as they stand but for paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import FEATURES, Tool, User, Venv, run_as, system_python

pytestmark = pytest.mark.e2e

BLOCKS = r"""
set -eu
cd project
python3 -m venv --without-pip .venv  # Create a new project virtualenv
sandbox-venv .venv --backend $BACKEND  >&2  # Passing virtualenv dir is optional; defaults to ".venv"
. .venv/bin/activate
exec 2>errors

echo lib:
BWRAP_ARGS='--bind /lib /lib' \
    python -c 'import os; print(len(os.listdir("/lib")) > 20)'

echo heavy:
BWRAP_ARGS='--ro-bind /usr /usr --ro-bind /lib /lib'  python -c 'import shutil; print(shutil.which("sed"))'
python -c 'import shutil; print(shutil.which("sed"))'

echo key:
BWRAP_ARGS='--setenv OPENAI_API_KEY c4f3b4b3'  my-ai-prog
# or a .env (dotenv) file
echo OPENAI_API_KEY=fromdotenv > .env
my-ai-prog
rm .env
OPENAI_API_KEY=onthecommandline my-ai-prog

echo verbose:
VERBOSE=1 python -c '' 2>&1 | grep -c 'exec bwrap'

echo shell:
.venv/bin/shell -c 'echo $PWD $HOME'

echo ide:
IDE_DIR="$HOME/Downloads/pycharm"  # E.g.
mkdir -p "$IDE_DIR"; echo 'print("helper")' > "$IDE_DIR/helper.py"
sandbox-venv .venv --ro-bind "$IDE_DIR" "$IDE_DIR" --backend $BACKEND >/dev/null 2>&1
python "$IDE_DIR/helper.py"
python -c 'import os, sys; print(os.listdir(sys.argv[1]))' "$IDE_DIR"

echo list:
list_bwrap () { lsns -u -W | { IFS= read header; echo "$header"; grep bwrap; }; }
mkfifo go
python -c 'open("up", "w"); open("go").read(); print("end")' &
while ! [ -e up ]; do sleep 0.1; done
[ $BACKEND = native ] || { list_bwrap | grep -q bwrap && echo bwrap; }  # Function call
sandbox-venv ps | grep -c "$PWD/.venv"
echo > go; wait
cat errors
"""


@pytest.mark.slow
def test_the_blocks_of_its_readme(tool: Tool, ordinary_user: User, backend: str) -> None:
    tool.require(ordinary_user, *FEATURES[backend])
    user = ordinary_user
    project = user.makedirs(user.home / "project")
    program = f"#!{project}/.venv/bin/python\nimport os; print(os.environ.get('OPENAI_API_KEY'))\n"
    path = f"{user.home}/bin:{tool.command.parent}:{Path(system_python()).parent}:/usr/bin:/bin"
    user.write(user.home / "bin" / "my-ai-prog", program, 0o755)
    done = run_as(user, ["bash", "-c", BLOCKS], env={"PATH": path, "BACKEND": backend}, timeout=120)
    assert done.check().stdout == (
        "lib:\nTrue\n"
        "heavy:\n/usr/bin/sed\nNone\n"
        "key:\nc4f3b4b3\nfromdotenv\nNone\n"
        "verbose:\n1\n"
        f"shell:\n{project} {user.home}\n"
        "ide:\nhelper\n['helper.py']\n" + ("list:\nbwrap\n1\nend\n" if backend == "bwrap" else "list:\n1\nend\n")
    ), done


PORT = """
import http.server, os, threading, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 80), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(os.getuid(), urllib.request.urlopen("http://127.0.0.1/").status)
"""


def test_superuser_inside_opens_port_80_of_the_sandboxs_own_network(
    shared_venvs: Callable[[str, str], Venv], backend: str
) -> None:
    """The capability counts in networks that the sandbox's user namespace owns: see network_namespaces(7)."""
    shared_venv = shared_venvs("user", backend)
    given = {"BWRAP_ARGS": "--uid 0 --cap-add cap_net_bind_service --unshare-net"}
    assert shared_venv.python(PORT, given=given).check().stdout == "0 200\n"
    for less in (
        "--uid 0 --unshare-net",
        "--uid 0 --cap-add cap_net_bind_service",
        "--uid 0 --cap-add cap_net_bind_service --cap-add cap_sys_admin --unshare-net",
    ):
        done = shared_venv.python(PORT, given={"BWRAP_ARGS": less})
        assert "PermissionError" in done.check(1).stderr, less
