"""Wrapping and unwrapping: what moves where, what is refused, what comes back."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from sandbox_venv.errors import SandboxError
from sandbox_venv.state import StateDir
from sandbox_venv.toolcode import tool_interpreter
from sandbox_venv.venv import find_record, inspect_venv, launchers, unwrap_venv, wrap_venv
from sandbox_venv.venv.accounts import group_text, passwd_text
from sandbox_venv.venv.executable import EXECUTABLE, MAGIC, ROOM
from sandbox_venv.venv.launchers import launcher_text, read_launcher
from tests.harness import IS_ROOT
from tests.unit.venv.trees import make_small_venv, make_state, snapshot

ENTRIES = ("away", "pip", "python", "python3", "shell")


def test_each_entry_point_becomes_a_launcher(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    record = wrap_venv(venv, state=state)
    assert record.entries == ENTRIES
    for name in ENTRIES:
        path = venv / "bin" / name
        assert path.read_bytes() == launcher_text(tool_interpreter(), record.code, record.folder, name)
        assert stat.S_IMODE(path.lstat().st_mode) == 0o755
        assert read_launcher(path) == (bytes(record.folder), name.encode())
    apart = {f"bin/{name}": item for name, item in snapshot(venv / "sandbox" / "bin").items()}
    assert {name: item for name, item in before.items() if name.startswith("bin/")} == {
        name: item if "activate" not in name.lower() else before[name] for name, item in apart.items()
    }
    assert not (venv / "bin" / "data.txt").exists()
    assert not (venv / "bin" / "folder").exists()


def test_private_directories_are_private(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state)
    modes = {name: stat.S_IMODE((venv / name).stat().st_mode) for name in ("home", "cache", "sandbox", "sandbox/bin")}
    assert modes == {"home": 0o700, "cache": 0o700, "sandbox": 0o755, "sandbox/bin": 0o755}


def test_unwrap_restores_byte_for_byte_and_forgets(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    said: list[str] = []
    wrap_venv(venv, state=state, out=said.append)
    wrap_venv(venv, state=state, out=said.append)
    unwrap_venv(venv, state, said.append)
    assert snapshot(venv) == before
    assert said == []
    assert list(state.registry_dir.iterdir()) == []


def test_wrapping_again_keeps_options_unless_new_ones_are_given(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state, options=[b"--ro-bind", b"/\xff", b"/x"], backend="native")
    again = wrap_venv(venv, state=state)
    assert (again.option_bytes, again.backend) == ([b"--ro-bind", b"/\xff", b"/x"], "native")
    assert wrap_venv(venv, state=state, options=[], backend="bwrap").options == ()


def test_wrapping_again_takes_what_a_host_tool_wrote_over(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state)
    (venv / "bin" / "pip").unlink()
    (venv / "bin" / "pip").write_text("#!new pip\n")
    (venv / "bin" / "pip").chmod(0o755)
    (venv / "bin" / "ruff").write_bytes(b"\x7fELF")
    (venv / "bin" / "ruff").chmod(0o755)
    record = wrap_venv(venv, state=state)
    assert record.entries == (*ENTRIES[:4], "ruff", "shell")
    assert (venv / "sandbox" / "bin" / "pip").read_text() == "#!new pip\n"
    assert read_launcher(venv / "bin" / "ruff") == (bytes(record.folder), b"ruff")
    assert record.found["pip"].size == 10


def test_wrapping_again_refreshes_launchers_of_an_older_tool(
    state: StateDir, venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(venv)
    old = wrap_venv(venv, state=state)
    monkeypatch.setattr(StateDir, "install_code", lambda _: tmp_path / "newer")
    new = wrap_venv(venv, state=state)
    assert new.earlier == ((str(old.code), str(old.interpreter)),)
    assert os.fsencode(tmp_path / "newer") in (venv / "bin" / "pip").read_bytes()
    assert (venv / "sandbox" / "bin" / "pip").read_bytes() == before["bin/pip"][1]
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


@pytest.mark.parametrize("again", [True, False])
def test_without_the_copy_of_the_tool_no_c_launcher_is_taken_for_an_original(
    state: StateDir, venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    copies = [tmp_path / name for name in ("old", "new")]
    for number, copy in enumerate(copies):
        (copy / EXECUTABLE).parent.mkdir(parents=True)
        (copy / EXECUTABLE).write_bytes(b"\x7fELF%d" % number + MAGIC + bytes(ROOM))
    before = snapshot(venv)
    monkeypatch.setattr(StateDir, "install_code", lambda _: copies[0])
    wrap_venv(venv, state=state)
    assert (venv / "bin" / "pip").read_bytes().startswith(b"\x7fELF0")
    shutil.rmtree(copies[0])
    if again:
        monkeypatch.setattr(StateDir, "install_code", lambda _: copies[1])
        wrap_venv(venv, state=state)
        assert (venv / "bin" / "pip").read_bytes().startswith(b"\x7fELF1")
        assert (venv / "sandbox" / "bin" / "pip").read_bytes() == before["bin/pip"][1]
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


@pytest.mark.parametrize("again", [True, False])
def test_launchers_of_another_release_are_not_taken_for_originals(
    state: StateDir, venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """Its stubs are other text; that both end in the same call is all that is known of them."""
    before = snapshot(venv)
    with monkeypatch.context() as other:
        other.setattr(launchers, "_BODY", "# of another release\n" + launchers._BODY)
        wrap_venv(venv, state=state)
    assert b"another release" in (venv / "bin" / "pip").read_bytes()
    if again:
        monkeypatch.setattr(StateDir, "install_code", lambda _: tmp_path / "newer")
        wrap_venv(venv, state=state)
        assert b"another release" not in (venv / "bin" / "pip").read_bytes()
        assert (venv / "sandbox" / "bin" / "pip").read_bytes() == before["bin/pip"][1]
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


def test_wrapping_after_the_state_is_lost_makes_it_anew(state: StateDir, venv: Path, tmp_path: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    shutil.rmtree(state.root)
    fresh = make_state(tmp_path / "state")
    with pytest.raises(SandboxError, match=r"record of it .* is lost"):
        unwrap_venv(venv, fresh)
    record = wrap_venv(venv, state=fresh)
    assert record.entries == ENTRIES
    unwrap_venv(venv, fresh)
    assert {name: item[:2] for name, item in snapshot(venv).items()} == {
        name: item[:2] for name, item in before.items()
    }


def test_originals_that_are_gone_are_said_and_interpreters_come_back(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    shutil.rmtree(venv / "sandbox")
    with pytest.raises(SandboxError, match=r"originals .* are gone"):
        wrap_venv(venv, state=state)
    said: list[str] = []
    unwrap_venv(venv, state, said.append)
    assert said == ["differs from what wrap found in bin/: away (gone), data.txt (gone), folder (gone), pip (gone)"]
    assert snapshot(venv / "bin")["python"] == before["bin/python"]


def test_file_that_only_looks_like_a_launcher_is_wrapped(state: StateDir, venv: Path, code: Path) -> None:
    text = launcher_text(tool_interpreter(), code, Path("/elsewhere"), "pip")
    (venv / "bin" / "pip").write_bytes(text)
    record = wrap_venv(venv, state=state)
    assert read_launcher(venv / "bin" / "pip") == (bytes(record.folder), b"pip")
    assert (venv / "sandbox" / "bin" / "pip").read_bytes() == text


def test_unwrap_takes_interpreters_and_scripts_from_trusted_copies(state: StateDir, tmp_path: Path) -> None:
    venv = make_small_venv(tmp_path / "copies" / ".venv")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").write_bytes(b"\x7fELF a copy")
    (venv / "bin" / "python").chmod(0o755)
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    apart = venv / "sandbox" / "bin"
    (apart / "python").write_text("evil")
    (apart / "python3").unlink()
    (apart / "activate").write_text("evil")
    (apart / "activate.fish").unlink()
    (apart / "activate.new").write_text("evil")
    said: list[str] = []
    unwrap_venv(venv, state, said.append)
    assert snapshot(venv) == before
    assert said == []


def test_unwrap_says_in_one_line_what_differs(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state)
    apart = venv / "sandbox" / "bin"
    (apart / "pip").write_text("changed")
    (apart / "away").unlink()
    (apart / "new\nline").write_text("x")
    (apart / "new\nline").chmod(0o755)
    (venv / "home" / "file").write_text("kept")
    said: list[str] = []
    unwrap_venv(venv, state, said.append)
    assert said == [
        "differs from what wrap found in bin/: away (gone), 'new\\nline' (new), pip (changed)",
        f"kept, since programs left files there: {venv / 'home'}",
    ]
    assert (venv / "bin" / "new\nline").read_text() == "x"
    assert not (venv / "bin" / "away").is_symlink()
    assert (venv / "home" / "file").exists()
    assert not (venv / "cache").exists()
    assert not (venv / "sandbox").exists()


def test_unwrap_keeps_what_the_user_changed_in_an_activate_script(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state)
    path = venv / "bin" / "activate"
    own = path.read_bytes()
    path.write_bytes(b"export MINE=1\n" + own + b"export MORE=1\n")
    wrap_venv(venv, state=state)
    unwrap_venv(venv, state)
    assert path.read_bytes() == b"export MINE=1\n# activate: no newline at the endexport MORE=1\n"


def test_mount_points_in_the_private_home_are_no_files(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    wrap_venv(venv, state=state)
    (venv / "home" / "code" / "project").mkdir(parents=True)
    (venv / "cache" / "pip").mkdir()
    unwrap_venv(venv, state)
    assert snapshot(venv) == before
    wrap_venv(venv, state=state)
    (venv / "home" / "link").symlink_to("/etc")
    unwrap_venv(venv, state)
    assert (venv / "home" / "link").is_symlink()
    assert os.path.exists("/etc/passwd")


def test_unwrap_of_what_is_not_wrapped_says_so_and_leaves_no_trace(state: StateDir, venv: Path) -> None:
    with pytest.raises(SandboxError, match="it isn't wrapped"):
        unwrap_venv(venv, state)
    assert not state.registry_dir.exists()


def test_venv_that_is_gone_can_be_forgotten(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state)
    shutil.rmtree(venv)
    said: list[str] = []
    unwrap_venv(venv, state, said.append)
    assert state.registry() == []
    assert "its record is removed" in said[0]
    with pytest.raises(SandboxError, match="it isn't there"):
        unwrap_venv(venv, state)


def test_venv_made_anew_over_a_wrapped_one_is_wrapped_with_earlier_options(state: StateDir, venv: Path) -> None:
    wrap_venv(venv, state=state, options=[b"--unshare-net"])
    shutil.rmtree(venv)
    before = snapshot(make_small_venv(venv))
    record = wrap_venv(venv, state=state)
    assert record.options == ("--unshare-net",)
    assert record.entries == ENTRIES
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


def test_odd_paths_and_names_are_wrapped(state: StateDir, tmp_path: Path) -> None:
    for name in (b"a b", b"new\nline", b"\xff\xfe", b"-n", b"'\"$!`\\"):
        venv = make_small_venv(tmp_path / "odd" / os.fsdecode(name) / ".venv")
        entry = venv / "bin" / os.fsdecode(name)
        entry.write_text("#!/bin/sh\n")
        entry.chmod(0o755)
        before = snapshot(venv)
        record = wrap_venv(venv, state=state)
        assert read_launcher(entry) == (os.fsencode(record.folder), name)
        unwrap_venv(venv, state)
        assert snapshot(venv) == before


@pytest.mark.parametrize("name", ["bin", "sandbox", "home", "cache"])
def test_link_in_place_of_a_directory_is_refused(state: StateDir, venv: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("keep")
    if name == "bin":
        shutil.move(venv / "bin", tmp_path / "bin")
    (venv / name).symlink_to(tmp_path / ("bin" if name == "bin" else "victim"))
    before, victim = snapshot(venv), snapshot(tmp_path / "victim")
    with pytest.raises(SandboxError, match="must be a directory") as error:
        wrap_venv(venv, state=state)
    assert "\n" not in error.value.message
    assert snapshot(venv) == before
    assert snapshot(tmp_path / "victim") == victim
    assert find_record(state, venv) is None


def test_venv_that_is_a_link_is_refused(state: StateDir, venv: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(venv)
    with pytest.raises(SandboxError, match="symbolic link"):
        wrap_venv(tmp_path / "link", state=state)


def test_home_as_a_project_is_refused(state: StateDir, venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(venv)
    for home in (venv.parent, venv.parent / "deeper"):
        monkeypatch.setenv("HOME", str(home))
        with pytest.raises(SandboxError, match="home directory") as error:
            wrap_venv(venv, state=state)
        assert "--project DIR" in str(error.value.hint)
    with pytest.raises(SandboxError, match="home directory"):
        wrap_venv(venv, state=state, project=Path("/"))
    assert snapshot(venv) == before
    (venv.parent / "app").mkdir()
    assert wrap_venv(venv, state=state, project=venv.parent / "app").project == venv.parent / "app"
    assert wrap_venv(venv, state=state).project == venv.parent / "app"


def test_state_in_the_project_is_refused(venv: Path, code: Path) -> None:
    inside = make_state(venv.parent / "state")
    with pytest.raises(SandboxError, match="lies in the project"):
        wrap_venv(venv, state=inside)


@pytest.mark.skipif(not IS_ROOT, reason="only root can make what another user owns")
def test_root_leaves_other_owners_projects_alone(state: StateDir, venv: Path) -> None:
    os.chown(venv.parent, 12345, 12345)
    before = snapshot(venv)
    with pytest.raises(SandboxError, match="belongs to uid 12345"):
        wrap_venv(venv, state=state)
    os.chown(venv.parent, 0, 0)
    (venv / "home").mkdir()
    os.chown(venv / "home", 12345, 12345)
    with pytest.raises(SandboxError, match="belongs to another user"):
        wrap_venv(venv, state=state)
    (venv / "home").rmdir()
    assert snapshot(venv) == before


def test_seeds_wrapping_is_recognised(state: StateDir, venv: Path) -> None:
    (venv / "bin" / ".unsafe_python").symlink_to("python")
    with pytest.raises(SandboxError, match="shell tool") as error:
        wrap_venv(venv, state=state)
    assert "deactivate_sandbox" in str(error.value.hint)


def test_fifo_in_bin_hangs_nothing(state: StateDir, venv: Path) -> None:
    os.mkfifo(venv / "bin" / "fifo", 0o755)
    wrap_venv(venv, state=state)
    assert stat.S_ISFIFO((venv / "bin" / "fifo").lstat().st_mode)
    unwrap_venv(venv, state)
    assert stat.S_ISFIFO((venv / "bin" / "fifo").lstat().st_mode)


def test_file_system_without_hard_links(state: StateDir, venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    before = snapshot(venv)
    monkeypatch.setattr(os, "link", refuse)
    wrap_venv(venv, state=state)
    unwrap_venv(venv, state)
    after = snapshot(venv)
    assert {name: item[:2] for name, item in after.items()} == {name: item[:2] for name, item in before.items()}
    assert after["bin/pip"] == before["bin/pip"]


def test_two_at_once_wait_for_each_other(state: StateDir, venv: Path) -> None:
    before = snapshot(venv)
    children = []
    for number in range(6):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                for _ in range(3):
                    wrap_venv(venv, state=state, options=[b"--hostname", b"%d" % number])
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
    assert inspect_venv(venv, record=find_record(state, venv)).wrapped
    unwrap_venv(venv, state)
    assert snapshot(venv) == before


def test_account_files_hold_this_user_and_no_full_names() -> None:
    import grp
    import pwd

    lines = [line.split(":") for line in passwd_text(Path("/ho:me")).decode().splitlines()]
    assert [len(line) for line in lines] == [7] * len(lines)
    assert lines[0][1:6] == ["x", str(os.getuid()), str(os.getgid()), "", "/home"]
    assert lines[0][0] == pwd.getpwuid(os.getuid()).pw_name
    groups = dict(line.split(":x:") for line in group_text().decode().splitlines())
    assert groups[grp.getgrgid(os.getgid()).gr_name] == f"{os.getgid()}:"
    assert groups["root"] == "0:"
    assert all(grp.getgrnam(name).gr_gid == int(number[:-1]) for name, number in groups.items())


@pytest.mark.parametrize(("uid", "names"), [(0, ["root", "nobody"]), (4_000_000_000, ["user", "root", "nobody"])])
def test_accounts_are_the_users_own_root_and_nobody(
    monkeypatch: pytest.MonkeyPatch, uid: int, names: list[str]
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    assert [line.split(":")[0] for line in passwd_text(Path("/h")).decode().splitlines()] == names
