# The two commands of README are `make run` and `make test`; each installs what is
# missing first.  `make help` lists the rest.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
# what covers meshproto; the tracer would make simulations twice as slow for nothing
PURE      := tests/meshproto tests/conformance
ELSEWHERE := tests/interop tests/network tests/mutations tests/lab

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" tools/setup.sh
	@touch $@

setup: $(STAMP) ## create .venv and install what is missing

run: $(STAMP) ## start a node with its page: make run ARGS="--port 5000"
	@exec $(BIN)/meshnode run $(ARGS)

test: $(STAMP) ## the test suite, with one real browser in it
	@tools/system.sh browser
	@# side by side: one part computes, the other two mostly wait for sockets
	@said=$$(mktemp); \
	$(BIN)/pytest tests -n 2 --dist loadfile -m "not long" \
		$(PURE:%=--ignore=%) $(ELSEWHERE:%=--ignore=%) >$$said 2>&1 & live=$$!; \
	trap 'kill $$live; rm -f $$said; exit 130' INT TERM; \
	$(BIN)/pytest $(PURE) -m "not long" --cov=protocol/meshproto --cov-branch \
		--cov-report=term:skip-covered --cov-fail-under=98; \
	failed=$$?; \
	wait $$live || failed=1; cat $$said; rm -f $$said; exit $$failed

explore: $(STAMP) ## properties with fresh examples: ARGS=tests/meshproto/link
	@$(BIN)/pytest --hypothesis-profile=explore -m "not long" $(or $(ARGS),tests/meshproto)

reference: $(STAMP) ## the runtime's tests over the packet path in Python, where both are built
	@MESHNODE_PLANE=reference $(BIN)/pytest tests/meshnode -n 2 --dist loadfile -m "not long"

long: $(STAMP) ## what takes minutes: the wheel as users get it, long runs and waits
	@$(BIN)/pytest tests -m long $(ELSEWHERE:%=--ignore=%)

native: $(STAMP) ## the Rust packet path, where cargo is there: lint, test, build in place
	@tools/native.sh

web: ## types of the page's modules (needs npm)
	@tools/web.sh

check: $(STAMP) ## format, lint, types, import contracts, tidy
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/tidy

format: $(STAMP) ## rewrite the sources in the house format
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format .

interop: $(STAMP) ## other software: gossip routers, and every client, publishing and playing
	@tools/system.sh interop
	@PYTHON="$(CURDIR)/$(BIN)/python" tests/interop/install.sh
	@$(BIN)/pytest tests/interop
	@$(BIN)/python tests/interop/run.py

interop-reference: $(STAMP) ## the same clients over the packet path in Python, five seconds each
	@MESHNODE_PLANE=reference $(BIN)/pytest tests/interop/test_dialects.py tests/interop/test_recording.py
	@MESHNODE_PLANE=reference $(BIN)/python tests/interop/run.py --seconds 5

network: $(STAMP) ## loss, bottleneck and attack runs in network namespaces (root)
	@tools/system.sh network
	@$(BIN)/pytest tests/network

network-reference: $(STAMP) ## the same over the packet path in Python (root)
	@tools/system.sh network
	@MESHNODE_PLANE=reference $(BIN)/pytest tests/network

bench: $(STAMP) ## cost per delivered packet against baselines in the same run
	@$(BIN)/python -m bench $(ARGS)

sim: $(STAMP) ## the flagship scenario, against its baseline; a page in .sim/
	@mkdir -p .sim
	@$(BIN)/meshsim run flagship --no-ancestor --json .sim/flagship.json --html .sim/flagship.html \
		--violation .sim/violation.json
	@$(BIN)/meshsim compare simulations/meshsim/baselines/flagship.json .sim/flagship.json

attacks: $(STAMP) ## the twelve published attacks on gossip, simulated
	@$(BIN)/meshsim attacks $(ARGS)

fuzz: $(STAMP) ## ten minutes of mutated input for every parser
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
		$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(ARGS)

fuzz-native: ## the same for the parsers in Rust, where a nightly compiler is: ARGS=60
	@tools/nightly.sh fuzz $(ARGS)

asan: ## the Rust tests with the address sanitizer, where a nightly compiler is
	@tools/nightly.sh asan

mutations: $(STAMP) ## take rules away, one by one: a test or a checker must notice
	@MESHNODE_MUTATIONS=1 $(BIN)/pytest tests/mutations

storm: $(STAMP) ## topology events over random seeds up to a million; goes on where it was
	@$(BIN)/python -m meshsim.storms $(ARGS)

differential: $(STAMP) ## both packet paths through drawn traces, a million packets; goes on where it was
	@$(BIN)/python -m tests.differential $(ARGS)

lab: $(STAMP) ## the laboratory itself: wire, translators, processes, viewers (root)
	@tools/system.sh network
	@$(BIN)/pytest tests/lab

# the live mesh, measured; MESHNODE_LAB_SLICE=3 repeats nothing more often than that
LIVE := chaos swarm shapes partition natlab idle
$(LIVE): $(STAMP)
	@tools/system.sh network
	@$(BIN)/pytest -s tests/lab/live_$@.py
chaos: ## relays killed, cut off, frozen and drained under a live stream (root)
swarm: ## thirty nodes on this machine; the first and then nine of them die (root)
shapes: ## lines, rings and random graphs: cost of paths, one copy a link (root)
partition: ## the mesh in halves and whole again (root)
natlab: ## every pairing of address translators (root)
idle: ## what a node costs while nothing happens, at 3, 10 and 30 nodes (root)

rooms: $(STAMP) ## eight pages of one browser in a room over three nodes; one node is killed
	@tools/system.sh browser
	@$(BIN)/pytest -s tests/rooms/live_pages.py

crowd: $(STAMP) ## a hundred light members in a room over three nodes, for two minutes
	@$(BIN)/pytest -s tests/rooms/live_crowd.py

sim-vs-live: $(STAMP) ## one fault script simulated and live, side by side (root)
	@tools/system.sh network
	@$(BIN)/pytest -s tests/lab/live_sim.py

clean: ## forget .venv and caches
	rm -rf $(VENV) .interop .fuzz .sim .lab .differential .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

.PHONY: help setup run test explore reference long check web native format interop interop-reference network network-reference bench sim attacks fuzz \
	mutations storm differential clean fuzz-native asan lab $(LIVE) sim-vs-live rooms crowd
