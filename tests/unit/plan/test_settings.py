"""Configuration files: one schema, errors that help, and what counts of a file that a session can write."""

import dataclasses
import json
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.plan import settings as module
from sandbox_venv.plan.settings import Item, effective, items_of, parse, read_settings
from sandbox_venv.policy.schema import config_schema


@dataclasses.dataclass
class Record:
    """As much of a record as settings look at."""

    home: Path
    project: Path
    venv: Path
    folder: Path

    @property
    def own(self) -> Path:
        return self.home / ".config/sandbox-venv/config.toml"

    @property
    def shared(self) -> Path:
        return self.project / "pyproject.toml"


@pytest.fixture
def record(tmp_path):
    for name in ("home/.config/sandbox-venv", "proj/.venv", "proj/docs", "state"):
        (tmp_path / name).mkdir(parents=True)
    return Record(tmp_path / "home", tmp_path / "proj", tmp_path / "proj/.venv", tmp_path / "state")


def share(record, text):
    record.shared.write_text("[tool.sandbox-venv]\n" + text)


def accept(record):
    items = module.read_file(record.shared, in_project=True)
    (record.folder / module.TRUSTED).write_bytes(module.encode_accepted(items))


def words(found):
    return [option for option, _ in found.origins]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("netwrk = false", "unknown key 'netwrk'", "did you mean 'network'?"),
        ("[run]\nenv = {pas = []}", "unknown key 'run.env.pas'", "did you mean 'pass'?"),
        ("network = 1", "network: must be true or false", "docs/"),
        ("allow = ['devil']", "allow: unknown value 'devil'", "did you mean 'devel'?"),
        ("read-only = [['a']]", "read-only: a list of 1, where 2 items belong", "docs/"),
        ("read-only = [3]", "read-only: must be a text", "docs/"),
        ("env = {set = {A = 1}}", "env.set.A: must be a text", "docs/"),
        ("hide = ['']", "hide: '' can't stand there", "docs/"),
        ("entry.ruff.netwrk = false", "unknown key 'entry.ruff.netwrk'", "did you mean 'network'?"),
        ("entry.'a/b'.network = false", "entry: 'a/b' can't be a name there", "docs/"),
        ("\n".join(f"entry.e{n}.network = false" for n in range(65)), "entry: 65 items are too many", "docs/"),
        ("network = ", "Invalid value", "mend the file"),
        ("[tool.sandbox-venv]\nnetwork = false", "unknown key 'tool'", "stand by themselves"),
        ("run = 1", "run: must be a table", "docs/"),
        ("[install.run]", "unknown key 'install.run'", "known are network, "),
        ("protect = 'docs'", "protect: must be a list", "docs/"),
        (f"protect = {['x'] * 65}", "protect: a list of 65, where 0 to 64 items belong", "docs/"),
        ("env.drop = ['A B']", "env.drop: 'A B' can't stand there", "docs/"),
        ("network = true\nnetwork = false", "Cannot overwrite a value", "mend the file"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(tmp_path, text, message, hint):
    with pytest.raises(SandboxError) as caught:
        parse(text, tmp_path / "config.toml", in_project=False)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("read-only = ['/none']", "read-only: there is no /none", 'options = ["--ro-bind-try", "/none", "/none"]'),
        ("read-write = ['none']", "read-write: there is no {project}/none", '"--bind-try"'),
        ("presets = ['x12']", "no preset 'x12'", "one of desktop, "),
        ("limits = ['foo=1']", "--rlimit foo=1: no limit 'foo'", "one of as, "),
        ("limits = ['nofile']", "'' is no limit", "SOFT:HARD"),
        ("options = ['--unshare-nett']", "unknown option '--unshare-nett'", "did you mean --unshare-net?"),
        ("options = ['--uid', 'me']", "--uid: Invalid uid: me", "bwrap(1)"),
        ("options = ['--file', '9', '/x']", "--file names a descriptor", "BWRAP_ARGS"),
        ("env.set = {'A=B' = 'x'}", "--setenv: a variable's name", "bwrap(1)"),
        ("protect = ['../x']", "'../x' must be a path below the project", "isn't shown"),
    ],
)
def test_what_no_start_could_take_is_said_with_the_file(record, text, message, hint):
    record.own.write_text(text)
    with pytest.raises(SandboxError) as caught:
        read_settings(record, "run")
    assert message.format(project=record.project) in caught.value.message
    assert str(record.own) in caught.value.message
    assert (hint in (caught.value.hint or ""), caught.value.status) == (True, 125)


def test_an_own_file_that_is_a_link_is_refused_in_words(record):
    record.own.symlink_to(record.shared)
    with pytest.raises(SandboxError, match="it is a link"):
        read_settings(record, "run")


def test_a_project_without_settings_may_hold_any_text(tmp_path):
    assert parse("no = toml = at all", tmp_path / "pyproject.toml", in_project=True) == []


def test_every_key_of_the_schema_becomes_an_item():
    samples = {"boolean": False, "array": ["x"]}
    properties = config_schema()["$defs"]["session"]["properties"]
    data = {key: samples[item["type"]] for key, item in properties.items() if key != "env"}
    assert {*config_schema()["properties"]} == {*properties, "run", "install", "entry"}
    data["env"] = {"pass": ["A"], "drop": ["B"], "set": {"C": "d"}}
    keys = {item.key for item in items_of(data)}
    assert keys == {*properties} - {"env"} | {"env.pass", "env.drop", "env.set"}


