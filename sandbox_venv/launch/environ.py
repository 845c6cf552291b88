"""The environment filter: what of the caller's environment a sandboxed program gets.

Hot, so it imports next to nothing, and bytes all through (environ(7) has no encoding). In order:

1. `ALLOWED`, the plan's `pass` rules, and variables that were *given to this one process*
   (`NAME=value program`): those that the parent's environment lacks by name. Nothing is "given" where the
   parent's environment can't be read. None of this holds for what looks like a secret or points at the host's
   session: that passes only when it is named in `SANDBOX_ENV="NAME PREFIX* …"`.
2. `.env`, over what was passed.
3. `set` and `drop` rules, in their order: the plan's own values and `--setenv`, `--unsetenv` have the last
   word, as in the seed. `.env` may set anything else, LD_PRELOAD too: no process outside ever gets these values.

PATH is passed as it is: a program inside finds what its user finds, `.venv/bin` first when the venv is activated
and not at all when it isn't. Directories that are not mounted inside are just not there.
"""

from __future__ import annotations

from .failure import LaunchError
from .inside.system import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = frozenset(
    (
        # the seed's list
        b"USER", b"LOGNAME", b"UID", b"PATH", b"TERM", b"HOSTNAME", b"LANGUAGE", b"LANG", b"TZ",
        b"http_proxy", b"https_proxy", b"HTTP_PROXY", b"HTTPS_PROXY",
        b"CC", b"CFLAGS", b"CXXFLAGS", b"CPPFLAGS", b"LDFLAGS", b"LDLIBS", b"MAKEFLAGS",
        # the rest of the same families
        b"no_proxy", b"NO_PROXY", b"all_proxy", b"ALL_PROXY", b"ftp_proxy", b"FTP_PROXY", b"CXX",
        # how a program should print; says nothing about anybody
        b"NO_COLOR", b"FORCE_COLOR", b"CLICOLOR", b"CLICOLOR_FORCE", b"COLORTERM", b"COLUMNS", b"LINES",
        b"PYTHONUNBUFFERED", b"PYTHONIOENCODING", b"PYTHONUTF8", b"PYTHONDONTWRITEBYTECODE", b"PYTHONHASHSEED",
        b"SOURCE_DATE_EPOCH", b"CI",
    )
)  # fmt: skip
"""Passed by name, whoever set them (LC_* too); not with a password in them"""

NEVER = frozenset(
    (b"_", b"LS_COLORS", b"PS1", b"PS2", b"PS4", b"PROMPT_COMMAND", b"SHLVL", b"OLDPWD", b"BASHOPTS", b"SHELLOPTS")
)
"""The shell's own affairs: wrong or useless in another process"""

SECRET_PARTS = (
    b"TOKEN", b"SECRET", b"PASSW", b"PASSPHR", b"PASSFILE", b"API_KEY", b"APIKEY", b"ACCESS_KEY", b"CREDENTIAL",
    b"PRIVATE", b"AUTH", b"KEYRING", b"COOKIE", b"WEBHOOK", b"ASKPASS", b"NETRC", b"ACCESSKEY", b"PRIVKEY",
    b"ENCRYPTIONKEY", b"SIGNINGKEY", b"MASTERKEY", b"CONNECTION_STRING", b"CONNECTIONSTRING", b"BEARER", b"MNEMONIC",
)  # fmt: skip
"""Anywhere in a name, in any case (AUTHOR and TOKENIZER are not meant)"""

SECRET_WORDS = frozenset(
    (
        b"KEY", b"KEYS", b"PASS", b"PWD", b"SSHPASS", b"PAT", b"CREDS", b"DSN", b"JWT", b"SOCK", b"SOCKET",
        b"PW", b"DBPASS", b"DBPWD", b"OTP", b"TOTP", b"HMAC",
    )
)  # fmt: skip
"""As a whole word between underscores, hyphens, dots"""

SECRET_FIELDS = frozenset(
    (
        b"password", b"passwd", b"pwd", b"secret", b"client_secret", b"token", b"access_token", b"accesstoken",
        b"auth_token", b"id_token", b"refresh_token", b"private_token", b"job_token", b"api_key", b"apikey", b"api-key",
        b"accountkey", b"sharedaccesskey", b"sharedaccesssignature", b"sig", b"signature", b"x-amz-signature",
        b"x-amz-security-token",
    )
)  # fmt: skip
"""What stands before `=` in a URL's query, a connection string or an option, in any case"""

FIELD_SIZE = 24
"""Bytes: longer names are none of these"""

