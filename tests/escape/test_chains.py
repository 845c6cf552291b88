"""What one session leaves, the next one and the launcher must not obey: chains of run, install, run."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.harness import Venv, plant_secrets, run_as
from tests.support.process import Argument

EVIL = "open(__import__('os').environ['VIRTUAL_ENV'] + '/STEERED', 'w').write('x')\n"


def leave(venv: Venv, files: dict[str, str]) -> None:
    """Have a run session write files; names are below $HOME (~/) or the project."""
    code = """
import os, sys
for name, text in eval(sys.argv[1]).items():
    path = os.path.expanduser(name)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
"""
    venv.python(code, repr(files)).check()


def steered(venv: Venv) -> list[str]:
    return [str(path) for path in venv.path.rglob("STEERED*")]


def test_the_private_home_steers_no_install(pip_venv: Venv) -> None:
    venv = pip_venv
    version = next(venv.path.glob("lib/python3*")).name
    leave(
        venv,
        {
            "~/.config/pip/pip.conf": "[global]\nindex-url = http://steered.invalid/\n",
            "~/.pip/pip.conf": "[global]\nindex-url = http://steered.invalid/\n",
            f"~/.local/lib/{version}/site-packages/usercustomize.py": EVIL,
            f"~/.local/lib/{version}/site-packages/x.pth": "import os; " + EVIL,
            "~/.pydistutils.cfg": "[install]\nprefix=/steered\n",
            "~/.gitconfig": "[core]\n\tfsmonitor = touch STEERED\n",
            "~/.bashrc": "touch STEERED\n",
            "~/.cache/pip/http/steered": "x",
        },
    )
    listed = venv.run("pip", "config", "list").check().stdout
    assert "steered" not in listed
    assert "steered" not in venv.run("pip", "cache", "list").stdout
    assert steered(venv) == []
    assert (
        "steered.invalid"
        in venv.python("print(open(__import__('os').path.expanduser('~/.pip/pip.conf')).read())").stdout
    )


def test_dotenv_and_the_project_steer_no_install_until_trusted(pip_venv: Venv) -> None:
    venv = pip_venv
    settings = "[global]\nindex-url = http://steered.invalid/\n"
    dotenv = f"PIP_CONFIG_FILE={venv.project}/evil.conf\nPYTHONPATH={venv.project}/evil\nLD_PRELOAD=/x.so\nPLAIN=1\n"
    leave(
        venv,
        {"evil.conf": settings, "evil/sitecustomize.py": EVIL, ".env": dotenv, "pip.py": EVIL, "pip/__init__.py": EVIL},
    )
    done = venv.run("pip", "config", "list").check()
    assert "steered" not in done.stdout
    assert "PIP_CONFIG_FILE" in done.stderr
    venv.run("python", "-m", "pip", "--version").check()
    assert steered(venv) == []
    assert venv.python("import os; print(os.environ['PLAIN'])").check().stdout == "1\n"
    venv.sandbox("trust", venv.path, "--yes").check()
    assert "steered" in venv.run("pip", "config", "list").check().stdout  # the twin: what was trusted counts


DOTENV = {
    "command": "X=$(touch {0}/RAN)\nY=`touch {0}/RAN`\nexport Z=1; touch {0}/RAN\n",
    "options": "BWRAP_ARGS=--bind / /\nSANDBOX_SECCOMP_ALLOW=\nSANDBOX_ENV=*\nSANDBOX_USE_PIP_CACHE=1\n",
    "preload": "LD_PRELOAD={0}/evil.so\nLD_AUDIT={0}/evil.so\nGLIBC_TUNABLES=x\nPYTHONPATH={0}/evil\nPYTHONHOME={0}\n",
    "state": "XDG_STATE_HOME={0}/state\nHOME={0}\nXDG_CONFIG_HOME={0}\nPATH={0}/bin\nVIRTUAL_ENV={0}\n",
    "newline": 'A="one\ntwo"\nBWRAP_ARGS="--bind\n/\n/"\n',
    "names": "A B=1\n=2\nX=Y=Z\n'q'=3\nexport\n\x1b[31mRED=1\n",
    "huge": "A=" + "x" * 70_000,
    "many": "\n".join(f"A{number}=$A{number - 1}" for number in range(3000)),
    "quotes": "A='" + "\\'" * 20_000,
}


def test_dotenv_is_data(shared_venv: Venv) -> None:
    venv = shared_venv
    secret = next(iter(plant_secrets(venv.user)))
    path = venv.project / ".env"
    code = f"import os; print(os.path.exists({str(secret)!r}), os.getuid() >= 0, open('/proc/self/status').read())"
    try:
        for name, text in DOTENV.items():
            venv.user.write(path, text.replace("{0}", str(venv.project)))
            done = venv.python(code, timeout=30)
            assert not (venv.project / "RAN").exists(), name
            assert "\x1b" not in done.stderr, name
            if name not in ("preload", "state"):  # a program may be unable to start so, and only it
                done.check()
            assert "True True" not in done.stdout, name
            assert done.status or "Seccomp:\t2" in done.stdout, name
    finally:
        path.unlink()


def test_dotenv_that_another_tool_has_loaded_is_refused(shared_venv: Venv) -> None:
    """pipenv, an editor's terminal, and others export what a project's ``.env`` says; sessions write there."""
    venv = shared_venv
    secret = next(iter(plant_secrets(venv.user)))
    path = venv.project / ".env"
    loaded = {"BWRAP_ARGS": f"--ro-bind {secret.parent} /tmp/stolen"}
    code = "import os; print(os.path.exists('/tmp/stolen'), os.environ.get('MY_TOKEN'))"
    try:
        venv.user.write(path, "export 'BWRAP_ARGS' = anything\n")
        assert "was not accepted" in venv.python(code, env=loaded).check(125).stderr
        venv.user.write(path, "SANDBOX_ENV=MY_TOKEN\n")
        stolen = {"SANDBOX_ENV": "MY_TOKEN", "MY_TOKEN": "x"}
        assert "was not accepted" in venv.python(code, env=stolen).check(125).stderr
        assert venv.python(code, env=loaded).check().stdout == "True None\n"  # the user's own: not in the file
        assert venv.python(code).check().stdout == "False None\n"
    finally:
        path.unlink()


def test_dotenv_of_another_kind_is_ignored(shared_venv: Venv) -> None:
    venv = shared_venv
    path = venv.project / ".env"
    secret = venv.user.write(venv.user.home / "secret.env", "STOLEN=yes\n", 0o600)
    kinds: dict[str, Callable[[], object]] = {
        "link": lambda: path.symlink_to(secret),
        "fifo": lambda: os.mkfifo(path, 0o666),
        "directory": path.mkdir,
        "nul": lambda: path.write_bytes(b"A=1\0B=2\n"),
        "device": lambda: path.symlink_to("/dev/zero"),
        "unreadable": lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0)),
    }
    for kind, make in kinds.items():
        make()
        try:
            done = venv.python("import os; print(os.environ.get('STOLEN'), os.environ.get('A', 1))", timeout=20)
            assert done.check().stdout == "None 1\n", kind
        finally:
            path.rmdir() if kind == "directory" else path.unlink()


INSTALL = ("--session", "install", "--")


def in_install(venv: Venv, code: str, *words: str) -> None:
    """Run code in an install session, as a package's setup.py would."""
    venv.sandbox("run", "--venv", venv.path, *INSTALL, "python", "-c", code, *words).check()


