# Tallygate. `make help` lists what there is; docs/DEVELOPING.md tells more.

SWIFT ?= swift
FLAGS := --explicit-target-dependency-import-check error
PYTHON ?= python3
# By these words tests know that they are to take fewer seeds (Tests/TestEffort).
# The toolchain has no undefined behaviour sanitizer for Swift, which traps by itself; C is looked at beside the addresses.
ADDRESS := --sanitize=address -Xswiftc -DTALLY_SANITIZES_ADDRESSES -Xcc -fsanitize=undefined --scratch-path .build-address
# Locks that the thread sanitizer can see (Sources/TallyIO/System/Guarded.swift).
THREAD := --sanitize=thread -Xswiftc -DTALLY_SANITIZES_THREADS --scratch-path .build-thread

.DEFAULT_GOAL := help
.PHONY: help deps build release run test check lint sanitize-address sanitize-thread graph oracle conformance clean \
	abuse tls-posture tls-scan bench bench-peers allocations torture torture-selftest torture-shim torture-power torture-syncs simulate mutants \
	ceiling ceiling-test canary canary-selftest fuzz fuzz-all fuzz-coverage fuzz-merge homes

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install the system packages that the build needs, if any is missing
	@.ci/dependencies

build: deps ## debug build of everything
	$(SWIFT) build $(FLAGS)

release: deps ## release build: .build/release/tallygate and .build/release/tally
	$(SWIFT) build -c release $(FLAGS)

run: release ## a gateway, a demo tenant, this machine's (or generated) transcripts, and the usage table
	@bench/demo/run

test: deps graph ## every test, the Python reference's and the oracle's included
	$(SWIFT) build --build-tests $(FLAGS)
	.ci/swift-test --skip-build
	$(MAKE) simulate SEED=1 RUNS=10000
	$(MAKE) allocations
	$(PYTHON) -m unittest discover -s Tests/oracle -p 'test_*.py'
	$(PYTHON) -m unittest discover -s protocol/reference -p 'test_*.py'
	$(PYTHON) -m unittest discover -s fuzz -p 'test_*.py'
	$(PYTHON) -m unittest discover -s bench/peers -p 'test_*.py'
	$(PYTHON) -m unittest discover -s Tests/documents -p 'test_*.py'
	TALLY_BINARIES=$$($(SWIFT) build --show-bin-path) $(PYTHON) Tests/tls/posture.py
	$(PYTHON) Tests/torture/powerloss_test.py
	TALLY_BINARIES=$$($(SWIFT) build --show-bin-path) $(PYTHON) Tests/torture/syncorder_test.py
	TALLY_BINARIES=$$($(SWIFT) build --show-bin-path) $(PYTHON) Tests/torture/endings_test.py
	$(PYTHON) -m unittest discover -s Tests/torture -p 'test_*.py'
	TALLY_BINARIES=$$($(SWIFT) build --show-bin-path) $(PYTHON) Tests/abuse/hostile_mix.py --small
	$(PYTHON) -m unittest discover -s Tests/canary -p 'test_*.py'
	TALLY_BINARIES=$$($(SWIFT) build --show-bin-path) \
		$(PYTHON) -m unittest discover -s protocol/wireshark -p 'test_*.py'
	@$(MAKE) --no-print-directory ceiling-test
	$(PYTHON) bench/run.py --small --quiet --seconds 1 --binaries $$($(SWIFT) build --show-bin-path)

allocations: ## what a batch costs in allocations once everything has its size, and a refused frame: none
	$(SWIFT) build -c release --product tallyalloc
	"$$($(SWIFT) build -c release --show-bin-path)/tallyalloc"

simulate: deps ## simulated worlds: make simulate [SEED=n] [RUNS=n, 0 until stopped] [JOBS=n]; RUNS=1 shows the trace
	$(SWIFT) build -c release --product tallysim
	$(PYTHON) Tests/Simulation/simulate.py --seed $(or $(SEED),1) --runs $(or $(RUNS),10000) --jobs $(or $(JOBS),$(shell nproc))

homes: deps ## generated homes through a workstation that is killed and cut: make homes [RUNS=2000] [SEED=n]
	$(SWIFT) build --build-tests $(FLAGS)
	TALLY_HOMES=$(or $(RUNS),2000) TALLY_SEED=$(or $(SEED),1) .ci/swift-test --skip-build --filter HomesTests

mutants: deps ## mistakes planted into the sources; each must be found by the simulation
	$(PYTHON) Tests/Simulation/mutants.py $(ARGS)

check: test lint sanitize-address sanitize-thread ## test, lint, and all Swift tests under the sanitizers

lint: ## formatting
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests bench fuzz

graph: ## the dependency graph, which must be free of SwiftNIO
	@mkdir -p .build
	@$(SWIFT) package show-dependencies --format flatlist > .build/graph.txt
	@sed 's/^/  depends on /' .build/graph.txt
	@! grep -qi nio .build/graph.txt || { echo "the dependency graph holds SwiftNIO" >&2; exit 1; }

