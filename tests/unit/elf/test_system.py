"""What the machine tells its loaders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox_venv.elf import system
from sandbox_venv.elf.system import built_in_directories, conf_directories, cpu_levels, loader_world, musl_directories


def test_conf_follows_includes_with_globs_and_drops_what_is_no_directory(tmp_path: Path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/b.conf").write_text("/opt/b # why\n\n")
    (tmp_path / "conf.d/a.conf").write_text("# nothing\n/opt/a=libc6\n/opt/a2, /opt/a3:/opt/a4\n")
    (tmp_path / "conf.d/a.txt").write_text("/opt/no\n")
    main = tmp_path / "ld.so.conf"
    main.write_text("include conf.d/*.conf\nhwcap 1 x\nrelative/dir\n/opt/last/\n")
    assert conf_directories(str(main)) == ("/opt/a", "/opt/a2", "/opt/a3", "/opt/a4", "/opt/b", "/opt/last")


def test_conf_that_includes_itself_ends(tmp_path: Path):
    main = tmp_path / "ld.so.conf"
    main.write_text(f"/opt/x\ninclude {main}\n")
    assert conf_directories(str(main)) == ("/opt/x",)


def test_missing_conf_is_empty(tmp_path: Path):
    assert conf_directories(str(tmp_path / "none")) == ()


def test_default_directories_are_read_from_the_loader_itself(tmp_path: Path):
    loader = tmp_path / "ld.so"
    loader.write_bytes(b"\x7fELF\0/etc/ld.so.cache\0/usr/share/\0junk\0/lib/arch/\0/usr/lib/arch/\0/lib/\0/usr/lib/\0x")
    assert built_in_directories(str(loader)) == ("/lib/arch", "/usr/lib/arch", "/lib", "/usr/lib")


def test_loader_without_directories_has_the_usual_ones(tmp_path: Path):
    loader = tmp_path / "ld-linux.so.2"
    loader.write_bytes(b"nothing")
    assert built_in_directories(str(loader)) == ()
    assert built_in_directories(str(tmp_path / "none")) == ()
    assert loader_world(str(loader), "EM_386").directories == system.FALLBACK_DIRECTORIES


def test_lib_token_is_the_first_default_directory_without_its_prefix(tmp_path: Path):
    for directory, lib in (("/usr/lib64/", "lib64"), ("/lib/x86_64-linux-gnu/", "lib/x86_64-linux-gnu")):
        loader = tmp_path / f"ld{lib.replace('/', '')}.so"
        loader.write_bytes(b"\0" + directory.encode() + b"\0/usr/lib/\0")
        assert loader_world(str(loader), "EM_X86_64").lib == lib


def test_musl_loader_reads_its_path_file_or_has_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    world = loader_world("/lib/ld-musl-nowhere.so.1", "EM_X86_64")
    assert world.musl
    assert world.directories == ("/lib", "/usr/local/lib", "/usr/lib")
    path = tmp_path / "path"
    path.write_text("/a:/b\n/c\n\n")
    real = open
    monkeypatch.setattr("builtins.open", lambda name, *rest: real(path if "ld-musl" in str(name) else name, *rest))
    assert musl_directories("ld-musl-arch.so.1") == ("/a", "/b", "/c")


@pytest.mark.parametrize(
    "flags, levels",
    [
        ("", ()),
        ("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3", ("x86-64-v2",)),
        (
            "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
            ("x86-64-v3", "x86-64-v2"),
        ),
        ("avx avx2 bmi1 bmi2 f16c fma abm movbe xsave", ()),
    ],
)
def test_cpu_levels_build_on_each_other(monkeypatch: pytest.MonkeyPatch, flags: str, levels: tuple[str, ...]):
    monkeypatch.setattr(system, "_cpu_flags", lambda: frozenset(flags.split()))
    assert cpu_levels.__wrapped__("EM_X86_64") == levels
    assert cpu_levels.__wrapped__("EM_RISCV") == ()


def test_power_levels_come_from_the_platform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(system, "auxiliary_platform", lambda: "power10")
    assert cpu_levels.__wrapped__("EM_PPC64") == ("power10", "power9")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other machines have other names for it")
def test_platform_is_what_the_kernel_says():
    assert system.auxiliary_platform() == "x86_64"
