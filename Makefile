# `make demo` runs the main job on embedded defaults, `make test` passes the tests. Nothing else is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Some images tell Python to keep no bytecode: then each of the many processes of a test run compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo up doctor deploy inside rehearse restored test system proofs check lint types rooms fix plan mutants housekeeping bench eval api-check approvals-check chaos outage upgrade-drill screenshots screenshots-ui walk lock sbom audit clean

setup: $(READY)   ## the pinned environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": set PYTHON=") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "python3-venv is missing: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@VIRTUAL_ENV=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)    ## one campaign from brief to approval: make demo ARGS="--approve"
	@$(BIN)/python -m deployments.local.demo $(ARGS)

up: $(READY)      ## the whole product on this machine, to try out, until Ctrl-C
	@exec $(BIN)/python -m deployments.local.up

doctor: $(READY)  ## what of this environment's installation is broken, or open that should be closed
	@$(BIN)/python -m $(if $(ENV),deployments.aws.inside $(ENV) python -m) deployments.commands.doctor $(ARGS)

deploy: $(READY)  ## an environment on AWS, made or changed: make deploy ENV=prod ARGS="--dry-run"
	@test -n "$(ENV)" || { echo 'which environment? make deploy ENV=prod' >&2; exit 1; }
	@$(BIN)/python -m deployments.aws.deploy $(ENV) $(ARGS)

inside: $(READY)  ## a command where a worker runs: make inside ENV=prod RUN="prefect work-pool inspect campaigns"
	@test -n "$(ENV)" || { echo 'which environment? make inside ENV=prod RUN="..."' >&2; exit 1; }
	@$(BIN)/python -m deployments.aws.inside $(ENV) '$(RUN)'

rehearse: $(READY)  ## a deploy on the emulator of AWS: what is made, and that a second one changes nothing
	@$(BIN)/python -m deployments.local.rehearsal

restored: $(READY)  ## lets campaigns go on after the table was restored: make restored ENV=prod
	@$(BIN)/python -m $(if $(ENV),deployments.aws.inside $(ENV) python -m) deployments.commands.restored

test: $(READY)    ## rules, store, agents, API and flow runs; needs nothing but Python
	@$(BIN)/python -m pytest $(ARGS)

system: $(READY)  ## the product as processes, killed and repaired; the review page in Chromium, which must be installed
	@$(BIN)/python -m pytest -m system $(ARGS)

proofs: $(READY)  ## of these the properties that drive the whole product, 100 lives each: some minutes
	@$(BIN)/python -m pytest -m proofs $(ARGS)

check: lint types rooms test system   ## what CI runs

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

rooms: $(READY)   ## which room may import which
	@$(BIN)/lint-imports

fix: $(READY)
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

plan: $(READY)    ## the calendar of a brief: make plan BRIEF=samples/spring-harvest.json
	@$(BIN)/python -m deployments.commands.plan $(BRIEF) $(ARGS)

mutants: $(READY) ## break each rule once and see its test fail
	@$(BIN)/python -m tests.mutants.run $(ARGS)

housekeeping: $(READY)  ## one round of housekeeping, with the settings of this environment
	@$(BIN)/python -m flows.housekeeping

bench: $(READY)   ## speed as figures and ratios, never as a test: make bench ARGS="waiting --json FILE"
	@$(BIN)/python -m tests.benchmarks $(ARGS)

eval: $(READY)    ## models and prompts compared on fixed briefs: make eval ARGS="--model bedrock:NAME --json FILE"
	@$(BIN)/python -m tests.evaluation $(ARGS)

api-check: $(READY)  ## many thousand requests against the OpenAPI description
	@$(BIN)/python -m tests.api.check $(ARGS)

approvals-check: $(READY)  ## forged links, races, scanners and faults against the approval of campaigns
	@$(BIN)/python -m tests.approvals.check $(ARGS)

chaos: $(READY)   ## kills and outages on real processes, recounted: make chaos ARGS="--points 25 --seeds 2"
	@$(BIN)/python -m tests.chaos $(ARGS)

outage: $(READY)  ## model, Prefect and store taken away in turn: make outage ARGS="--pictures docs/status --svg docs/outage.svg"
	@$(BIN)/python -m tests.outage $(ARGS)

upgrade-drill: $(READY)  ## an upgrade with campaigns under way, and back: make upgrade-drill ARGS="--from REVISION"
	@$(BIN)/python -m tests.upgrade $(ARGS)

screenshots: $(READY)  ## the pictures of docs/approval, taken anew; needs Chromium
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

screenshots-ui: $(READY)  ## the pictures of docs/ui, taken anew; needs Chromium
	@$(BIN)/python -m tests.system.prefect_ui $(ARGS)

walk: $(READY)  ## three people approve a campaign in stages on the local stack; make walk ARGS=docs/approval keeps pictures
	@$(BIN)/python -m tests.browser.walk $(ARGS)

COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --universal --python-version 3.11 --custom-compile-command "make lock"

lock:             ## pins with hashes and without addresses: of everything, and of what the image runs
	@$(COMPILE) pyproject.toml --group dev -o requirements.lock
	@$(COMPILE) pyproject.toml --group build -c requirements.lock -o requirements-image.lock

sbom: $(READY)    ## what the image is made of, as CycloneDX: make sbom > sbom.json
	@$(BIN)/python -m deployments.pages.sbom

audit: $(READY)   ## what a second linter says of templates and image; it is downloaded for that, so `make check` leaves it out
	@$(BIN)/uv tool run --from checkov==3.3.30 checkov --quiet --compact --skip-download --framework cloudformation dockerfile \
	  -f deployments/aws/data.yaml deployments/aws/run.yaml deployments/aws/watch.yaml deployments/Dockerfile

clean:
	rm -rf .demo .up .tool .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