sanitize-address: deps ## all Swift tests under the address sanitizer, C under that of undefined behaviour too
	$(SWIFT) build --build-tests $(ADDRESS)
	.ci/swift-test --skip-build $(ADDRESS)

sanitize-thread: deps ## all Swift tests under the thread sanitizer
	$(SWIFT) build --build-tests $(THREAD)
	.ci/swift-test --skip-build $(THREAD)

torture-shim: ## the preload library of the torture tests: .build/torture/shim.so
	@Tests/torture/shim/build .build/torture/shim.so

torture-power: release ## the power cut under real programs; RUNS=5 lives, SEED=n for the same ones; first its controls
	@$(PYTHON) Tests/torture/powerloss.py --controls $(if $(SEED),--seed $(SEED))
	@$(PYTHON) Tests/torture/powerloss.py --runs $(or $(RUNS),5) $(if $(SEED),--seed $(SEED)) --keep .build/torture

torture-syncs: release ## each sync of a first start fails in turn; nothing may be promised that rests on it
	@$(PYTHON) Tests/torture/syncorder_sweep.py

ceiling: ## the C program that no gateway on this protocol can outrun: .build/ceiling/ceiling (bench/ceiling/README.md)
	@$(MAKE) --no-print-directory -C bench/ceiling

ceiling-test: ## its self-test, where there is a C compiler
	@$(MAKE) --no-print-directory -C bench/ceiling test

tls-posture: release ## what TLS lets in and turns away; CASES=20000 damaged handshakes, SEED=n for the same ones
	@TALLY_BINARIES=$$($(SWIFT) build -c release --show-bin-path) $(PYTHON) Tests/tls/posture.py --print \
		--cases $(or $(CASES),20000) $(if $(SEED),--seed $(SEED))

tls-scan: release ## testssl.sh and sslyze over the gateway's TLS; ARGS=--install fetches sslyze
	@TALLY_BINARIES=$$($(SWIFT) build -c release --show-bin-path) $(PYTHON) Tests/tls/scanners.py $(ARGS)

oracle: ## the oracle over transcripts: make oracle ARGS="--claude DIR --codex DIR"
	$(PYTHON) Tests/oracle/oracle.py $(ARGS)

bench: release ceiling ## the standard workloads: make bench [WORKLOAD=name] [SECONDS=n] [JSON=1]
	@$(PYTHON) bench/run.py $(WORKLOAD) --seconds $(or $(SECONDS),10) $(if $(JSON),--json)

bench-peers: release ## NATS, Redis, PostgreSQL, VictoriaMetrics and the gateway under the same load; SECONDS=10 ARGS="--install"
	@$(PYTHON) bench/peers/run.py --memory --seconds $(or $(SECONDS),10) $(ARGS)

fuzz: deps ## one fuzzer: make fuzz TARGET=frame [SECONDS=60]; fuzz/README.md names the targets
	@$(PYTHON) fuzz/run.py fuzz $(TARGET) --duration $(or $(SECONDS),60)

fuzz-all: deps ## every fuzzer for [SECONDS=1800] each, [JOBS=1] at once; figures in .build/fuzz/results.md
	@$(PYTHON) fuzz/run.py all --duration $(or $(SECONDS),1800) --jobs $(or $(JOBS),1)

fuzz-coverage: deps ## which lines of wire and protocol the fuzzers' corpus reaches, against fuzz/uncovered.txt
	@$(PYTHON) fuzz/run.py coverage

fuzz-merge: deps ## put what the fuzzers found into fuzz/corpus, as few inputs as reach the same: [TARGET=frame]
	@$(PYTHON) fuzz/run.py merge $(TARGET)

conformance: ## the Python reference over the vectors
	$(PYTHON) protocol/reference/conformance.py

MINUTES ?= 2
SEED ?=

torture: release ## real programs killed, cut off and starved for MINUTES=2; then the sums must be right (SEED=n repeats)
	@$(PYTHON) Tests/torture/run.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))
	@$(PYTHON) Tests/torture/powerloss.py --runs 3 $(if $(SEED),--seed $(SEED)) --keep .build/torture

abuse: release ## a workstation beside 2,000 slow or silent connections and a flood of bad frames: make abuse SECONDS=30
	@$(PYTHON) Tests/abuse/hostile_mix.py --seconds $(or $(SECONDS),30)

torture-selftest: release ## planted mistakes, each of which torture has to find
	@$(PYTHON) Tests/torture/selftest.py

canary: release ## homes full of secrets and a hostile client; then no secret may stand anywhere (SEED=n repeats)
	@$(PYTHON) Tests/canary/run.py $(if $(SEED),--seed $(SEED))

canary-selftest: release ## planted leaks, one a place, each of which the canary proof has to find
	@$(PYTHON) Tests/canary/selftest.py

clean: ## remove what was built; leaves .tallygate/ alone
	rm -rf .build .build-*
