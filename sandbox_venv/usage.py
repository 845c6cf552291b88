"""What `--help` prints."""

from __future__ import annotations

USAGE = """\
usage: sandbox-venv [VENV] [BWRAP_OPTS]          wrap VENV (default: .venv)
       sandbox-venv COMMAND ...

  wrap [VENV]      from now on everything in VENV/bin starts in a sandbox
  unwrap [VENV]    put back what wrap found
  run -- COMMAND   run one command in a sandbox, nothing changed on disk
  shell            an interactive shell in the sandbox
  explain          what a sandbox shows and enforces, with the reason for each mount
  trust            accept what the project's .env says about the sandbox itself
  doctor           what this machine can do
  bwrap OPTS       bubblewrap's own command line, in pure Python

BWRAP_OPTS are bubblewrap's options, bwrap(1). COMMAND --help says more.
"""

WRAP_USAGE = """\
usage: sandbox-venv wrap [VENV] [--backend auto|bwrap|native] [--project DIR] [BWRAP_OPTS]

Make every entry point of VENV (default: .venv) start in a sandbox. Wrapping again
keeps the options given before, unless new ones are given.

  sandbox-venv wrap
  sandbox-venv wrap path/to/.venv --ro-bind /srv/data /data --unshare-net
  sandbox-venv wrap --lib libfoo.so.1 --allow devel
"""

EXPLAIN_USAGE = """\
usage: sandbox-venv explain [VENV] [--session run|install] [--backend B]
                            [--format text|json|bwrap] [BWRAP_OPTS] [-- COMMAND]

Show what the sandbox of VENV (default: as for run) shows and enforces, and why.

  sandbox-venv explain
  sandbox-venv explain --format bwrap -- python app.py
"""

UNWRAP_USAGE = "usage: sandbox-venv unwrap [VENV]\n\nPut back what wrap found in VENV/bin (default: .venv).\n"
TRUST_USAGE = """\
usage: sandbox-venv trust [VENV]

Show what the project's .env says about the sandbox itself (BWRAP_ARGS, SANDBOX_*), and
accept it as it is now. A session can change .env, so a changed file must be accepted again.
"""
DOCTOR_USAGE = "usage: sandbox-venv doctor [--json]\n\nShow what this machine can do, and what to do about the rest.\n"
SHELL_USAGE = "usage: sandbox-venv shell [VENV] [BWRAP_OPTS]\n\nAn interactive shell in the sandbox.\n"