PLUMBING = (
    # the desktop's and the terminal's sockets
    b"DBUS_", b"XDG_RUNTIME_", b"XDG_SESSION_", b"XDG_SEAT", b"XDG_VTNR", b"GNOME_", b"SESSION_MANAGER", b"WAYLAND_",
    b"DESKTOP_STARTUP_ID", b"PULSE_", b"PIPEWIRE_", b"TMUX", b"VSCODE_",
    # agents
    b"SSH_", b"GPG_", b"GNUPG", b"KRB5", b"SUDO_",
    # service managers
    b"LISTEN_", b"NOTIFY_", b"WATCHDOG_", b"JOURNAL_STREAM", b"INVOCATION_ID",
    # accounts and machines elsewhere
    b"AWS_", b"AZURE_", b"GCLOUD_", b"CLOUDSDK_", b"GOOGLE_", b"VAULT_", b"DOCKER_", b"PODMAN_", b"CONTAINER_HOST",
    b"KUBE", b"HELM_", b"ANSIBLE_", b"PGSERVICE",
    # functions of the caller's shell
    b"BASH_FUNC_",
)  # fmt: skip
"""Beginnings of names that point at what belongs to the host's session"""

COERCED = (b"C.UTF-8", b"C.utf8", b"UTF-8")
"""What Python sets LC_CTYPE to (PEP 538)"""

PLUMBING_NAMES = frozenset((b"DISPLAY", b"STY", b"WINDOWID", b"MAIL"))

USERINFO_SCHEMES = (b"http", b"https")
"""Where a user name alone is as good as a password (`https://TOKEN@host`)"""


def parent_environ(pid: int) -> set[bytes] | None:
    """Return the names in process `pid`'s initial environment, proc_pid_environ(5), or None where that is unknown.

    Unknown is also: an empty block (a zombie's; a kernel thread's), one that a process overwrote
    (setproctitle(3)), and a process of another session than ours unless we lead ours: then it is not the one
    that started us but the reaper that we fell to.
    """
    try:
        if os.getsid(pid) != os.getsid(0) != os.getpid():
            return None
        with open(b"/proc/%d/environ" % pid, "rb") as file:
            block = file.read()
    except OSError:
        return None
    if not block.endswith(b"\0"):
        return None
    names = set()
    for entry in block[:-1].split(b"\0"):
        name, equals, _ = entry.partition(b"=")
        if not (name and equals):
            return None
        names.add(name)
    return names


def own_environ(env: Mapping[bytes, bytes], started_with: bytes = b"/proc/self/environ") -> dict[bytes, bytes]:
    """Return the launcher's environment as its caller gave it: without the LC_CTYPE that Python sets in the C locale.

    See PEP 538: a program inside does that for itself, and, where nobody did, turns on its UTF-8 mode.
    """
    found = dict(env)
    if found.get(b"LC_CTYPE") in COERCED:
        try:
            with open(started_with, "rb") as file:
                block = file.read()
        except OSError:
            return found
        if b"\0LC_CTYPE=" not in b"\0" + block:
            del found[b"LC_CTYPE"]
    return found


def refuse_loaded(env: Mapping[bytes, bytes], names: list[bytes]) -> None:
    """Refuse settings that an unaccepted ``.env`` has, too: tools load it into the environment (pipenv, an editor).

    Args:
        env: the call's environment.
        names: of the settings in that file.

    Raises:
        LaunchError: one of them is set.
    """
    for name in names:
        if env.get(name):
            line = b"start with %s: the project's .env sets it, too, and was not accepted" % name
            raise LaunchError(line, b"see what it says: sandbox-venv trust; or start without: env -u %s" % name)


def matches(name: bytes, pattern: bytes) -> bool:
    """Tell whether NAME or PREFIX* covers the name."""
    return name.startswith(pattern[:-1]) if pattern.endswith(b"*") else name == pattern


def split_patterns(patterns: list[bytes]) -> tuple[frozenset[bytes], tuple[bytes, ...]]:
    """Return the NAMEs and the PREFIXes of ``NAME PREFIX*``: one look for each, however many there are."""
    names = frozenset([pattern for pattern in patterns if not pattern.endswith(b"*")])
    return names, tuple([pattern[:-1] for pattern in patterns if pattern.endswith(b"*")])


def is_control(name: bytes) -> bool:
    """Tell whether a variable loosens the sandbox; such are never passed (VERBOSE is, where it is named)."""
    return name == b"BWRAP_ARGS" or name.startswith(b"SANDBOX_")


