"""Files that are staged in a venv."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from sandbox_venv.venv import files


@pytest.mark.parametrize("can_share", [True, False])
@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 20_000])
def test_a_launcher_shares_blocks_with_the_executable_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, *, can_share: bool
) -> None:
    def reflink(fd: int, request: int, source: int) -> None:  # as ext4 and tmpfs can't: `files._share` on XFS, by hand
        assert request == 0x40049409
        if not can_share:
            raise OSError(95, "Operation not supported")
        os.pwrite(fd, os.pread(source, 1 << 20, 0), 0)

    monkeypatch.setattr(fcntl, "ioctl", reflink)
    like = tmp_path / "like"
    like.write_bytes(bytes(10_000))
    data = bytes(size // 2) + b"x" * (size - size // 2)
    stage = os.open(tmp_path, files.DIRECTORY)
    try:
        (tmp_path / "new").write_bytes(b"older")
        files.stage_file(stage, "new", data, 0o755, like)
        files.stage_file(stage, "other", data, 0o755, tmp_path / "missing")
    finally:
        os.close(stage)
    for name in ("new", "other"):
        assert (tmp_path / name).read_bytes() == data
        assert (tmp_path / name).stat().st_mode & 0o7777 == 0o755
    assert like.read_bytes() == bytes(10_000)
