"""The pages in docs/: links lead somewhere, settings in them are taken, commands in them exist."""

import re
import tomllib
from xml.etree import ElementTree

import pytest

from sandbox_venv.plan.settings import items_of
from sandbox_venv.policy.schema import check, config_schema
from sandbox_venv.usage import BY_NAME
from tests.harness import ROOT

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


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