@pytest.mark.parametrize(
    ("item", "loosens"),
    [
        (Item("", "network", ("false",)), False),
        (Item("", "network", ("true",)), True),
        (Item("", "protect", ("docs",)), False),
        (Item("", "hide", ("docs",)), False),
        (Item("", "env.drop", ("A",)), False),
        (Item("", "read-only", ("/srv",)), True),
        (Item("", "options", ("--unshare-net",)), True),
        (Item("", "limits", ("nofile=9",)), True),
    ],
)
def test_what_loosens_is_known(item, loosens):
    assert item.loosens is loosens


def test_of_a_changed_file_what_tightens_counts_and_what_was_accepted_to_tighten_stays():
    tight, loose, new = Item("", "network", ("false",)), Item("", "libs", ("a",)), Item("", "libs", ("b",))
    assert effective([tight, loose], []) == ([tight], [loose])
    assert effective([loose, new], [tight, loose]) == ([loose, tight], [new])
    assert effective([], [tight, loose]) == ([tight], [])


def test_the_projects_file_loosens_only_once_it_was_accepted(record):
    share(record, 'network = false\nread-only = ["/srv"]\n')
    found = read_settings(record, "run")
    assert (words(found), [item.key for item in found.ignored]) == (["--unshare-net"], ["read-only"])
    accept(record)
    found = read_settings(record, "run")
    assert (words(found), found.ignored) == (["--unshare-net", "--ro-bind /srv /srv"], [])
    share(record, 'read-only = ["/srv"]\nread-write = ["/srv"]\n')
    found = read_settings(record, "run")
    assert (words(found), [item.key for item in found.ignored]) == (
        ["--ro-bind /srv /srv", "--unshare-net"],
        ["read-write"],
    )


def test_an_entry_points_settings_come_last_and_are_trusted_alone(record):
    share(
        record,
        '[tool.sandbox-venv.entry.ruff]\nnetwork = false\nlibs = ["liba.so"]\n[tool.sandbox-venv.entry.x]\nlibs = ["b"]',
    )
    record.own.write_text("[entry.ruff]\nnetwork = true\n[env]\npass = ['A']")
    assert words(read_settings(record, "run")) == ["pass A"]
    found = read_settings(record, "run", ["ruff"])
    assert words(found) == ["pass A", "--share-net", "--unshare-net"]
    assert ([item.text() for item in found.ignored], found.entries) == (["libs = liba.so (ruff alone)"], ["ruff", "x"])
    accept(record)
    assert words(read_settings(record, "install", ["ruff"])) == [
        "pass A",
        "--share-net",
        "--unshare-net",
        "--lib liba.so",
    ]
    share(record, "")
    assert words(read_settings(record, "run", ["ruff"])) == ["pass A", "--share-net", "--unshare-net"]


def test_what_was_not_accepted_takes_no_variable_from_an_installer(record):
    share(record, 'env.drop = ["PIP_INDEX_URL"]')
    assert words(read_settings(record, "run")) == ["--unsetenv PIP_INDEX_URL"]
    assert words(read_settings(record, "install")) == []
    accept(record)
    assert words(read_settings(record, "install")) == ["--unsetenv PIP_INDEX_URL"]


def test_the_users_own_file_counts_at_once_and_the_projects_wins(record):
    record.own.write_text('network = true\n[install]\nlibs = ["libx.so.1"]\n[run.env]\npass = ["MODE"]\n')
    share(record, "network = false")
    assert words(read_settings(record, "run")) == ["--share-net", "pass MODE", "--unshare-net"]
    assert read_settings(record, "run").options.flags == ["--unshare-net"]
    assert words(read_settings(record, "install")) == ["--share-net", "--lib libx.so.1", "--unshare-net"]


def test_an_own_file_that_sessions_can_write_is_not_read(record):
    record.own.write_text("network = true")
    assert words(read_settings(dataclasses.replace(record, project=record.home), "run")) == []


def test_an_own_file_that_others_can_write_is_refused(record):
    record.own.write_text("network = true")
    record.own.chmod(0o666)
    with pytest.raises(SandboxError):
        read_settings(record, "run")


@pytest.mark.parametrize("name", ["..", ".", "/etc", ".venv", ".venv/bin", "a/../.."])
def test_hide_and_protect_stay_in_the_project(record, name):
    share(record, f"hide = [{json.dumps(name)}]")
    with pytest.raises(SandboxError):
        read_settings(record, "run")


def test_what_is_not_there_yet_makes_the_plan_stale_when_it_appears(record):
    (record.project / "link").symlink_to("docs")
    share(record, 'protect = ["docs", "later", "link"]')
    found = read_settings(record, "run")
    assert words(found) == [f"--ro-bind-try {record.project}/docs {record.project}/docs"]
    assert found.absent == [f"{record.project}/later", f"{record.project}/link"]
    assert f"{record.project}/later" in module.stamped(record, found)


@pytest.mark.parametrize("damage", [b"", b"{", b"[[1]]", b"[[1, 2, 3]]", b"null"])
def test_a_damaged_approval_approves_nothing(record, damage):
    (record.folder / module.TRUSTED).write_bytes(damage)
    share(record, 'read-only = ["/srv"]')
    assert words(read_settings(record, "run")) == []
