"""What the new root of a sandbox holds before anything is mounted: directories, mount points and links."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


class Unsupported(Exception):
    """Something that the records can't say."""


@dataclass(slots=True)
class Skeleton:
    """Directories, empty files and links of the new root, by path without a leading slash."""

    folders: dict[bytes, None] = field(default_factory=dict)
    files: dict[bytes, None] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)

    def add_folder(self, path: bytes) -> None:
        """Add a directory and those above it."""
        if path in self.folders or not path:
            return
        if path in self.files or path in self.links:
            raise Unsupported
        self.add_folder(os.path.dirname(path))
        self.folders[path] = None

    def add_file(self, path: bytes) -> None:
        """Add an empty file."""
        if path in self.folders or path in self.links:
            raise Unsupported
        self.add_folder(os.path.dirname(path))
        self.files[path] = None

    def add_link(self, path: bytes, target: bytes) -> None:
        """Add a link; the same one may be there."""
        if path in self.folders or path in self.files or self.links.get(path, target) != target:
            raise Unsupported
        self.add_folder(os.path.dirname(path))
        self.links[path] = target
