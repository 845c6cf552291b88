"""The plan's options as records for the C launcher, and the skeleton that they are mounted in."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from sandbox_venv.launch.planfile import SECTIONS, Plan, encode
from sandbox_venv.plan.records import translate
from sandbox_venv.plan.roots import build, drop_unused, prepare_records
from sandbox_venv.plan.skeleton import Skeleton, Unsupported
from sandbox_venv.state import StateDir

HEAD = b"--unshare-user --unshare-pid --unshare-ipc --unshare-uts --disable-userns --die-with-parent --cap-drop ALL".split()
REST = b"--proc /proc --dev /dev --size 4096 --perms 1777 --tmpfs /tmp".split()
SWITCHES = [
    word
    for name in (b"sys", b"sysrq-trigger", b"irq", b"bus")
    if os.path.exists(b"/proc/" + name)
    for word in (b"--ro-bind", b"/proc/" + name, b"/proc/" + name)
]


def sample(*binds: bytes, slots: tuple[bytes, ...] = (), tail: tuple[bytes, ...] = ()) -> Plan:
    plan = Plan([b""] * SECTIONS)
    plan.meta = {b"kind": b"run", b"backend": b"native", b"record": b"1", b"dir": b"/state/x"}
    plan.base = [*HEAD, *binds, *REST, *SWITCHES]
    plan.slots = list(slots)
    plan.tail = [*tail, b"--remount-ro", b"/"]
    return plan


def records_of(plan: Plan) -> list[tuple[bytes, bytes, bytes]]:
    translated = translate(plan)
    assert translated is not None
    records = translated[0]
    return list(zip(records[::3], records[1::3], records[2::3], strict=True))


def test_read_only_mounts_come_first_and_are_closed_together() -> None:
    plan = sample(b"--ro-bind", b"/usr/bin", b"/usr/bin", b"--symlink", b"usr/bin", b"/bin")
    records = records_of(plan)
    assert records[0][0] == b"/"
    assert records[1:3] == [(b"b", b"/usr/bin", b"usr/bin"), (b"s", b"", b"")]
    assert (b"t", b"mode=01777,size=4096", b"tmp") in records
    assert (b"m", b"/proc/sys", b"proc/sys") in records
    translated = translate(plan)
    assert translated is not None
    assert translated[1].links == {b"bin": b"usr/bin"}
    assert set(translated[1].folders) >= {b"usr", b"usr/bin", b"proc", b"dev", b"tmp"}


def test_mount_points_in_a_new_file_system_are_made_at_each_start() -> None:
    plan = sample(slots=(b"rw", b"/usr", b"/tmp/a/b", b"ro", b"/etc/passwd", b"/tmp/a/c"))
    records = records_of(plan)
    at = records.index((b"k", b"0700", b"tmp/a"))
    assert records[at : at + 5] == [
        (b"k", b"0700", b"tmp/a"),
        (b"k", b"0755", b"tmp/a/b"),
        (b"w", b"/usr", b"tmp/a/b"),
        (b"f", b"", b"tmp/a/c"),
        (b"o", b"/etc/passwd", b"tmp/a/c"),
    ]


def test_mount_points_in_what_a_session_writes_are_never_made() -> None:
    plan = sample(slots=(b"rw", b"/usr", b"/p", b"ro", b"/usr/bin", b"/p/bin"))
    assert [record for record in records_of(plan) if record[2].startswith(b"p/")] == [(b"o", b"/usr/bin", b"p/bin")]


@pytest.mark.parametrize(
    "words",
    [
        b"--new-session",
        b"--ro-bind /usr/../etc /etc",
        b"--ro-bind /nowhere/at/all /x",
        b"--bind /usr /usr",
        b"--overlay-src /usr --tmp-overlay /usr",
        b"--file 3 /x",
        b"--chmod 0755 /x",
        b"--symlink a /x --ro-bind /usr /x/y",
        b"--symlink a /tmp/x --dir /tmp/x",
        b"--symlink a /tmp/x --ro-bind /usr /tmp/x/y",
        b"--made-up",
    ],
)
def test_what_records_cannot_say_is_pythons(words: bytes) -> None:
    assert translate(sample(*words.split())) is None


def test_no_network_is_a_record_which_no_launcher_takes_for_less() -> None:
    assert (b"N", b"", b"") in records_of(sample(b"--unshare-net"))
    assert (b"N", b"", b"") not in records_of(sample())


@pytest.mark.parametrize("word", [*HEAD[:6], b"--proc", b"--dev"])
def test_a_plan_without_what_c_takes_for_granted_is_pythons(word: bytes) -> None:
    plan = sample()
    at = plan.base.index(word)
    del plan.base[at : at + (2 if word in (b"--proc", b"--dev") else 1)]
    assert translate(plan) is None


@pytest.mark.parametrize("kind", [b"rw-try", b"ro-try"])
def test_a_slot_without_a_source_is_pythons_since_its_mount_point_may_be_of_either_kind(kind: bytes) -> None:
    assert translate(sample(slots=(kind, b"/usr", b"/x"))) is not None
    assert translate(sample(slots=(kind, b"/nowhere/at/all", b"/x"))) is None


def test_anything_new_in_meta_is_pythons() -> None:
    plan = sample()
    assert translate(plan) is not None
    plan.meta[b"made-up"] = b""
    assert translate(plan) is not None
    plan.meta[b"made-up"] = b"1"
    assert translate(plan) is None


def test_a_root_that_stays_open_is_pythons() -> None:
    plan = sample()
    plan.tail = []
    assert translate(plan) is None


def test_a_skeleton_on_disk_is_what_was_said(tmp_path: Path) -> None:
    skeleton = Skeleton()
    skeleton.add_folder(b"a/b")
    skeleton.add_file(b"a/file")
    skeleton.add_link(b"l/link", b"../a")
    with pytest.raises(Unsupported):
        skeleton.add_folder(b"a/file/below")
    build(tmp_path, skeleton)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/b",
        "a/file",
        "l",
        "l/link",
    ]
    assert os.readlink(tmp_path / "l" / "link") == "../a"


def with_link(target: bytes) -> Plan:
    plan = sample()
    plan.base += [b"--symlink", target, b"/link"]
    return plan


def test_plans_that_want_the_same_skeleton_share_it_and_a_damaged_one_is_left_alone(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    folder = state.make(tmp_path / "venvs" / "x")
    plans = [with_link(target) for target in (b"a", b"a", b"b", b"a")]
    for plan in plans[:3]:
        prepare_records(plan, folder, state)
    first, second, third = [Path(os.fsdecode(plan.records[1])) for plan in plans[:3]]
    assert first == second != third
    assert os.readlink(third / "link") == "b"
    (first / "link").unlink()
    prepare_records(plans[3], folder, state)
    assert not (first / "link").is_symlink()
    assert os.readlink(Path(os.fsdecode(plans[3].records[1])) / "link") == "a"


def test_a_skeleton_that_a_session_or_a_stored_plan_uses_stays(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    folder = state.make(tmp_path / "venvs" / "x")
    plans = [with_link(target) for target in (b"a", b"b", b"c", b"d")]
    for plan in plans:
        prepare_records(plan, folder, state)
    first, second, third, fourth = places = [Path(os.fsdecode(plan.records[1])) for plan in plans]
    stored = folder / "run-1.plan"
    state.write_atomic(stored, encode(plans[2].sections()))
    fd = os.open(first, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    drop_unused(folder, plans[3])
    assert [place for place in places if place.is_dir()] == [first, third, fourth]
    os.close(fd)
    stored.unlink()
    drop_unused(folder, plans[3])
    assert [place for place in places if place.is_dir()] == [fourth]
    assert not second.exists()


def test_devices_that_the_user_adds_get_their_mount_points_in_the_new_dev() -> None:
    plan = sample(tail=(b"--dev-bind", b"/dev/zero", b"/dev/dri/card0", b"--dev-bind", b"/dev/full", b"/dev/null"))
    records = records_of(plan)
    at = records.index((b"k", b"0700", b"dev/dri"))
    assert records[at : at + 4] == [
        (b"k", b"0700", b"dev/dri"),
        (b"f", b"", b"dev/dri/card0"),
        (b"n", b"/dev/zero", b"dev/dri/card0"),
        (b"n", b"/dev/full", b"dev/null"),
    ]