def has_password(value: bytes) -> bool:
    """Tell whether a value holds a URL, or several, with a password or a token: `scheme://user:pw@host`."""
    parts = value.split(b"://")
    if len(parts) == 1:  # curl(1) takes a proxy without a scheme
        user, at, host = value.partition(b"@")
        return bool(at and host) and b":" in user and not any(c in user for c in b" \t\n/")
    for before, rest in zip(parts, parts[1:]):  # noqa: RUF007  (no itertools here)
        authority = rest
        for end in (b"/", b"?", b"#", b"\\", b" ", b"\t", b"\r", b"\n", b'"', b"'", b"<", b">"):
            authority = authority.partition(end)[0]
        user, at, host = authority.rpartition(b"@")
        if at:
            scheme = before[-5:].lower()
            if b":" in user or scheme.endswith(USERINFO_SCHEMES):
                return True
        elif not host.endswith(b"]"):
            port = host.rpartition(b":")[2] if b":" in host else b""
            if port and not port.isdigit() and b"@" in rest:
                return True  # a password with an unescaped slash
    return False


def has_secret_field(value: bytes) -> bool:
    """Tell whether a value holds `password=…` or the like: `https://host/?token=…`, `Server=…;Pwd=…`, `--token=…`."""
    for part in value.lower().split(b"=")[:-1]:
        at = len(part)
        while at and len(part) - at <= FIELD_SIZE and (part[at - 1 : at].isalnum() or part[at - 1] in b"_-"):
            at -= 1
        if part[at:].lstrip(b"-") in SECRET_FIELDS:
            return True
    return False


def is_secret(name: bytes, value: bytes) -> bool:
    """Tell whether a variable looks like a secret, or points at the host's session."""
    upper = name.upper().replace(b"-", b"_").replace(b".", b"_")
    if upper.startswith(PLUMBING) or upper in PLUMBING_NAMES:
        return True
    plain = upper.replace(b"AUTHORI", b"AUTH").replace(b"AUTHOR", b"").replace(b"TOKENIZER", b"")
    if any(part in plain for part in SECRET_PARTS):
        return True
    if upper != b"PWD" and not SECRET_WORDS.isdisjoint(upper.split(b"_")):
        return True
    return has_password(value) or b"PRIVATE KEY-----" in value or has_secret_field(value)


def filter_environ(
    env: dict[bytes, bytes],
    parent: set[bytes] | None,
    rules: list[tuple[bytes, bytes]],
    dotenv: dict[bytes, bytes],
) -> dict[bytes, bytes]:
    """Return the environment of the program inside.

    Args:
        env: the launcher's own environment.
        parent: what `parent_environ` said.
        rules: the plan's ENV section: `pass` with NAME or PREFIX* (besides `ALLOWED`), `set` with NAME=VALUE,
            `drop` with NAME or PREFIX*.
        dotenv: plain variables of `.env`; the tool's own (BWRAP_ARGS, SANDBOX_*) are left out here too.

    What execve(2) can't express (NUL, an empty name, `=` in a name) is left out.
    """
    passed, passed_prefixes = split_patterns([value for rule, value in rules if rule == b"pass"])
    words = env.get(b"SANDBOX_ENV", b"").replace(b",", b" ").split()
    named, named_prefixes = split_patterns([word for word in words if word != b"*"])
    result = {}
    for name, value in env.items():
        if is_control(name):
            continue
        if name in named or name.startswith(named_prefixes):
            result[name] = value
        elif name in NEVER or name == b"VERBOSE":
            continue
        elif (
            name in ALLOWED
            or name[:3] == b"LC_"
            or (parent is not None and name not in parent)
            or name in passed
            or name.startswith(passed_prefixes)
        ) and not is_secret(name, value):
            result[name] = value
    result.update([pair for pair in dotenv.items() if not is_control(pair[0])])
    for rule, value in rules:
        if rule == b"set":
            name, _, text = value.partition(b"=")
            result[name] = text
        elif rule == b"drop":
            for name in [name for name in result if matches(name, value)]:
                del result[name]
    return {name: value for name, value in result.items() if name and b"=" not in name and b"\0" not in name + value}


def listen_descriptors(env: dict[bytes, bytes]) -> list[bytes]:
    """Return the descriptors of socket activation, sd_listen_fds(3), where they are meant for this process."""
    if env.get(b"LISTEN_PID") != b"%d" % os.getpid() or not env.get(b"LISTEN_FDS", b"").isdigit():
        return []
    return [b"%d" % fd for fd in range(3, 3 + min(int(env[b"LISTEN_FDS"]), 64))]
