# Two commands: `make run` shows the tool at work, `make test` tests it. Both say what they install, and keep
# what they make in .dev/ (`make clean` removes it).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON = $(shell cat .dev/python)
DEV := .dev/py
TOOL := .dev/tool
JOBS ?= auto
# e.g. make test ARGS='-k smoke'
ARGS ?=
PIP_QUIET := --quiet --disable-pip-version-check
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help run test test-all pytest lint format docs site dist bench clean packages-run packages-test

help:
	@echo 'make run     wrap a demo venv and show what a program in it can reach, and what not'
	@echo 'make test    lint, then the whole test suite: both backends, as root (if you are) and as an ordinary user'
	@echo 'make test-all  that, and the tests that install large packages and whole tools (pytest marker "full")'
	@echo 'make lint    ruff, mypy --strict, and the site of docs/ without a warning'
	@echo 'make docs    the reference, the man page and the picture anew, and the site of docs/ into .dev/site'
	@echo 'make dist    sdist and wheel into dist/, checked'
	@echo 'make bench   measure start-up'
	@echo 'make clean   remove .dev and caches'

packages-run packages-test: packages-%:
	@sh scripts/system-packages $*

.dev/python:
	@sh scripts/system-packages run

# The tool by itself, installed as a user installs it.
$(TOOL)/.done: $(shell find sandbox_venv native -name '*.py' -o -name '*.toml' -o -name '*.[ch]') pyproject.toml README.md | .dev/python
	@echo 'Installing sandbox-venv and its dependencies (pyelftools, pyseccomp, python-dotenv) into $(TOOL)'
	@rm -rf $(TOOL)
	@$(PYTHON) -m venv $(TOOL)
	@$(TOOL)/bin/python -m pip install $(PIP_QUIET) .
	@touch $@

# What develops and tests it: the dependency group "dev" of pyproject.toml.
$(DEV)/.done: pyproject.toml | .dev/python
	@echo 'Installing pytest, ruff, mypy and the other packages of the group "dev" (pyproject.toml) into $(DEV)'
	@rm -rf $(DEV)
	@$(PYTHON) -m venv $(DEV)
	@$(DEV)/bin/python -m pip install $(PIP_QUIET) --upgrade 'pip>=25.1'
	@$(DEV)/bin/python -m pip install $(PIP_QUIET) --group dev pyelftools pyseccomp python-dotenv
	@touch $@

run: packages-run
	@$(MAKE) --no-print-directory $(TOOL)/.done
	@$(TOOL)/bin/python examples/demo.py $(ARGS)

test: packages-test
	@$(MAKE) --no-print-directory --keep-going lint pytest

test-all: packages-test
	@$(MAKE) --no-print-directory --keep-going lint pytest ARGS="-m '' $(ARGS)"

pytest: $(DEV)/.done
	$(DEV)/bin/python -m pytest -n $(JOBS) $(ARGS)

lint: $(DEV)/.done
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	@$(MAKE) --no-print-directory site

format: $(DEV)/.done
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

# What is made from the code, and the site, where every warning is an error.
docs: $(DEV)/.done $(TOOL)/.done
	$(DEV)/bin/python -m sandbox_venv.commands.manual docs
	$(TOOL)/bin/python scripts/terminal_picture.py $(TOOL)/bin/sandbox-venv docs/terminal.svg
	@$(MAKE) --no-print-directory site

site: .dev/docs/.done
	.dev/docs/bin/mkdocs build --quiet

dist: $(DEV)/.done .dev/dist/.done
	rm -rf dist
	$(DEV)/bin/python -m hatchling build
	.dev/dist/bin/twine check --strict dist/*

# A dependency group of pyproject.toml by itself: what builds the site, what checks a release.
.dev/%/.done: pyproject.toml | .dev/python
	@echo 'Installing the group "$*" (pyproject.toml) into .dev/$*'
	@rm -rf .dev/$*
	@$(PYTHON) -m venv .dev/$*
	@.dev/$*/bin/python -m pip install $(PIP_QUIET) --upgrade 'pip>=25.1'
	@.dev/$*/bin/python -m pip install $(PIP_QUIET) --group $*
	@touch $@

bench: packages-run
	@$(MAKE) --no-print-directory $(TOOL)/.done
	$(TOOL)/bin/python -m benchmarks $(ARGS)

clean:
	rm -rf .dev dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
