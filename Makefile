# make setup | run | test | check | bench | lock | voice-sdk
# Needs Python 3.13 and make; everything else is fetched into .venv.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NODE_STAMP := node_modules/.installed
AZURE_STAMP := $(VENV)/azure/.installed

.PHONY: setup run test check format bench lock voice-sdk clean

setup: $(STAMP)

$(STAMP): requirements/all.txt pyproject.toml scripts/bootstrap
	@scripts/bootstrap $(VENV)
	@touch $@

run: setup
	@exec $(BIN)/voicebot serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: setup $(NODE_STAMP) $(AZURE_STAMP)
	$(BIN)/python -m pytest

check: setup $(NODE_STAMP) $(AZURE_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --cov --cov-report=term

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What the browser tests load beside our own pages: the accessibility checker, and Twilio's SDK.
$(NODE_STAMP): package.json package-lock.json .npmrc
	@npm ci --ignore-scripts --loglevel=error
	@touch $@

# The Azure command line, whose argument parser reads every line that azdeploy.sh can issue.
$(AZURE_STAMP): requirements/azure.txt scripts/bootstrap
	@scripts/bootstrap --azure $(VENV)/azure
	@touch $@

# Twilio's SDK for the softphone, checked and put where the pages find it.
voice-sdk:
	@scripts/voice-sdk

bench: setup
	$(BIN)/python -m benchmarks

# Pins every dependency with its hashes, for every platform, without naming a registry.
lock:
	@scripts/bootstrap --lock

clean:
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis node_modules