TOOLS = ("sandbox-venv", "sh", "git", "grep", "id", "bwrap", "env", "python3.99", "sudo")


def test_scripts_named_like_tools_never_run_outside(venv: Venv) -> None:
    code = """
import os, sys
for name in sys.argv[1:]:
    path = os.environ["VIRTUAL_ENV"] + "/bin/" + name
    with open(path, "w") as file:
        file.write("#!/bin/sh\\nls /root /home /etc/shadow > '" + os.environ["PWD"] + "/RAN' 2>&1; echo ran $$\\n")
    os.chmod(path, 0o755)
"""
    in_install(venv, code, *TOOLS)
    for name in TOOLS:
        assert b"sandbox" in (venv.bin / name).read_bytes()
    path = f"{venv.bin}:/usr/bin:/bin"
    venv.run("python", "-m", "pip", env={"PATH": path}).check(1)  # an install session, whether or not there is pip
    venv.python("pass", env={"PATH": path}).check()
    assert not (venv.project / "RAN").exists()
    for name in TOOLS[:3]:
        ran = venv.run(name).check()
        assert ran.stdout.startswith("ran ") and int(ran.stdout.split()[1]) < 100  # inside: a small pid
        assert "shadow" not in (venv.project / "RAN").read_text().replace("cannot access '/etc/shadow'", "")


