"""A plan for bwrap as records for the C launcher."""

from __future__ import annotations

import os

import pytest

from sandbox_venv.launch.planfile import SECTIONS, Plan
from sandbox_venv.plan.bwrap_records import translate


def sample(*slots: bytes, **meta: bytes) -> Plan:
    plan = Plan([b""] * SECTIONS)
    named = {name.encode().replace(b"_", b"-"): value for name, value in meta.items()}
    known = {b"kind": b"run", b"backend": b"bwrap", b"record": b"1", b"dir": b"/state/x", b"bwrap": b"/usr/bin/bwrap"}
    plan.meta = {**known, **named}
    plan.base = b"--unshare-user --proc /proc --tmpfs /tmp --bind /srv/w /w".split()
    plan.slots = list(slots)
    plan.tail = [b"--remount-ro", b"/"]
    return plan


def flat(plan: Plan) -> list[bytes]:
    translated = translate(plan)
    return translated[0] if translated else []


def rows_of(records: list[bytes]) -> list[tuple[bytes, ...]]:
    return list(zip(records[::3], records[1::3], records[2::3], strict=True))


def words_of(records: list[bytes], letter: bytes) -> list[bytes]:
    pairs = [pair for what, *pair in rows_of(records) if what == letter]
    return [word for pair in pairs for word in pair if word]


def records_of(plan: Plan) -> list[tuple[bytes, ...]]:
    return rows_of(flat(plan))


def test_the_options_stand_as_they_are_and_slots_lie_between_them() -> None:
    slots = (
        b"rw",
        b"/p",
        b"/p",
        b"ro-try",
        b"/p/.venv",
        b"/p/.venv",
        b"protect",
        b"/p",
        b"",
        b"point-dir",
        b"/h",
        b"x",
    )
    assert records_of(sample(*slots)) == [
        (b"|", b"/usr/bin/bwrap", b""),
        (b"B", b"", b""),
        (b"w", b"/p", b"p"),
        (b"O", b"/p/.venv", b"p/.venv"),
        (b"P", b"/p", b""),
        (b"D", b"/h", b"x"),
        (b"c", b"--dir", b""),
        (b"T", b"", b""),
    ]


def test_what_an_option_of_a_slot_covers_is_not_verified() -> None:
    plan = sample(b"--perms", b"0700", b"", b"--tmpfs", b"/p/x", b"", b"--overlay", b"/a", b"/b", b"+", b"/c", b"")
    assert records_of(plan)[2:-2] == [
        (b"=", b"--perms", b"0700"),
        (b"=", b"--tmpfs", b"/p/x"),
        (b"x", b"", b"p/x"),
        (b"=", b"--overlay", b"/a"),
        (b"=", b"/b", b""),
        (b"=", b"/c", b""),
    ]


def test_in_the_shelter_what_the_sandbox_writes_stays_writable() -> None:
    slots = (b"rw", b"/p", b"/p", b"rw", b"/p/.venv/home", b"/h", b"protect", b"/p", b"")
    records = records_of(sample(*slots, shelter=b"1"))
    assert records[:3] == [(b"|", b"/usr/bin/bwrap", b"s"), (b"v", b"/p", b""), (b"v", b"/srv/w", b"")]
    nothing = sample(shelter=b"1")
    nothing.base = [b"--proc", b"/proc"]
    assert records_of(nothing)[0] == (b"|", b"/usr/bin/bwrap", b"s")


@pytest.mark.parametrize(
    "plan",
    [
        sample(kind=b"install"),
        sample(backend=b"native"),
        sample(record=b""),
        sample(rlimits=b"7=1:1"),
        sample(bwrap=b""),
        sample(b"rw", b"/p", b"/p/../x"),
        sample(b"rw", b"/p", b"/"),
        sample(b"new-kind", b"/p", b"/p"),
        sample(b"protect", b"/elsewhere", b"", shelter=b"1"),
    ],
)
def test_what_c_does_not_do_has_no_records(plan: Plan) -> None:
    assert translate(plan) is None


def test_a_directory_is_made_only_in_the_sandboxs_own_tmp() -> None:
    plan = sample()
    plan.base += [b"--symlink", b"/srv", b"/tmp/link"]
    assert b"c" not in flat(plan)[::3]
    plan.base = [b"--proc", b"/proc"]
    assert b"c" not in flat(plan)[::3]


SWITCHES = b" ".join(
    b"--ro-bind-try /proc/%b /proc/%b" % (name, name)
    for name in (b"sys", b"sysrq-trigger", b"irq", b"bus")
    if os.path.exists(b"/proc/" + name)
)
LINK = b"--symlink /tmp /var/tmp".split()
WHOLE = (
    b"--unshare-user --unshare-pid --unshare-ipc --unshare-uts --disable-userns --die-with-parent --cap-drop ALL "
    b"--symlink usr/lib /usr/lib64 --ro-bind-try /usr/lib /usr/lib --dir /x --proc /proc "
    + SWITCHES
    + b" --dev /dev --perms 1777 --tmpfs /tmp --symlink /tmp /var/tmp --dir /tmp/made --ro-bind /etc /R"
)


def whole(*slots: bytes, more: bytes = b"", **meta: bytes) -> Plan:
    plan = sample(*slots, shelter=b"1", **meta)
    plan.base = [*WHOLE.split(), *more.split()]
    return plan


def test_in_the_shelter_what_is_always_the_same_becomes_one_mount() -> None:
    slots = (b"rw", b"/opt", b"/opt", b"protect", b"/opt", b"")
    translated = translate(whole(*slots))
    assert translated
    records, skeleton = translated
    assert skeleton
    assert rows_of(records)[:4] == [
        (b"|", b"/usr/bin/bwrap", b"s"),
        (b"/", b"", b"/sys"),
        (b"b", b"/usr/lib", b"usr/lib"),
        (b"b", b"/etc", b"R"),
    ]
    assert skeleton.links == {b"usr/lib64": b"usr/lib", b"var/tmp": b"/tmp"}
    assert set(skeleton.folders) >= {b"usr/lib", b"R", b"x", b"proc", b"dev", b"tmp", b"opt"}
    head, rest = WHOLE.split()[:8], b" --proc /proc " + SWITCHES + b" --dev /dev --perms 1777 --tmpfs /tmp"
    assert words_of(records, b"R") == [*head, *b"--dir /x".split(), *rest.split(), *LINK, *b"--dir /tmp/made".split()]
    assert words_of(records, b"A") == b"--ro-bind /sys/R /R --ro-bind /sys/usr /usr".split()
    assert [what for what in records[::3] if what != b"R"][4:] == [b"v", b"w", b"P", b"c", b"A", b"A", b"A", b"T"]


def test_what_lies_over_the_ready_made_root_comes_after_it() -> None:
    for plan in (whole(b"rw", b"/opt", b"/usr/src"), whole(more=b"--tmpfs /usr/share")):
        assert words_of(flat(plan), b"R")[:6] == b"--ro-bind /sys/R /R --ro-bind /sys/usr /usr".split()
        assert b"A" not in flat(plan)[::3]


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        (whole(more=b"--ro-bind /sys/devices /sys/devices"), b"/mnt"),
        (whole(b"rw", b"/mnt", b"/data", more=b"--dev-bind-try /sys /sys"), b"/srv"),
        (whole(more=b"--ro-bind / /host"), None),
        (whole(b"--symlink", b"/x", b"/new"), None),
        (whole(more=b"--cap-add CAP_CHOWN"), None),
        (whole(b"rw", b"/", b"/host"), None),
    ],
)
def test_the_ready_made_root_lies_where_nothing_else_is_wanted(plan: Plan, place: bytes | None) -> None:
    found = [target for what, _, target in records_of(plan) if what == b"/"]
    assert found == ([place] if place else [])
    assert (b"B" in flat(plan)[::3]) == (place is None)


def test_what_lies_in_a_place_that_stays_writable_is_none_of_its_own() -> None:
    plan = sample(b"rw", b"/p", b"/p", b"rw", b"/p-x", b"/p-x", b"rw", b"/p/in", b"/in", shelter=b"1")
    assert [first for what, first, _ in records_of(plan) if what == b"v"] == [b"/p", b"/p-x", b"/srv/w"]
