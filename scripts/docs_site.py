"""Hooks of MkDocs (mkdocs.yml): pages that lie outside of docs/ become pages of the site, and links follow them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = {
    "README.md": "index.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "native/README.md": "c-launcher.md",
    "sandbox_venv/policy/config.schema.json": "config.schema.json",
}
"""Path in the repository -> on the site."""


def on_files(files: Files, *, config: Any) -> Files:  # noqa: ANN401 - MkDocs' own type says no more
    """Add what lies outside of docs/."""
    for path, name in ELSEWHERE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:  # noqa: ANN401 - likewise
    """Turn links between files of the repository into links between pages of the site."""
    home = Path(page.file.abs_src_path).parent

    def moved(match: re.Match[str]) -> str:
        target, _, anchor = match[1].partition("#")
        path = (home / target).resolve()
        if not path.is_relative_to(ROOT):
            return match[0]
        name = str(path.relative_to(ROOT))
        return f"]({ELSEWHERE.get(name, name.removeprefix('docs/'))}{'#' * bool(anchor)}{anchor})"

    return re.sub(r"\]\((?!\w+:|#)([^)]+)\)", moved, markdown)
