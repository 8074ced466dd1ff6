# Two commands matter to a newcomer: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# Bytecode is kept, whatever a container image says: tests, commands and the twin start a fifth sooner.
export PYTHONDONTWRITEBYTECODE :=

UV_VERSION := 0.13.9
# The first interpreter that runs and that the pins of the jobs' image support; pyenv's own, where its shim runs none.
PYTHON ?= $(shell for p in python3.12 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12.*/bin/python3.12 python3.13 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null && { echo $$p; break; }; done)
UV := .envs/uv/bin/uv

help: ## what each command does
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@test -n "$(PYTHON)" || { echo "clinrisk needs Python 3.11, 3.12 or 3.13 on the PATH (found none that runs)."; exit 1; }
	@echo "Installing the installer (uv $(UV_VERSION)) ..."
	@$(PYTHON) -m venv .envs/uv
	@.envs/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# One environment per lock; its stamp is newer than the lock once it has been installed.
.envs/%/.installed: requirements/%.lock pyproject.toml | $(UV)
	@echo "Preparing the $* environment ..."
	@$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .envs/$*
	@$(UV) pip sync --quiet --compile-bytecode --python .envs/$*/bin/python --require-hashes requirements/$*.lock
	@# The jobs get the project from the archive that is published for them, as on AWS; the twin would not notice otherwise.
	@$(if $(filter jobs sam docs,$*),,$(UV) pip install --quiet --python .envs/$*/bin/python --no-deps --editable .)
	@# A command is where its packages are: with both folders on the PATH each is found.
	@rm -f $(if $(filter cli,$*),.envs/cli/bin/twin) $(if $(filter twin,$*),.envs/twin/bin/clinrisk)
	@touch $@

# The layers' packages, installed once per requirements file; the project's own code in them is packed at every deploy.
.build/.layers: layers/clinrisk/requirements.txt layers/frames/requirements.txt layers/numeric/requirements.txt .envs/twin/.installed
	@echo "Preparing the Lambda layers ..."
	@.envs/twin/bin/twin build template.yaml
	@touch $@

envs: .envs/cli/.installed .envs/jobs/.installed .envs/twin/.installed .build/.layers ## the environments that the demo and the twin need

demo: envs ## the main job, whole, on this laptop (HEART=file STROKE=file for your own data, APPROVE=1 to play the approver, KEEP=1 to keep twin and console)
	@.envs/twin/bin/twin demo $(if $(HEART),--heart "$(HEART)") $(if $(STROKE),--stroke "$(STROKE)") $(if $(filter 1 yes true,$(APPROVE)),--approve) $(if $(filter 1 yes true,$(KEEP)),--keep)

twin: envs ## keep the twin running with the project's template deployed, and print the address of its console (stop it with `.envs/twin/bin/twin down`)
	@.envs/twin/bin/twin up
	@.envs/twin/bin/twin deploy template.yaml
	@.envs/twin/bin/twin console

quick: .envs/dev/.installed ## after an edit, in seconds: style, imports, types, the nearest tests (BASE=revision to compare with)
	@BASE="$(BASE)" .envs/dev/bin/python -m tools.quick

test: envs .envs/dev/.installed ## every test, from values to the whole system in a browser; coverage has a floor
	@# The tests on the twin begin, since they wait a lot; twice as many workers as cores do the others meanwhile.
	@COVERAGE_CORE=sysmon .envs/dev/bin/pytest -n 4 --dist loadfile --no-loadscope-reorder --cov --cov-report=json \
		tests/e2e tests/browser tests/integration tests/statemachines tests/unit layers
	@.envs/dev/bin/python -m tools.coverage_floors

mutants: .envs/dev/.installed ## whether the tests notice a changed line (SAMPLE=60 SEED=1 ROOMS="core/monitoring services")
	@.envs/dev/bin/python -m tools.mutants $(ROOMS) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

