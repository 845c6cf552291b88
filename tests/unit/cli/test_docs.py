"""The pages in docs/: links lead somewhere, settings in them are taken, commands in them exist."""

import re
import shlex
import tomllib
from xml.etree import ElementTree

import pytest

from sandbox_venv.commands.attacks_inside import ATTACKS
from sandbox_venv.commands.manual import VARIABLES
from sandbox_venv.plan.options import ARITY, sort_options
from sandbox_venv.plan.settings import items_of
from sandbox_venv.policy.schema import check, config_schema
from sandbox_venv.usage import BY_NAME
from tests.harness import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
TEXTS = [*PAGES, ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", ROOT / "native/README.md"]
GENERAL = {"--help", "--version", "--debug", "-h"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    for line in re.findall(r"^\$ sandbox-venv (\S+)|`sandbox-venv ([a-z]+)", page.read_text(), re.M):
        (word,) = [item for item in line if item]
        assert word in BY_NAME or word.startswith(("-", "[", ".")), word


def test_tests_that_pages_name_exist():
    named = []
    for page in PAGES:
        for name in re.findall(r"`(?:tests/)?((?:e2e|escape|kernel|unit)/[\w/*]*(?:\.py)?)", page.read_text()):
            assert list((ROOT / "tests").glob(name)), (page.name, name)
            named.append(name)
    assert len(named) > 25


def words_of(line):
    """Return the words of a command line in a page, without comments, placeholders and what follows ``--`` or a pipe."""
    words = shlex.split(re.split(r"\s(?:#|\||\|\||&&|;|--(?=\s))", line + " ")[0].replace("…", "..."))
    return [word for word in words if not word.startswith(("[", "...")) and not word.endswith("]")]


def command_lines(text):
    """Yield the command lines of the tool that stand in blocks or between backquotes, without its name."""
    found = re.findall(r"^\$ (.*)$|^- run: (.*)$", text, re.M)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    lines = ["".join(parts) for parts in found] + re.findall(r"(?<!`)`([^`]+)`", prose)
    for line in lines:
        for part in re.split(r"\s(?:&&|\|\||\|)\s", line.replace("\n", " ")):
            if part.startswith("sandbox-venv "):
                yield part.removeprefix("sandbox-venv ")


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_options_in_command_lines_are_taken(page):
    for line in command_lines(page.read_text()):
        words = words_of(line)
        usage = BY_NAME.get(words[0]) if words else None
        own = {option.split()[0] for option, _ in usage.options} | {"--json"} if usage else set()
        for word in words:
            name = word.partition("=")[0]
            if name.startswith("--"):
                assert name in own | GENERAL | ARITY.keys(), line


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_bwrap_args_are_taken(page):
    for text in re.findall(r"BWRAP_ARGS='([^'…]*)'", page.read_text()):
        if text:
            sort_options(shlex.split(text.replace("~", "/home/me")), where=page.name)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_variables_are_in_the_reference(page):
    known = {name for name, _ in VARIABLES}
    for name in re.findall(r"\bSANDBOX_[A-Z_]+\b(?!\*)", page.read_text()):
        assert name in known or name.startswith(("SANDBOX_VENV_", "SANDBOX_DEBUG")) or name.endswith("_"), name


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_files_of_the_tree_that_are_named_are_there(page):
    heads = {"sandbox_venv": ".", "tests": ".", "benchmarks": ".", "native": ".", "scripts": ".", "examples": "."}
    heads |= {"attacks": "tests/escape", "launch": "sandbox_venv", "plan": "sandbox_venv", "policy": "sandbox_venv"}
    for path in re.findall(r"`([\w.-]+/[\w./-]+\.(?:py|toml|c|h|json|md))`", page.read_text()):
        head = path.partition("/")[0]
        if head in heads:
            assert (ROOT / heads[head] / path).exists(), path


def test_the_number_of_attacks_is_right():
    (number,) = re.findall(r"(\d+) attacks from inside", (ROOT / "docs/quick-start.md").read_text())
    assert int(number) == len(ATTACKS)


def test_examples_of_settings_are_taken():
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), re.S)
    assert len(blocks) == 3
    for text in blocks:
        data = tomllib.loads(text)
        data = data.get("tool", {}).get("sandbox-venv", data)
        check(data, config_schema(), config_schema())
        assert items_of(data)


def test_every_page_is_on_the_site():
    listed = set(re.findall(r"^ +- ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M))
    assert {page.name for page in PAGES} - {"README.md"} | {
        "index.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "c-launcher.md",
    } == listed


def test_the_picture_reads_on_light_and_dark():
    tree = ElementTree.parse(ROOT / "docs/terminal.svg")
    text = "".join(tree.getroot().itertext())
    assert "prefers-color-scheme: dark" in text
    for shown in ("BEGIN OPENSSH PRIVATE KEY", "id_ed25519: No such file or directory", "wrapped"):
        assert shown in text
