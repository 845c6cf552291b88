"""Type into the caller's terminal: TIOCSTI (CVE-2017-5226), with high bits (CVE-2019-10063), TIOCLINUX (CVE-2023-28100)."""

from __future__ import annotations

from tests.harness import Venv

ATTACK = r"""
import ctypes, fcntl, os, termios
libc = ctypes.CDLL(None, use_errno=True)
IOCTL = {"x86_64": 16}.get(os.uname().machine, 29)
worked = []
texts = [b"touch planted\n"]
for number in (0, 1, 2, os.open("/dev/tty", os.O_RDWR)):
    for request in (0x5412, 0x541C, 0x5423):
        for high in (0, 1 << 32, 0xFFFFFFFF << 32, 1 << 63):
            byte = ctypes.create_string_buffer(b"\x02#") if request == 0x541C else ctypes.create_string_buffer(b"#")
            result = libc.syscall(ctypes.c_long(IOCTL), ctypes.c_long(number), ctypes.c_ulong(request | high), byte)
            if result != -1 or ctypes.get_errno() != 1:
                worked.append((number, hex(request | high), result, ctypes.get_errno()))
print("worked:", worked)
termios.tcgetattr(0)
fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
print("twin: ok", os.isatty(0))
"""


def test_nothing_is_typed_into_the_terminal(shared_venv: Venv) -> None:
    with shared_venv.terminal("python", "-c", ATTACK) as terminal:
        terminal.expect("worked: (.*)")
        terminal.expect("twin: ok True")
        done = terminal.wait()
    assert "worked: []" in done.stdout
    assert "#" not in done.stdout.replace("worked: []", "")


def test_other_terminals_are_not_there(shared_venv: Venv) -> None:
    code = "import os; print(os.listdir('/dev/pts'), [n for n in os.listdir('/dev') if n.startswith(('tty', 'vcs'))])"
    assert shared_venv.python(code).check().stdout == "['ptmx'] ['tty']\n"