def test_hostile_names_in_bin_make_no_launcher_elsewhere(venv: Venv) -> None:
    before = {path: path.read_bytes() for path in venv.bin.iterdir()}
    code = r"""
import os
folder = os.fsencode(os.environ["VIRTUAL_ENV"] + "/bin/")
names = [b"a\nb", b"-rf", b"\xff\xfe", b" ", b"$(touch RAN)", b"`touch RAN`;", b"activate", b"activate.evil", b"Activate.PS1",
         b"deactivate", b"x" * 255, b"\x1b[2J", b"'", b'"', b"..x", b"#", b"python ", b"pip\\", b"\xe2\x80\xaepy"]
for name in names:
    try:
        if os.path.lexists(folder + name):
            os.unlink(folder + name)
        with open(folder + name, "wb") as file:
            file.write(b"#!/bin/sh\ntouch RAN\n")
        os.chmod(folder + name, 0o755)
    except OSError as error:
        print(name, error)
for name, target in ((b"link-out", b"/etc/shadow"), (b"link-self", b"link-self"), (b"link-dir", b"/etc"), (b"link-up", b"../../x")):
    os.symlink(target, folder + name)
os.mkfifo(folder + b"fifo", 0o777)
os.mkdir(folder + b"folder")
"""
    in_install(venv, code)
    for path, text in before.items():
        if path.name.lower().startswith("activate"):
            assert path.read_bytes() == text, path
    assert not list(venv.project.rglob("RAN"))
    for path in venv.bin.iterdir():
        if path not in before:
            assert path.is_file() and not path.is_symlink() and b"sandbox_venv" in path.read_bytes(), path
    assert not (venv.bin / "activate.evil").exists()
    assert not (venv.project / "x").exists()
    assert venv.python("print(1)").check().stdout == "1\n"
    assert not list(venv.project.rglob("RAN"))


ESCAPE = "\x1b]0;title\x07\x1b[2J"


def test_names_that_a_session_gave_send_nothing_to_the_terminal(venv: Venv) -> None:
    code = f"""
import os
name = {ESCAPE!r}
path = os.environ["VIRTUAL_ENV"] + "/bin/" + name
with open(path, "w") as file:
    file.write("#!/bin/sh\\n")
os.chmod(path, 0o755)
os.makedirs(name + "/.git")
os.makedirs("a\\nb/.git")
with open(".env", "w") as file:
    file.write("A='" + name + "'\\n")
"""
    texts = [venv.sandbox("run", "--venv", venv.path, *INSTALL, "python", "-c", code).check().stderr]
    for words in (
        ("status", venv.path),
        ("explain", venv.path),
        ("explain", "--format", "bwrap"),
        ("list",),
        ("verify",),
    ):
        done = venv.sandbox(*words)
        texts += [done.stdout, done.stderr]
    texts.append(venv.python("pass", given={"VERBOSE": "1"}).check().stderr)
    assert not [text for text in texts if "\x1b" in text or "\x07" in text]
    assert "033]0;title" in texts[-1]  # it was there to be shown


def test_an_original_made_a_link_elsewhere_stays_inside(venv: Venv) -> None:
    program = venv.user.write(venv.user.home / "host-program", "#!/bin/sh\necho HOST $$\n", 0o755)
    own = venv.user.write(venv.project / "own-python", "#!/bin/sh\necho OWN; ls -d $HOME/host-program\n", 0o755)
    code = """
import os, sys
path = os.environ["VIRTUAL_ENV"] + "/bin/python"
os.unlink(path)
os.symlink(sys.argv[1], path)
"""
    words: list[Argument] = ["run", "--venv", venv.path, *INSTALL, "python3", "-c", code]
    in_install(
        venv,
        "import os, sys; p = sys.prefix + '/bin/python3'; os.unlink(p); os.symlink(os.path.realpath(sys.executable), p)",
    )
    for target in ("/usr/bin/env", program, "/nonexistent", own, "python"):
        venv.sandbox(*words, target).check()
        assert not (venv.bin / "python").is_symlink()
        done = venv.run("python", "-c", "print('python')")
        assert "HOST" not in done.stdout
        assert f"\n{program}" not in done.stdout


PLACES = ("home", "cache", "sandbox", "bin", "pyvenv.cfg", "sandbox/bin")


def test_the_venvs_own_directories_cannot_be_made_links(venv: Venv) -> None:
    venv.user.makedirs(venv.user.home / "victim")
    code = """
import os, shutil, sys
venv = os.environ["VIRTUAL_ENV"]
for name in ("home", "cache", "sandbox", "bin", "pyvenv.cfg"):
    for change in (lambda: os.rename(venv + "/" + name, venv + "/old"), lambda: os.rmdir(venv + "/" + name),
                   lambda: os.symlink(sys.argv[1], venv + "/new-" + name),
                   lambda: os.replace(venv + "/new-" + name, venv + "/" + name)):
        try:
            change()
        except OSError:
            pass
"""
    in_install(venv, code, str(venv.user.home / "victim"))
    for name in PLACES:
        assert not (venv.path / name).is_symlink() and (venv.path / name).exists(), name
    in_install(venv, "pass")
    venv.python("open(__import__('os').path.expanduser('~/x'), 'w')").check()
    assert list((venv.user.home / "victim").iterdir()) == []


