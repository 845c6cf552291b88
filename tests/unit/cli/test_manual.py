"""The man page and the reference in docs/ are what the code makes."""

import subprocess

from sandbox_venv.commands import manual
from sandbox_venv.plan.options import ARITY
from tests.harness import ROOT
from tests.support.programs import need

HINT = "run: python -m sandbox_venv.commands.manual docs"


def test_the_man_page_is_up_to_date():
    assert (ROOT / "docs/sandbox-venv.1").read_text() == manual.man_page(), HINT


def test_the_reference_is_up_to_date():
    assert (ROOT / "docs/reference.md").read_text() == manual.reference(), HINT


def test_the_man_page_is_good_roff():
    need("groff")
    argv = ["groff", "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(argv, input=manual.man_page(), capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_an_option_takes_is_as_many_words_as_it_takes():
    assert {name: len(manual.ARGUMENTS.get(name, "").split()) for name in ARITY} == ARITY
    assert manual.OWN.keys() <= ARITY.keys()


def test_text_that_looks_like_a_roff_request_is_text():
    assert manual.roff(".SH x\\y") == "\\&.SH x\\ey"
