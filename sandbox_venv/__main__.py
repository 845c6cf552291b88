"""``python -m sandbox_venv``: ``run`` goes straight to the launcher, everything else to the command line."""

import sys


def main() -> None:
    """Start the command that the arguments name."""
    if sys.argv[1:2] == ["run"]:
        from .launch.failure import guarded
        from .run import run_command

        guarded(run_command, sys.argv[2:])
    from .cli import main as cli_main

    sys.exit(cli_main(sys.argv[1:]))


if __name__ == "__main__":
    main()