def test_links_in_the_private_home_lead_no_mount_astray(venv: Venv) -> None:
    """Session 1 makes directories that session 2 mounts on into links to the host (seen with bwrap 0.8 and 0.11.1)."""
    home = venv.user.home
    victim = venv.user.makedirs(home / ".ssh")
    code = """
import os, shutil
home = os.environ["HOME"]
first = os.environ["PWD"][len(home) + 1:].split("/")[0]
for name in (".cache", first, "code", "data", ".config"):
    for target in ("/oldroot" + home + "/.ssh", home + "/.ssh", "/newroot" + home, "../../../.ssh"):
        path = home + "/" + name
        try:
            shutil.rmtree(path, ignore_errors=True)
            os.symlink(target, path)
            break
        except OSError:
            pass
"""
    venv.python(code).check()
    venv.user.makedirs(home / "code" / "deep")
    given = {"BWRAP_ARGS": f"--bind {home}/code {home}/data/deep/er --ro-bind /etc/hosts {home}/.config/x/hosts"}
    done = venv.python("print('ran')", given=given)
    assert done.status == 125 or done.stdout == "ran\n"
    assert list(victim.iterdir()) == []
    assert not (home / "data").exists() and not (home / ".config").exists()
    other = venv.python("print('ran')", cwd=venv.user.makedirs(home / "code" / "below"))
    assert other.status == 125 or other.stdout == "ran\n"
    assert list(victim.iterdir()) == []


def test_a_bind_source_that_became_a_link_is_refused(venv: Venv) -> None:
    """CVE-2024-42472, CVE-2026-34078: the user's own bind, its source replaced by a session."""
    secrets = plant_secrets(venv.user)
    shared = venv.user.makedirs(venv.project / "shared")
    venv.user.write(shared / "data", "data\n")
    given = {"BWRAP_ARGS": f"--bind {shared} /shared"}
    code = "import os; print(sorted(os.listdir('/shared')))"
    assert venv.python(code, given=given).check().stdout == "['data']\n"
    venv.python(
        f"import os; os.rename('shared', 'old'); os.symlink({str(venv.user.home / '.ssh')!r}, 'shared')"
    ).check()
    done = venv.python(code, given=given).check(125)
    assert "id_canary" not in done.stdout
    assert secrets


def test_a_venv_made_inside_is_reported(venv: Venv) -> None:
    done = venv.run("python", "-m", "venv", "--without-pip", "made-inside").check()
    assert "made-inside/pyvenv.cfg" in done.stderr
    again = venv.python("pass").check()
    assert again.stderr == ""
    denied = venv.python("import glob; open(glob.glob('made-inside/lib/*/site-packages')[0] + '/x.pth', 'w')")
    assert denied.status == 1 and "Read-only" in denied.stderr


def test_library_names_in_elf_files_bind_no_secret(venv: Venv) -> None:
    home = venv.user.home
    source = venv.user.write(home / "x.c", "int x(void) { return 0; }\n")
    venv.user.makedirs(home / "private")
    for name in ("private/libsecret.so", "private/notes"):
        run_as(venv.user, ["gcc", "-shared", "-o", home / name, source]).check()
    script = r"""
set -e
cp "$1" libfake.c
gcc -shared -o libdummy.so libfake.c -Wl,-soname,libsecret.so
gcc -shared -o evil.so libfake.c -L. -Wl,--no-as-needed -ldummy -Wl,-rpath,"$2/private" -Wl,--audit,"$2/private/libsecret.so"
gcc -shared -o evil2.so libfake.c -L. -Wl,--no-as-needed -ldummy -Wl,-rpath,'$ORIGIN/../../../../../../private'
ln -s "$2/private/notes" libnotes.so
ln -s "$2/.ssh" folder
"""
    run_as(venv.user, ["bash", "-c", script, "x", source, home], cwd=venv.user.makedirs(venv.project / "build")).check()
    code = "import shutil, glob, os; site = glob.glob(os.environ['VIRTUAL_ENV'] + '/lib/*/site-packages')[0]; "
    in_install(venv, code + "shutil.copytree('build', site + '/evil', symlinks=True)")
    look = f"import os; print([os.path.exists(p) for p in ({str(home / 'private')!r}, {str(home / 'private/libsecret.so')!r})])"
    assert venv.python(look).check().stdout == "[False, False]\n"
    explained = venv.sandbox("explain", venv.path).check().stdout
    assert "/private" not in explained
