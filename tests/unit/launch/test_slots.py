"""Slots: sources and mount points are opened without following a link that a session planted."""

import os

import pytest

from sandbox_venv.launch import slots


def filled(*items, protect=()):
    result = slots.Slots(list(protect))
    result.fill([os.fsencode(item) for item in items])
    return result


@pytest.fixture(autouse=True)
def no_leak():
    before = set(os.listdir("/proc/self/fd"))
    yield
    for fd in set(os.listdir("/proc/self/fd")) - before:
        try:
            os.close(int(fd))
        except OSError:
            pass


def test_a_directory_is_bound_by_its_descriptor(tmp_path):
    result = filled("rw", str(tmp_path), "/inside")
    option, fd, target = result.options
    assert (option, target) == (b"--bind-fd", b"/inside")
    assert os.path.samestat(os.fstat(int(fd)), tmp_path.stat())
    assert result.verify[0] == b"/inside"


def test_read_only_stays_read_only(tmp_path):
    assert filled("ro", str(tmp_path), "/inside").options[0] == b"--ro-bind-fd"


def test_a_source_that_became_a_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(OSError, match="symbolic link"):
        filled("ro", str(tmp_path / "link"), "/inside")


def test_a_directory_on_the_way_that_became_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "data").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert filled("ro", str(tmp_path / "real" / "data"), "/inside").options
    with pytest.raises(OSError, match="directory"):
        filled("ro", str(tmp_path / "link" / "data"), "/inside")


def test_a_missing_source_counts_only_without_try(tmp_path):
    assert filled("ro-try", str(tmp_path / "none"), "/inside").options == []
    with pytest.raises(FileNotFoundError):
        filled("ro", str(tmp_path / "none"), "/inside")


def test_protected_names_that_exist_are_read_only_and_the_others_are_watched(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".envrc").write_text("x")
    (tmp_path / ".vscode").symlink_to("/etc")
    names = [b".git", b".envrc", b".vscode", b".idea"]
    result = filled("protect", str(tmp_path), "", protect=names)
    targets = result.options[2::3]
    assert targets == [os.fsencode(tmp_path / name) for name in (".git", ".envrc")]
    assert set(result.options[::3]) == {b"--ro-bind-fd"}
    assert slots.appeared(result.absent) == []
    (tmp_path / ".idea").mkdir()
    assert slots.appeared(result.absent) == [os.fsencode(tmp_path / ".idea")]


def test_options_pass_as_they_stand_and_forget_what_they_cover(tmp_path):
    result = filled("rw", str(tmp_path), "/a/b", "--tmpfs", "/a", "", "--remount-ro", "/a", "")
    assert result.options[3:] == [b"--tmpfs", b"/a", b"--remount-ro", b"/a"]
    assert result.verify == []


def test_only_the_last_mount_of_one_place_is_verified(tmp_path):
    (tmp_path / "x").mkdir()
    result = filled("rw", str(tmp_path), "/a", "ro", str(tmp_path / "x"), "/a")
    assert result.verify == [b"/a", b"%d" % (tmp_path / "x").stat().st_dev, b"%d" % (tmp_path / "x").stat().st_ino]


def test_a_mount_point_is_made_with_the_directories_above_it(tmp_path):
    filled("point-dir", str(tmp_path), "one/two", "point-file", str(tmp_path), "one/file")
    assert (tmp_path / "one" / "two").is_dir()
    assert (tmp_path / "one" / "file").is_file()
    filled("point-dir", str(tmp_path), "one/two")


@pytest.mark.parametrize("below", ["link", "link/x"])
def test_a_mount_point_is_never_made_through_a_link(tmp_path, below):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "link").symlink_to(elsewhere)
    with pytest.raises(OSError, match="link|directory"):
        filled("point-dir", str(root), below)
    with pytest.raises(OSError, match="link|directory"):
        filled("point-file", str(root), below)
    assert list(elsewhere.iterdir()) == []
