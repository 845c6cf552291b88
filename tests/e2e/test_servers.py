"""Servers and kernels from the registry, started by their own entry points in a wrapped venv."""

from __future__ import annotations

import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Process, Venv

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.registry, pytest.mark.slow]

APP = """
import os
VERSION = "one"
def wsgi(environ, start):
    body = str(os.getpid()).encode()
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": VERSION.encode()})
"""
FLASK = 'from flask import Flask\napp = Flask(__name__)\n@app.route("/")\ndef index(): return "one"\n'

KERNEL = """
import time, jupyter_client
manager = jupyter_client.KernelManager(kernel_name="python3")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
print(client.execute_interactive("6 * 7", timeout=30, output_hook=lambda message: None)["content"]["status"])
client.execute("import time; time.sleep(60)")
time.sleep(1)
manager.interrupt_kernel()
print(client.get_shell_msg(timeout=30)["content"]["ename"])
manager.restart_kernel()
client.wait_for_ready(timeout=60)
print(client.execute_interactive("1", timeout=30)["content"]["status"])
manager.shutdown_kernel()
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def get(port: int, wanted: Callable[[str], bool] = bool) -> str:
    """Return what the server says, once it is what is wanted."""
    text = ""
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            text = ""
        if wanted(text):
            return text
        time.sleep(0.25)
    pytest.fail(f"no such answer: {text!r}")


def ended(process: Process, status: int = 0) -> None:
    process.signal(signal.SIGTERM)
    assert process.wait().status == status


def test_gunicorn_reloads_and_ends_gracefully(toolbox: Venv, place: Path) -> None:
    toolbox.user.write(place / "app.py", APP)
    port = free_port()
    process = toolbox.spawn("gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "app:wsgi", cwd=place)
    first = get(port)
    process.signal(signal.SIGHUP)
    get(port, lambda text: bool(text) and int(text) > int(first) + 1)
    ended(process)


@pytest.mark.parametrize("server", ["uvicorn", "flask"])
def test_reloaders_see_a_change(toolbox: Venv, place: Path, server: str) -> None:
    path = toolbox.user.write(place / "app.py", APP if server == "uvicorn" else FLASK)
    port = free_port()
    words = {
        "uvicorn": ["app:asgi", "--reload", "--port", port],
        "flask": ["--app", "app", "run", "--debug", "--port", port],
    }[server]
    process = toolbox.spawn(server, *map(str, words), cwd=place)
    get(port, lambda text: text == "one")
    time.sleep(1.1)
    path.write_text(path.read_text().replace("one", "three"))
    get(port, lambda text: text == "three")
    process.signal(signal.SIGTERM)
    process.wait()


def test_a_jupyter_kernel_starts_executes_is_interrupted_and_restarts(toolbox: Venv, place: Path) -> None:
    toolbox.user.write(place / "kernel.py", KERNEL)
    done = toolbox.run("python", "kernel.py", cwd=place, timeout=240).check()
    assert [line.strip("1") for line in done.stdout.split()] == ["ok", "KeyboardInterrupt", "ok"]
