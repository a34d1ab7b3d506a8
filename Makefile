PYTHON ?= python3
VENV ?= .venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -e '.[test]'
	touch $@

demo: $(VENV)/installed  ## set up, and triage a shipped capture
	-$(VENV)/bin/ipipscope triage captures/case-1-reply-not-encapsulated

system:  ## what the tests need besides Python
	$(SUDO) apt-get update -qq
	echo 'wireshark-common wireshark-common/install-setuid boolean false' | $(SUDO) debconf-set-selections
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq tshark tcpdump iproute2 iputils-ping chromium chromium-driver >/dev/null

test: system $(VENV)/installed  ## set up, and run the tests
	$(VENV)/bin/python -m pytest -q -n 2 tests --ignore=tests/lab --ignore=tests/fuzz

.PHONY: demo system test
