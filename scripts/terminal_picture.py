"""Record docs/terminal.svg: real commands of the installed tool, on a terminal, in a home made for the purpose.

`make docs` runs it. Needs a machine on which a sandbox can be had. Usage: terminal_picture.py SANDBOX-VENV OUT.svg
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

COLUMNS, CELL, LINE, MARGIN = 92, 8.45, 19, 16
HOME = "/home/me"
APP = """\
from pathlib import Path
for name in (".ssh/id_ed25519", ".bashrc"):
    try:
        print(f"~/{name}:", Path.home().joinpath(name).read_text().strip())
    except OSError as error:
        print(f"~/{name}: {error.strerror}")
Path("result.txt").write_text("the project is writable")
"""
COMMANDS = (
    ".venv/bin/python app.py",
    "sandbox-venv wrap",
    ".venv/bin/python app.py",
    "sandbox-venv why ~/.ssh",
    "sandbox-venv status",
)
STYLE = """\
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.page { fill: #f6f8fa; stroke: #d1d9e0 } text { fill: #1f2328 }
.prompt { fill: #59636e } .c31 { fill: #cf222e } .c32 { fill: #1a7f37 } .c33 { fill: #9a6700 }
.typed { font-weight: bold }
@media (prefers-color-scheme: dark) {
  .page { fill: #151b23; stroke: #3d444d } text { fill: #f0f6fc }
  .prompt { fill: #9198a1 } .c31 { fill: #f85149 } .c32 { fill: #3fb950 } .c33 { fill: #d29922 }
}"""


def type_in(command: str, folder: Path, env: dict[str, str]) -> str:
    """Run a shell command on a terminal of its own; return what it showed."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        ["/bin/sh", "-c", command], cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ):
        os.close(slave)
        shown = b""
        try:
            while data := os.read(master, 65536):
                shown += data
        except OSError:  # EIO: nobody has the other end open any more
            pass
    os.close(master)
    text = shown.decode().replace("\r\n", "\n")
    return re.sub(r"\r\[[# ]+\]|\r\x1b\[K", "", text)  # the bar of a compile that takes long, which is wiped away


def spans(line: str) -> str:
    """Return a line with its colours (SGR, console_codes(4)) as tspan elements."""
    out, colour = [], ""
    for part in re.split(r"(\x1b\[\d*m)", line):
        if part.startswith("\x1b"):
            colour = part[2:-1].strip("0")
        elif part:
            text = escape(part)
            out.append(f'<tspan class="c{colour}">{text}</tspan>' if colour else text)
    return "".join(out)


def draw(shown: list[tuple[str, str]]) -> str:
    """Return the picture of commands and what each showed."""
    rows: list[str] = []
    for command, text in shown:
        rows.append(f'<tspan class="prompt">~/proj $ </tspan><tspan class="typed">{escape(command)}</tspan>')
        rows += [spans(line) for line in text.rstrip("\n").split("\n")] if text else []
        rows.append("")
    width, height = round(COLUMNS * CELL + 2 * MARGIN), LINE * (len(rows) - 1) + 2 * MARGIN
    lines = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * at + 14}" xml:space="preserve">{row}</text>'
        for at, row in enumerate(rows)
        if row
    ]
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="A terminal: a venv is wrapped, and asked about">\n<style>\n{STYLE}\n</style>\n'
        f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>\n{body}\n</svg>\n'
    )


def main(tool: Path, out: Path) -> None:
    """Record."""
    with tempfile.TemporaryDirectory(prefix="picture-") as name:
        home = Path(name).resolve() / "me"
        project = home / "proj"
        for path, text in (
            (project / "app.py", APP),
            (home / ".ssh/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----"),
            (home / ".bashrc", "export TOKEN=hunter2"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
        env = {"HOME": str(home), "PATH": f"{tool.resolve().parent}:/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}
        shown = []
        for command in COMMANDS:
            text = type_in(command, project, env).replace(str(home), HOME)
            shown.append((command, re.sub(r"(venvs/[0-9a-f]{6})[0-9a-f]{14}", r"\1…", text)))
    out.write_text(draw(shown), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
