PYTHON ?= python3
VENV ?= .venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTEST = $(VENV)/bin/python -m pytest -q -n 2 --ignore=tests/lab --ignore=tests/fuzz
# What the tests need besides Python, as Debian calls it; one line a purpose.
PACKAGES = tshark tcpdump iproute2 iputils-ping openssh-server \
           chromium chromium-driver \
           iptables nftables ipset procps \
           man-db gettext tmux libcap2-bin
# A Linux kernel that runs as a process, for the laboratory; where there is none, its tests are skipped, but not in CI.
LABORATORY = user-mode-linux

demo: $(VENV)/installed  ## set up, and triage a shipped capture
	$(VENV)/bin/ipipscope triage captures/case-1-reply-not-encapsulated || test $$? = 1  # 1: there are findings

test: system $(VENV)/installed  ## set up, and run the tests
	$(PYTEST) tests

lab: system $(VENV)/installed  ## break overlays on a real kernel and mend them with the remedies as printed
	$(VENV)/bin/python -m pytest -q -n 2 tests/lab

lint: $(VENV)/installed  ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

plain: system $(VENV)/installed  ## the tests once more, without the compiled modules
	rm -rf build/plain && mkdir -p build/plain
	git ls-files -z | xargs -0 cp --parents -t build/plain
	ln -sfn ../../shared build/shared
	cd build/plain && PYTHONPATH="$$PWD" IPIPSCOPE_BUILD=plain $(abspath $(VENV))/bin/python -m pytest -q -n 2 \
	    --ignore=tests/lab --ignore=tests/fuzz -p no:cacheprovider -m 'not slow' tests

SEED ?= $(shell date +%s)
fuzz: $(VENV)/installed  ## damaged captures against reader, decoder and report for a minute, each time others
	cd tests && $(abspath $(VENV))/bin/python -m fuzz --seconds 60 --seed $(SEED)
	$(VENV)/bin/python -m pytest -q tests/fuzz/test_fuzz_host_state.py

system:  ## what the tests need besides Python
	$(SUDO) apt-get update -qq
	echo 'wireshark-common wireshark-common/install-setuid boolean false' | $(SUDO) debconf-set-selections
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(PACKAGES) >/dev/null
	-DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(LABORATORY) >/dev/null

# Debian keeps the module venv in a package of its own.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV) || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(VENV)/bin/pip install --quiet -e '.[test]'
	touch $@

docs: $(VENV)/installed  ## the manual as a site, in docs/_build
	$(VENV)/bin/pip install --quiet -e '.[docs]'
	$(VENV)/bin/python -m docs.pages
	$(VENV)/bin/sphinx-build -W -q docs docs/_build

.PHONY: demo docs test lab lint plain fuzz system
