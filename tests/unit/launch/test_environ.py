"""The environment filter: what passes, what never does, and what only passes when it is named."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.launch.environ import ALLOWED, filter_environ, has_password, is_secret, own_environ, parent_environ

PASS = [(b"pass", b"PIP_*"), (b"pass", b"EXACT")]
Env = dict[bytes, bytes]


def ask(env: Env, *rules: tuple[bytes, bytes], parent: set[bytes] | None = None, dotenv: Env | None = None) -> Env:
    return filter_environ(env, parent, [*PASS, *rules], dotenv or {})


SECRETS = [
    b"GITHUB_TOKEN=x", b"TOKEN=x", b"npm_config__authToken=x", b"CLIENT_SECRET=x", b"DB_PASSWORD=x", b"DB_PASSWD=x",
    b"PASSPHRASE=x", b"DB_PASS=x", b"MYSQL_PWD=x", b"OPENAI_API_KEY=x", b"apikey=x", b"SIGNING_KEY=x", b"AWS_REGION=x",
    b"GOOGLE_APPLICATION_CREDENTIALS=/x", b"PRIVATE_STUFF=x", b"BASIC_AUTH=u:p", b"AUTHORIZATION=x", b"XAUTHORITY=/x",
    b"SSH_AUTH_SOCK=/x", b"SSH_CONNECTION=1", b"DBUS_SESSION_BUS_ADDRESS=unix:", b"XDG_RUNTIME_DIR=/run/user/1",
    b"GPG_AGENT_INFO=x", b"GNUPGHOME=/x", b"KRB5CCNAME=x", b"KUBECONFIG=/x", b"DOCKER_HOST=unix:///x", b"DISPLAY=:0",
    b"WAYLAND_DISPLAY=w", b"TMUX=/tmp/t", b"STY=1", b"VSCODE_IPC_HOOK_CLI=/x", b"NOTIFY_SOCKET=/x", b"LISTEN_FDS=1",
    b"SENTRY_DSN=https://k@s/1", b"DATABASE_URL=postgres://u:pw@h/db", b"INDEX=https://tok@host/simple",
    b"PROXY=http://u:p@h:3128", b"PROXY2=u:p@h:3128", b"REPO=git+https://ghp_x@github.com/a/b",
    b"TWO=https://a/ https://u:p@b/", b"ODD=http://u:p/w@host/", b"PEM=-----BEGIN RSA PRIVATE KEY-----\nx",
    b"BASH_FUNC_f%%=() { :; }", b"SLACK_WEBHOOK=x", b"SESSION_COOKIE=x", b"SUDO_ASKPASS=/x", b"NETRC=/x",
    b"Api-Key=x", b"x.token=x", b"db.pass=x", b"DBPASS=x", b"CERT_PW=x", b"S3ACCESSKEY=x", b"BEARER=x", b"CONNECTION_STRING=x",
    b"LINK=https://h/?token=x", b"LINK2=https://h/a?x=1&access_token=x", b"S3=https://b.s3/k?X-Amz-Signature=x",
    b"ODBC=Server=h;Uid=u;Pwd=x;", b"STORE=AccountName=a;AccountKey=x==", b"JDBC=jdbc:pg://h/d?user=u&password=x",
    b"ARGS=--verbose --token=x", b"PG=host=h password=x",
]  # fmt: skip
PLAIN = [
    b"FOO=bar", b"TOKENIZERS_PARALLELISM=1", b"GIT_AUTHOR_NAME=me", b"AUTHOR=me",
    b"KEYBOARD=de", b"MONKEY=1", b"PATHS=/a",
    b"PWD=/work", b"COMPASS=n",
    b"URL=https://example.org:8080/@scope/x", b"U=https://example.org", b"REPO=ssh://git@github.com/a/b",
    b"MAIL_TO=a@b",
    b"DB=postgres://localhost:5432/db", b"IP6=http://[::1]:80/a@b", b"TIME=12:30", b"OPTS=a=1 --x b@c", b"EMPTY=",
    b"MULTI=a\nb", b"BYTES=\xff\xfe", b"TEXT=see http://x/ and mail a:b", b"PYTHONPATH=src",
    b"DEFS=-DTOKEN=1 -DUSE_TOKEN=1", b"QUERY=https://h/?tokens=3&signatures=2", b"my-name=x", b"a.b=x", b"DESIG=a design=1",
    b"PWDS=xpwd=1", b"TAIL=token",
]  # fmt: skip


def pair(entry: bytes) -> tuple[bytes, bytes]:
    name, _, value = entry.partition(b"=")
    return name, value


@pytest.mark.parametrize("entry", SECRETS)
def test_what_looks_like_a_secret_passes_only_when_it_is_named(entry: bytes):
    name, value = pair(entry)
    assert ask({name: value}, parent=set()) == {}
    assert ask({name: value}, (b"pass", name), parent=set()) == {}, "a rule of the policy is not the user naming it"
    assert ask({name: value, b"SANDBOX_ENV": b"A " + name + b" B"}, parent={name}) == {name: value}
    assert ask({}, (b"set", entry)) == {name: value}, "--setenv"
    assert ask({}, dotenv={name: value}) == {name: value}, ".env"


@pytest.mark.parametrize("entry", PLAIN)
def test_what_was_given_to_this_one_process_passes(entry: bytes):
    name, value = pair(entry)
    assert ask({name: value}, parent={b"OTHER"}) == {name: value}
    assert ask({name: value}, parent={name}) == {}, "the parent has it: it is the session's"
    assert ask({name: value}, parent=None) == {}, "nobody knows who gave it"


def test_the_allow_list_passes_whoever_the_parent_is():
    env = {b"LANG": b"C", b"LC_ALL": b"C", b"LC_": b"", b"PATH": b"/a::/b", b"CFLAGS": b"-O2", b"no_proxy": b"*"}
    rules = {b"PIP_A": b"1", b"EXACT": b"1"}
    expected = {**env, **rules}
    env = {**expected, b"XLC_A": b"1", b"EXACTLY": b"1", b"LANG2": b"1"}
    assert ask(env, parent=None) == expected
    assert ask(env, parent=set(env)) == expected


def test_an_allow_listed_proxy_passes_without_its_password_only():
    assert ask({b"http_proxy": b"http://proxy:3128"}) == {b"http_proxy": b"http://proxy:3128"}
    assert ask({b"http_proxy": b"http://me:secret@proxy:3128"}) == {}
    assert ask({b"PIP_INDEX_URL": b"https://token@index/simple"}) == {}
    named = {b"http_proxy": b"http://me:secret@proxy:3128", b"SANDBOX_ENV": b"http_proxy"}
    assert ask(named) == {b"http_proxy": b"http://me:secret@proxy:3128"}


@pytest.mark.parametrize("name", [b"_", b"LS_COLORS", b"PS1", b"OLDPWD", b"SHLVL", b"VERBOSE", b"PROMPT_COMMAND"])
def test_the_shells_own_affairs_are_never_given(name: bytes):
    assert ask({name: b"1"}, (b"pass", name), parent=set()) == {}


@pytest.mark.parametrize("name", [b"BWRAP_ARGS", b"SANDBOX_ENV", b"SANDBOX_SECCOMP_ALLOW", b"SANDBOX_ANYTHING"])
def test_what_loosens_the_sandbox_does_not_reach_its_inside(name: bytes):
    env = {b"SANDBOX_ENV": name + b" BWRAP_ARGS SANDBOX_*", name: b"SANDBOX_* BWRAP_ARGS"}
    assert ask(env, (b"pass", name), parent=set(), dotenv={name: b"1"}) == {}


def test_sandbox_env_takes_prefixes_but_not_everything():
    env = {b"AWS_A": b"1", b"AWS_B": b"2", b"GPG_A": b"3", b"SANDBOX_ENV": b"AWS_*, *"}
    assert ask(env, parent=set(env)) == {b"AWS_A": b"1", b"AWS_B": b"2"}


def test_verbose_reaches_a_program_when_it_is_named():
    assert ask({b"VERBOSE": b"1", b"SANDBOX_ENV": b"VERBOSE"}) == {b"VERBOSE": b"1"}
    assert ask({}, dotenv={b"VERBOSE": b"1"}) == {b"VERBOSE": b"1"}


def test_dotenv_comes_over_what_was_passed_and_under_the_options():
    env = {b"LANG": b"C", b"A": b"env"}
    dotenv = {b"LANG": b"dotenv", b"A": b"dotenv", b"HOME": b"/dotenv", b"GONE": b"1", b"LD_PRELOAD": b"x.so"}
    rules = ((b"set", b"HOME=/home/me"), (b"drop", b"GONE"))
    expected = {b"LANG": b"dotenv", b"A": b"dotenv", b"HOME": b"/home/me", b"LD_PRELOAD": b"x.so"}
    assert ask(env, *rules, parent=set(), dotenv=dotenv) == expected


def test_set_and_drop_go_in_their_order():
    assert ask({}, (b"set", b"A=1"), (b"drop", b"A")) == {}
    assert ask({}, (b"drop", b"A"), (b"set", b"A=1")) == {b"A": b"1"}
    assert ask({}, (b"set", b"A=1"), (b"set", b"A=x=2")) == {b"A": b"x=2"}
    assert ask({b"LC_ALL": b"C", b"LANG": b"C"}, (b"drop", b"LC_*")) == {b"LANG": b"C"}
    assert ask({b"LANG": b"C", b"LC_ALL": b"C"}, (b"drop", b"*"), (b"set", b"A=1")) == {b"A": b"1"}, "--clearenv"


def test_what_execve_cannot_express_is_left_out():
    dotenv = {b"A\0B": b"1", b"C": b"1\0D=2", b"": b"1", b"E=F": b"1", b"NEW\nLINE": b"a\nb"}
    assert ask({}, (b"set", b"=1"), (b"set", b"N=a\0b"), dotenv=dotenv) == {b"NEW\nLINE": b"a\nb"}


def test_pythons_own_coercion_of_the_locale_is_undone(tmp_path: Path):
    """PEP 538: no caller set this; one that did has it passed."""
    block = tmp_path / "environ"
    for before, wanted in ((b"A=1\0", None), (b"A=1\0LC_CTYPE=C.UTF-8\0", b"C.UTF-8"), (b"LC_CTYPE=C\0", b"C.UTF-8")):
        block.write_bytes(before)
        assert own_environ({b"LC_CTYPE": b"C.UTF-8"}, bytes(block)).get(b"LC_CTYPE") == wanted
    assert own_environ({b"LC_CTYPE": b"de_DE.UTF-8"}, b"/nowhere") == {b"LC_CTYPE": b"de_DE.UTF-8"}
    assert own_environ({b"LC_CTYPE": b"C.UTF-8"}, b"/nowhere") == {b"LC_CTYPE": b"C.UTF-8"}


def test_inputs_are_not_changed():
    env, dotenv = {b"LANG": b"C", b"X": b"1"}, {b"Y": b"1"}
    ask(env, (b"drop", b"*"), parent=set(), dotenv=dotenv)
    assert (env, dotenv) == ({b"LANG": b"C", b"X": b"1"}, {b"Y": b"1"})


names = st.one_of(
    st.sampled_from(
        [b"LANG", b"LC_ALL", b"A", b"TOKEN", b"SSH_AUTH_SOCK", b"SANDBOX_ENV", b"BWRAP_ARGS", b"_", b"PATH"]
    ),
    st.binary(max_size=6),
)
values = st.one_of(st.binary(max_size=12), st.sampled_from([b"http://u:p@h", b"A TOKEN", b"*", b"L*"]))
envs = st.dictionaries(names, values, max_size=6)
rules = st.lists(
    st.one_of(
        st.tuples(st.just(b"pass"), names),
        st.tuples(st.just(b"set"), st.builds(lambda n, v: n + b"=" + v, names, values)),
        st.tuples(st.just(b"drop"), names),
    ),
    max_size=4,
)


@given(env=envs, parent=st.none() | st.sets(names), extra=rules, dotenv=envs)
def test_whatever_comes_out_was_passed_or_said(
    env: Env, parent: set[bytes] | None, extra: list[tuple[bytes, bytes]], dotenv: Env
):
    result = filter_environ(env, parent, extra, dotenv)
    said = {value.partition(b"=")[0]: value.partition(b"=")[2] for rule, value in extra if rule == b"set"}
    named = env.get(b"SANDBOX_ENV", b"").replace(b",", b" ").split()
    for name, value in result.items():
        assert name
        assert b"=" not in name
        assert b"\0" not in name + value
        if name in said or dotenv.get(name) == value:
            continue
        assert env[name] == value
        assert not name.startswith(b"SANDBOX_")
        assert name != b"BWRAP_ARGS"
        covered = [name == word or (word.endswith(b"*") and name.startswith(word[:-1])) for word in named]
        if not any(covered):
            assert not is_secret(name, value)
            listed = (
                name in ALLOWED
                or name.startswith(b"LC_")
                or any(name == v or (v.endswith(b"*") and name.startswith(v[:-1])) for r, v in extra if r == b"pass")
            )
            assert listed or (parent is not None and name not in parent)


@given(env=envs, extra=rules, dotenv=envs)
def test_knowing_less_about_the_parent_never_passes_more(env: Env, extra: list[tuple[bytes, bytes]], dotenv: Env):
    unknown = filter_environ(env, None, extra, dotenv)
    known = filter_environ(env, set(), extra, dotenv)
    assert unknown.items() <= known.items()


@given(
    user=st.binary(max_size=8),
    password=st.binary(min_size=1, max_size=8),
    scheme=st.sampled_from([b"http", b"ftp", b"a+b"]),
)
def test_a_password_in_a_url_is_always_seen(user: bytes, password: bytes, scheme: bytes):
    bad = set(b"/?#\\ \t\r\n\"'<>")
    if not bad & set(user + password) and b"@" not in user:
        assert has_password(scheme + b"://" + user + b":" + password + b"@host/path")


@given(st.binary(max_size=40))
def test_any_value_can_be_looked_at(value: bytes):
    has_password(value)
    is_secret(value, value)


def child(code: str, env: dict[str, str], **more: object) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, **more)  # type: ignore[call-overload]
    return str(done.stdout)


NAMES = "import os, sys; from sandbox_venv.launch.environ import parent_environ as p; found = p({}); "


@pytest.mark.parametrize("session", [True, False])
def test_the_parent_is_read(session: bool):
    code = NAMES.format("os.getppid()") + "print(found is not None and b'PATH' in found)"
    assert child(code, {"PYTHONPATH": os.getcwd()}, start_new_session=session) == "True\n"


def test_a_parent_that_cannot_be_read_is_unknown():
    assert parent_environ(0) is None or os.getpid() != 0
    assert parent_environ(2**22 + 1) is None


def test_a_reaper_is_not_taken_for_the_one_that_started_us():
    """It is of another session than the process that asks, which leads none. Here it is this very process."""
    code = NAMES.format(os.getpid()) + "print(found)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    assert child(outer, {"PYTHONPATH": os.getcwd()}, start_new_session=True) == "None\n"


def test_an_overwritten_or_empty_block_is_unknown():
    """What setproctitle(3) leaves, and `env -i`: nobody can tell it from a zombie's."""
    code = (
        "import ctypes, os, sys\n"
        "fields = open('/proc/self/stat').read().rpartition(')')[2].split()\n"
        "start, end = int(fields[47]), int(fields[48])\n"
        "ctypes.memset(start, int(sys.argv[1]), end - start)\n"
        "os.execv if 0 else None\n"
        "import subprocess\n"
        f"print(subprocess.run([sys.executable, '-c', {NAMES.format('os.getppid()') + 'print(found)'!r}],\n"
        "      env=dict(os.environ), capture_output=True, text=True).stdout)\n"
    )
    for byte in ("0", "65"):
        done = subprocess.run(
            [sys.executable, "-c", code, byte],
            env={"PYTHONPATH": os.getcwd(), "A": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "None", done.stderr


def test_the_module_is_light():
    code = (
        "import sys, __future__; before = set(sys.modules); "
        "import sandbox_venv.launch.environ; print(sorted(set(sys.modules) - before))"
    )
    found = child(code, {"PYTHONPATH": os.getcwd()})
    assert all(name.startswith("sandbox_venv") for name in ast.literal_eval(found)), found
