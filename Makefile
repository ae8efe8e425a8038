# make demo   set up .venv and make a talking video of the bundled example
# make test   set up .venv for development and run every check
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := demo
.PHONY: demo test lint clean

VENV := .venv
PY := $(VENV)/bin/python
# Debian has python3.11; any later Python 3 will do.
PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13,$(shell \
	command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $(name))))
PIP := $(PY) -m pip --disable-pip-version-check --no-input
DEMO := demo.mp4

demo: $(VENV)/.run-ready
	@echo "talkgen talk examples/portrait.jpg examples/speech.flac -o $(DEMO)"
	$(VENV)/bin/talkgen talk examples/portrait.jpg examples/speech.flac -o $(DEMO)
	echo "The talking video is at $(CURDIR)/$(DEMO)"
	echo "All of talkgen in the browser: $(VENV)/bin/talkgen demo --open"

test: $(VENV)/.test-ready $(VENV)/.browser-ready
	@$(MAKE) --no-print-directory lint
	$(PY) -m pytest
	$(VENV)/bin/talkgen doctor
	$(VENV)/bin/talkgen talk examples/portrait.jpg examples/speech.flac -o $(VENV)/check.mp4
	echo "All checks passed."

lint: $(VENV)/.test-ready
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

# A virtual environment with pip. Debian splits both off; what can be had without root is used.
$(PY):
	@if [ -z "$(PYTHON)" ]; then
		echo "talkgen needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2; exit 1
	fi
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 && exit 0
	rm -rf $(VENV)
	if $(PYTHON) -m venv --without-pip $(VENV) 2>/dev/null \
		&& $(PYTHON) -m pip --python $(PY) install -q pip 2>/dev/null; then exit 0; fi
	rm -rf $(VENV)
	$(PYTHON) -m virtualenv -q $(VENV) 2>/dev/null && exit 0
	echo "No virtual environment can be made: apt-get install python3-venv" >&2
	exit 1

# torch first: its CPU build where the registry has it, the standard one elsewhere.
$(VENV)/.torch-ready: constraints.txt constraints-cpu.txt | $(PY)
	@echo "Installing torch (CPU build) ..."
	$(PIP) install -q -c constraints-cpu.txt torch 2>/dev/null || {
		echo "No CPU-only torch here; installing the standard build."
		$(PIP) install -q -c constraints.txt torch
	}
	touch $@

$(VENV)/.run-ready: pyproject.toml $(VENV)/.torch-ready
	@echo "Installing talkgen ..."
	$(PIP) install -q -c constraints.txt -e '.[demo]' || {
		echo "No Gradio here; all but the page of 'talkgen demo' works."
		$(PIP) install -q -c constraints.txt -e .
	}
	touch $@

# mediapipe goes in without its own list: it would replace the headless OpenCV by one that needs a
# display's libraries. Tests that use it skip with a reason where it does not load.
$(VENV)/.test-ready: $(VENV)/.run-ready
	@echo "Installing the tools for tests ..."
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	$(PIP) install -q -c constraints.txt absl-py certifi flatbuffers matplotlib
	$(PIP) install -q -c constraints.txt --no-deps mediapipe || echo "No mediapipe here; its tests skip."
	touch $@

# The page's tests drive a Chromium, and speak typed text. Root on Debian gets the small ones;
# where they are missing, those tests skip with a reason.
BROWSERS := chromium-headless-shell chromium chromium-browser google-chrome
$(VENV)/.browser-ready: | $(PY)
	@missing=()
	command -v $(BROWSERS) >/dev/null || missing+=(chromium-headless-shell)
	command -v espeak-ng espeak >/dev/null || missing+=(espeak-ng)
	if [ $${#missing[@]} = 0 ]; then touch $@; exit 0; fi
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "Installing $${missing[*]} for the page's tests ..."
		export DEBIAN_FRONTEND=noninteractive
		if apt-get update -qq >/dev/null \
			&& apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; then
			touch $@; exit 0
		fi
	fi
	echo "Some of the page's tests skip without: apt-get install $${missing[*]}"

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