soak: envs .envs/dev/.installed ## a burst with accidents, then recovery: every row accounted for (FILES=300 SEED=1 ACCIDENTS=40; STOPS=all: stopped in every state)
	@$(if $(FILES),SOAK_FILES=$(FILES)) $(if $(SEED),SOAK_SEED=$(SEED)) $(if $(ACCIDENTS),SOAK_ACCIDENTS=$(ACCIDENTS)) $(if $(STOPS),STATE_STOPS=$(STOPS)) \
		.envs/dev/bin/pytest -q -s $(if $(STOPS),tests/e2e/operations/test_state_stops.py,tests/e2e/operations/test_soak.py)

lint: .envs/dev/.installed ## style, types, import layers, the lint of the template
	@.envs/dev/bin/ruff check .
	@.envs/dev/bin/ruff format --check .
	@.envs/dev/bin/mypy
	@.envs/dev/bin/lint-imports

check: lint .envs/sam/.installed test scan docs ## style, every test, the lint of the build, the scanners and the documents: what continuous integration should run

scan: .envs/dev/.installed .envs/scan/.installed .envs/node/.installed ## template, code, workflows and locks by the rules of others (docs/controls.md)
	@.envs/dev/bin/pytest -q -n 2 tests/scanners

# Where node is missing the rules that need it are skipped, which the tests say in words.
.envs/node/.installed: requirements/node/package-lock.json
	@if command -v npm >/dev/null; then echo "Preparing the packages for node ..."; mkdir -p .envs/node; cp requirements/node/*.json .envs/node/; \
		npm ci --prefix .envs/node --silent --ignore-scripts --no-audit --no-fund && touch $@; \
	else echo "No npm on the PATH: cdk-nag's packs and cfn-guard's rules are NOT applied."; fi

docs: .envs/dev/.installed .envs/docs/.installed ## the documents as a site in out/docs, with a reference from the code; a broken link fails
	@.envs/dev/bin/python -m tools.docs_site .build/docs
	@.envs/docs/bin/sphinx-build -W --keep-going -q -b html .build/docs out/docs
	@echo "Open out/docs/index.html"

template: .envs/dev/.installed ## record new contracts and rewrite the use-case section of template.yaml
	@.envs/dev/bin/ruff format --quiet layers/clinrisk/clinrisk/use_cases
	@.envs/dev/bin/python -m tools.template_block

function: .envs/dev/.installed ## write a new function everywhere (OF='scoring measure_wait --summary "Measures ..."', OF=--help)
	@.envs/dev/bin/python -m tools.new_function $(OF)

rehearsal: envs .envs/dev/.installed ## change a contract on the twin: docs/contract-change.md, step by step
	@LONG_TESTS=1 .envs/dev/bin/pytest -q tests/e2e/training/test_contract_change.py

# The strictest lock (aws-sam-cli pins much exactly) comes first and binds the others, but for requirements/exceptions.txt.
RESOLVE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
COMPILE = $(RESOLVE) --generate-hashes
lock: $(UV) ## resolve requirements/*.in again into their locks
	@mkdir -p .build
	@$(COMPILE) requirements/sam.in --output-file requirements/sam.lock
	@sed -n 's/ \\$$//; /^[a-z0-9]/p' requirements/sam.lock \
		| grep -vE "^($$(sed -n 's/^\([a-z0-9-]*\) .*/\1/p' requirements/exceptions.txt | paste -sd'|'))==" >.build/strictest.txt
	@$(RESOLVE) requirements/dev.in requirements/twin.in --constraint .build/strictest.txt --output-file .build/shared.txt
	@for name in jobs cli twin dev; do $(COMPILE) requirements/$$name.in --constraint .build/shared.txt --output-file requirements/$$name.lock; done
	@$(COMPILE) requirements/scan.in --output-file requirements/scan.lock
	@$(COMPILE) requirements/docs.in --constraint .build/shared.txt --output-file requirements/docs.lock
	@for name in clinrisk frames numeric; do $(COMPILE) requirements/layer-$$name.in --constraint .build/shared.txt --output-file layers/$$name/requirements.txt; done

clean: ## remove everything that these commands made
	@rm -rf .envs .build .aws-sam .twin out .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help envs demo twin quick test mutants soak lint check scan docs template function rehearsal lock clean
.SECONDARY:
