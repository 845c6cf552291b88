"""The plan file: what is written is read; what is damaged or foreign is refused."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_venv.launch import planfile

ITEM = st.binary(max_size=20).filter(lambda item: b"\0" not in item)
ITEMS = st.lists(ITEM, max_size=6)


def sample():
    plan = planfile.Plan([b""] * planfile.SECTIONS)
    plan.meta = {b"dir": b"/state/x", b"kind": b"run"}
    plan.base = [b"--unshare-pid", b"--ro-bind", b"/a", b"/b"]
    plan.slots = [b"rw", b"/p", b"/p"]
    plan.seccomp_allow = bytes(range(16))
    return plan


def same(one, two):
    return all(getattr(one, name) == getattr(two, name) for name in planfile.Plan.__slots__)


@given(base=ITEMS, tail=ITEMS, protect=ITEMS, meta=st.dictionaries(ITEM, ITEM, max_size=4))
def test_what_is_encoded_is_decoded(base, tail, protect, meta):
    plan = sample()
    plan.base, plan.tail, plan.protect, plan.meta = base, tail, protect, meta
    assert same(planfile.decode(planfile.encode(plan.sections())), plan)


def test_a_nul_byte_in_an_item_is_refused_when_written():
    plan = sample()
    plan.base = [b"a\0b"]
    with pytest.raises(ValueError, match="NUL"):
        planfile.encode(plan.sections())


@given(data=st.data())
def test_any_flipped_bit_is_noticed(data):
    good = planfile.encode(sample().sections())
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    with pytest.raises(planfile.PlanError):
        planfile.decode(bytes(bad))


@given(data=st.data())
def test_any_truncation_is_noticed(data):
    good = planfile.encode(sample().sections())
    end = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(planfile.PlanError):
        planfile.decode(good[:end])


@given(st.binary(max_size=400))
def test_noise_is_refused(noise):
    with pytest.raises(planfile.PlanError):
        planfile.decode(noise)


def forged(body):
    """Return noise with a right header and checksum."""
    body = body.ljust(8 * planfile.SECTIONS, b"\0")
    checksum = int.from_bytes(body, "little") % planfile.MODULUS
    head = planfile.MAGIC + planfile.FORMAT.to_bytes(4, "little") + planfile.SECTIONS.to_bytes(4, "little")
    return head + checksum.to_bytes(8, "little") + body


@given(st.binary(max_size=400))
def test_noise_with_a_right_checksum_is_refused_or_whole(noise):
    try:
        plan = planfile.decode(forged(noise))
    except planfile.PlanError:
        return
    assert len(plan.slots) % 3 == 0


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "run.plan"
    path.write_bytes(planfile.encode(sample().sections()))
    path.chmod(0o600)
    return path


def test_a_stored_plan_is_read(stored):
    assert same(planfile.read(os.fsencode(stored)), sample())


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o622])
def test_a_plan_that_others_can_write_is_refused(stored, mode):
    stored.chmod(mode)
    with pytest.raises(planfile.PlanError, match="this user alone"):
        planfile.read(os.fsencode(stored))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_plan_of_another_owner_is_refused(stored):
    os.chown(stored, 65534, 65534)
    with pytest.raises(planfile.PlanError, match="this user alone"):
        planfile.read(os.fsencode(stored))


def test_a_link_to_a_plan_is_refused(stored):
    link = stored.with_name("link.plan")
    link.symlink_to(stored)
    with pytest.raises(planfile.PlanError):
        planfile.read(os.fsencode(link))


def test_a_fifo_is_refused_at_once(tmp_path):
    path = tmp_path / "run.plan"
    os.mkfifo(path, 0o600)
    assert stat.S_ISFIFO(path.stat().st_mode)
    with pytest.raises(planfile.PlanError):
        planfile.read(os.fsencode(path))


def test_a_huge_file_is_refused_unread(stored):
    with stored.open("r+b") as file:
        file.truncate(planfile.MAX_SIZE + 1)
    with pytest.raises(planfile.PlanError, match="size"):
        planfile.read(os.fsencode(stored))


def test_a_missing_plan_is_a_miss(tmp_path):
    with pytest.raises(planfile.PlanError):
        planfile.read(os.fsencode(tmp_path / "none.plan"))


def test_a_plan_is_stale_when_something_it_came_from_changed(tmp_path):
    path = tmp_path / "input"
    name = os.fsencode(path)
    plan = sample()
    plan.stamps = [name, planfile.stamp(name)]
    assert planfile.is_fresh(plan)
    path.write_text("one")
    assert not planfile.is_fresh(plan)
    plan.stamps = [name, planfile.stamp(name)]
    assert planfile.is_fresh(plan)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert not planfile.is_fresh(plan)


@pytest.mark.parametrize("size", [0, 1, 8, 61, planfile.PIECE - 1, planfile.PIECE, planfile.PIECE + 1, 40_000])
def test_the_checksum_is_that_of_one_large_number(size: int) -> None:
    for data in (os.urandom(size), b"\xff" * size):
        assert planfile.checksum(data) == int.from_bytes(data, "little") % planfile.MODULUS
