"""Making host paths visible: the same names lead to the same files inside, and nothing else is shown."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_venv.plan.expose import Exposure, is_below


def inside(exposure, path, budget=40):
    """Resolve ``path`` as the kernel would inside: by the exposure's links, then the bind that holds it."""
    parts, here = [part for part in path.split("/") if part], "/"
    while parts:
        part = parts.pop(0)
        if part == "..":
            here = os.path.dirname(here)
            continue
        here = os.path.join(here, part)
        if here in exposure.links:
            budget -= 1
            if not budget:
                return None
            target = exposure.links[here][0]
            parts = [item for item in target.split("/") if item not in ("", ".")] + parts
            here = "/" if target.startswith("/") else os.path.dirname(here)
            continue
        for top, (source, _, folder) in exposure.binds.items():
            if here == top or (folder and is_below(here, top)):
                rest = "/".join([os.path.relpath(here, top), *parts])
                return os.path.realpath(os.path.join(source, rest))
    return None


@pytest.fixture
def tree(tmp_path):
    """A small /usr-merged world: bin -> usr/bin, a program reached by two links, an absolute link elsewhere."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/dash").write_text("program")
    (tmp_path / "usr/bin/sh").symlink_to("dash")
    (tmp_path / "etc/alternatives").mkdir(parents=True)
    (tmp_path / "usr/bin/awk").symlink_to(tmp_path / "etc/alternatives/awk")
    (tmp_path / "usr/bin/mawk").write_text("mawk")
    (tmp_path / "etc/alternatives/awk").symlink_to("../../usr/bin/mawk")
    return tmp_path


@pytest.mark.parametrize("name", ["bin/sh", "usr/bin/sh", "usr/bin/dash", "bin/awk"])
def test_a_path_leads_to_the_same_file_inside(tree, name):
    exposure = Exposure()
    path = str(tree / name)
    assert exposure.expose(path, "why")
    assert inside(exposure, path) == os.path.realpath(path)


def test_only_the_file_itself_is_shown_not_its_neighbours(tree):
    exposure = Exposure()
    exposure.expose(str(tree / "bin/sh"), "why")
    assert list(exposure.binds) == [str(tree / "usr/bin/dash")]
    assert inside(exposure, str(tree / "usr/bin/mawk")) is None


def test_what_does_not_exist_is_said(tree):
    exposure = Exposure()
    assert not exposure.expose(str(tree / "none"), "why")
    (tree / "loop").symlink_to("loop")
    assert not exposure.expose(str(tree / "loop"), "why")
    (tree / "dangling").symlink_to("nowhere")
    assert not exposure.expose(str(tree / "dangling"), "why")


def test_a_fifo_or_socket_is_not_bound(tree):
    os.mkfifo(tree / "fifo")
    exposure = Exposure()
    assert not exposure.expose(str(tree / "fifo"), "why")
    assert not exposure.binds


def test_a_directory_makes_what_is_below_it_superfluous(tree):
    exposure = Exposure()
    exposure.expose(str(tree / "usr/bin/sh"), "one")
    exposure.expose(str(tree / "usr/bin"), "all")
    exposure.prune([])
    assert list(exposure.binds) == [str(tree / "usr/bin")]
    assert not exposure.links


def test_what_a_mount_of_the_users_covers_is_dropped(tree):
    exposure = Exposure()
    exposure.expose(str(tree / "bin/sh"), "why")
    exposure.prune([str(tree / "usr")])
    assert not exposure.binds
    assert list(exposure.links) == [str(tree / "bin")]


def test_a_link_right_below_home_becomes_a_directory(tree):
    (tree / "home").mkdir()
    (tree / "opt/tool/bin").mkdir(parents=True)
    (tree / "opt/tool/bin/python").write_text("python")
    (tree / "home/.tool").symlink_to(tree / "opt/tool")
    exposure = Exposure(home=str(tree / "home"))
    assert exposure.expose(str(tree / "home/.tool/bin/python"), "why")
    assert not exposure.links
    source, _, _ = exposure.binds[str(tree / "home/.tool/bin/python")]
    assert source == str(tree / "opt/tool/bin/python")


NAMES = ["a", "b", "c"]
LINKS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["a", "b", "c", "../b", "a/b", "./c", "../a/c"])), max_size=4
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(links=LINKS, wanted=st.lists(st.tuples(*[st.sampled_from(NAMES)] * 2), min_size=1, max_size=4))
def test_pruned_or_not_the_same_paths_are_visible(tmp_path_factory, links, wanted):
    root = tmp_path_factory.mktemp("world")
    for name in NAMES:
        (root / name).mkdir()
        for link, target in links:
            if not os.path.lexists(root / name / link):
                (root / name / link).symlink_to(target)
        for file in NAMES:
            if not os.path.lexists(root / name / file):
                (root / name / file).write_text(file)
    exposure = Exposure()
    shown = []
    for parts in wanted:
        path = str(Path(root, *parts))
        if exposure.expose(path, "why"):
            shown.append(path)
    before = {path: inside(exposure, path) for path in shown}
    exposure.prune([])
    assert before == {path: os.path.realpath(path) for path in shown}
    assert {path: inside(exposure, path) for path in shown} == before
