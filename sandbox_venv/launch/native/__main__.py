"""``python -m sandbox_venv.launch.native OPTIONS -- COMMAND``: bwrap in Python."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
