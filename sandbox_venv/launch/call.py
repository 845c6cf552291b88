"""What of a call changes the plan itself: options, and files that variables name.

Hot: ``os`` only.
"""

from __future__ import annotations

from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY = b"ENTRY="
"""What an entry point's own variant begins with."""

VARIANT_NAMES = (b"BWRAP_ARGS", b"SANDBOX_SECCOMP_ALLOW", b"SANDBOX_USE_PIP_CACHE")

CERTIFICATES = (b"SSL_CERT_FILE", b"SSL_CERT_DIR", b"REQUESTS_CA_BUNDLE", b"CURL_CA_BUNDLE", b"PIP_CERT")
"""Variables that name certificates of authorities: passed to every session"""

ALWAYS_SHOWN = (b"/etc/ssl/", b"/etc/pki/", b"/etc/ca-certificates/", b"/usr/share/", b"/usr/local/share/")
"""Where certificates lie that every plan shows"""

PACKAGES = (
    b"PIP_FIND_LINKS", b"PIP_INDEX_URL", b"PIP_EXTRA_INDEX_URL", b"PIP_CONSTRAINT", b"PIP_BUILD_CONSTRAINT",
    b"PIP_REQUIREMENT", b"UV_FIND_LINKS", b"UV_INDEX", b"UV_DEFAULT_INDEX", b"UV_INDEX_URL", b"UV_EXTRA_INDEX_URL",
    b"UV_CONSTRAINT", b"UV_BUILD_CONSTRAINT", b"UV_OVERRIDE",
)  # fmt: skip
"""Variables of installers that may name files and directories"""


def variant_of(env: Mapping[bytes, bytes], options: list[bytes] | None = None, backend: bytes = b"") -> bytes:
    """Return what of a call changes the plan itself, b"" where nothing does.

    Args:
        env: the launcher's environment.
        options: bubblewrap options of this call.
        backend: the backend asked for in this call.
    """
    chosen = [b"%s=%s" % (name, env[name]) for name in VARIANT_NAMES if name in env]
    if b"BWRAP_ARGS=" in chosen:
        chosen.remove(b"BWRAP_ARGS=")
    words = env.get(b"BWRAP_ARGS", b"").replace(b"\n", b" ").split(b" ")
    if options:
        chosen.append(b"OPTIONS=" + b"\2".join(options))
        words += options
    if backend:
        chosen.append(b"BACKEND=" + backend)
    if any(b"bind" in word and after[:1] != b"/" for word, after in zip(words, words[1:])):  # noqa: RUF007 - itertools is not imported here
        chosen.append(b"CWD=" + os.getcwdb())
    named = [name for name in CERTIFICATES if env.get(name, b"")[:1] == b"/"]
    files = [b"%s=%s" % (name, env[name]) for name in named if not (env[name] + b"/").startswith(ALWAYS_SHOWN)]
    if files:
        chosen.append(b"FILES=" + b"\2".join(files))
    return b"\1".join(chosen)


def entry_variant(variant: bytes, own: list[bytes], name: bytes) -> bytes:
    """Return the variant of an entry point: its own where it has settings of its own, else ``variant``.

    Args:
        variant: of the call.
        own: names that have settings: ``python`` is python3.11's, too.
        name: the entry point's.
    """
    names = [word for word in (name.rstrip(b"0123456789."), name) if word and word in own]
    if not names:
        return variant
    return b"\1".join([*([variant] if variant else []), ENTRY + b"\2".join(dict.fromkeys(names))])


def install_variant(variant: bytes, env: Mapping[bytes, bytes]) -> bytes:
    """Return the variant of an install session: local files that installers' variables name are part of it, too."""
    files = [b"%s=%s" % (name, env[name]) for name in PACKAGES if b"/" in env.get(name, b"")]
    local = [item for item in files if b"=/" in item or b" /" in item or b"\n/" in item or b"file:" in item]
    if not local:
        return variant
    return b"\1".join([*([variant] if variant else []), b"PACKAGES=" + b"\2".join(local)])
