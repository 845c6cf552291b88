"""What git's settings name in the project is found without git."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.errors import SandboxError
from sandbox_venv.launch.nested import git_directory
from sandbox_venv.plan.gitconfig import MOST_FILES, named_files, settings
from sandbox_venv.plan.protected import MOST_NESTED, gathered

CASES = {
    "include": ("[include]\n\tpath = ../shared.cfg\n", "shared.cfg"),
    "conditional include": ('[includeIf "gitdir:~/x/"]\n path = "../shared.cfg" # why\n', "shared.cfg"),
    "hooks": ("[core] hooksPath = tools/hooks\n", "tools/hooks"),
    "command": ("[CORE]\n\tFsMonitor = ./tools/watch.sh\n", "tools/watch.sh"),
    "argument": ('[filter "x"]\n\tclean = sh \\\n tools/watch.sh %f\n', "tools/watch.sh"),
    "alias": ("[alias]\n\tst = !tools/watch.sh\n", "tools/watch.sh"),
    "quoted": ('[diff "x"]\n\ttextconv = \\"tools/watch.sh\\"\n', "tools/watch.sh"),
    "chance": ('[branch "main"]\n\tmerge = shared.cfg\n', None),
    "directory": ("[core]\n\tworktree = tools\n", None),
    "elsewhere": ("[core]\n\thooksPath = /usr/bin\n[include]\n\tpath = /etc/gitconfig\n", None),
    "itself": ("[core]\n\thooksPath = .\n", None),
}


@pytest.fixture
def project(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "tools/hooks").mkdir(parents=True)
    for name in ("shared.cfg", "tools/watch.sh"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize("text, named", CASES.values(), ids=CASES)
def test_files_that_settings_name_are_found(project, text, named) -> None:
    (project / ".git/config").write_text(text)
    found, read = named_files([f"{project}/.git"], str(project))
    assert found == ([f"{project}/{named}"] if named else [])
    assert read[0] == f"{project}/.git/config"


def test_includes_that_include_each_other_end(project) -> None:
    (project / ".git/config").write_text("[include]\npath = ../shared.cfg\n")
    (project / "shared.cfg").write_text(
        "[include]\npath = shared.cfg\npath = .git/config\n[core]\nfsmonitor = tools/watch.sh\n"
    )
    found, read = named_files([f"{project}/.git"], str(project))
    assert found == [f"{project}/{name}" for name in ("shared.cfg", ".git/config", "tools/watch.sh")]
    assert len(read) == 2


def test_a_worktrees_settings_are_its_repositorys(project) -> None:
    os.rename(project / ".git", project / "bare")
    worktree = project / "bare/worktrees/x"
    worktree.mkdir(parents=True)
    (worktree / "commondir").write_text("../..\n")
    (project / "bare/config").write_text("[core]\nfsmonitor = tools/watch.sh\n")
    (project / ".git").write_text("gitdir: bare/worktrees/x\n")
    assert named_files([f"{project}/.git"], str(project))[0] == [f"{project}/tools/watch.sh"]


def test_one_file_counts_for_each_repository_that_includes_it(project) -> None:
    for name in ("a-decoy", "real"):
        (project / name / ".git").mkdir(parents=True)
        (project / name / ".git/config").write_text("[include]\npath = ../../shared.cfg\n")
    (project / "real/watch.sh").write_text("")
    (project / "shared.cfg").write_text("[core]\nfsmonitor = ./watch.sh\n")
    found, _ = named_files([f"{project}/{name}/.git" for name in ("a-decoy", "real")], str(project))
    assert found == [f"{project}/shared.cfg", f"{project}/real/watch.sh"]


def test_settings_without_end_are_refused(project) -> None:
    repositories = [f"{project}/decoys/{number}/.git" for number in range(MOST_FILES + 1)]
    for path in repositories:
        os.makedirs(path)
        with open(f"{path}/config", "w") as file:
            file.write("[core]\nbare = false\n")
    assert len(named_files(repositories[:-1], str(project))[1]) == MOST_FILES
    with pytest.raises(SandboxError, match="too many") as caught:
        named_files(repositories, str(project))
    mend = f"rm -r {project}/decoys"
    assert caught.value.hint == f"most are in {project}/decoys; if a session made it, remove it: {mend}"
    assert named_files([], str(project)) == ([], [])


def test_settings_outside_the_project_count_where_they_name_a_path(project) -> None:
    home = project / "home-of-the-user"
    inner = project / "inner"
    (inner / "tools/hooks").mkdir(parents=True)
    home.mkdir()
    for name in ("main", "tools/watch.sh", "above.sh"):
        (inner / name).write_text("")
    text = "[core]\nhooksPath = tools/hooks\n[init]\ndefaultBranch = main\n[alias]\nx = !tools/watch.sh\n"
    (home / ".gitconfig").write_text(text)
    (project / ".git/config").write_text("[core]\nfsmonitor = inner/above.sh\n")
    found, read = named_files([f"{inner}/.git"], str(inner), str(home))
    assert sorted(found) == [f"{inner}/{name}" for name in ("above.sh", "tools/hooks", "tools/watch.sh")]
    assert read == [f"{project}/.git/config", f"{home}/.gitconfig"]


@given(st.text(alphabet='[]"\\=#;! \n\tabc.', max_size=300))
def test_any_text_is_read(text) -> None:
    assert all(key.count(".") and "\n" not in value for key, value in settings(text))


def test_too_many_names_in_one_place_close_that_place() -> None:
    many = [(f"/p/decoys/{number}/.git", "x") for number in range(MOST_NESTED + 1)]
    kept = ("/p/real/.git", "x")
    assert [path for path, _ in gathered("/p", [*many, kept], [])] == ["/p/real/.git", "/p/decoys"]
    assert gathered("/p", [*many, kept], ["/p/decoys/1/.venv"]) == [*many, kept]  # the venv's mounts lie there


def test_what_a_git_file_leads_to_is_no_decoy(project) -> None:
    deep = project / "/".join(["d"] * 100)
    deep.mkdir(parents=True)
    (project / "below").mkdir()
    for target, expected in (("below", "below"), ("d/" * 100, None), ("d/" * 10, "d/" * 9 + "d"), ("a/" * 2000, None)):
        (project / "file").write_text(f"gitdir: {target}\n")
        found = git_directory(os.fsencode(project / "file"), os.fsencode(project))
        assert found == (os.fsencode(project / expected) if expected else b"")
