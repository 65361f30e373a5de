# The two commands of the README, and what developers need besides.

export SQLX_OFFLINE := true

# Sandboxes need root. An ordinary user's tests run with sudo; what they build stays the user's.
ifneq ($(shell id -u),0)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER := sudo --preserve-env
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER := sudo --preserve-env
endif

.PHONY: run test test-v2 fuzz screenshots bench queries

# Leanboard at http://127.0.0.1:8080, with its demo. Ctrl-C stops it.
run:
	scripts/setup run
	cargo build --release --locked
	target/release/leanboard up

test:
	scripts/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked

# The walls and the units in a guest with systemd and control groups of version 2; optional, as root.
test-v2:
	scripts/test-v2 $(TESTS)

# Each parser of strangers' bytes for a minute: make fuzz FUZZ_SECONDS=600 FUZZ_TARGETS=script_zip
# The compiler is the pinned one, told to take the fuzzer's flags; it has no address sanitizer. What it finds on its way
# is kept beside its build.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
fuzz:
	@cargo fuzz --version || { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked"; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p fuzz/target/found/$$target; \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target fuzz/target/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 || exit 1; \
	done

# The pictures of the README, as the browser tests see the pages.
screenshots:
	scripts/setup test
	SCREENSHOTS=docs/images cargo test --locked --test it screenshots

# Figures from a release build, beside what they are compared with.
bench:
	scripts/setup bench
	cargo build --release --locked
	cargo bench --locked

# After a change of a query: DATABASE_URL must name a database with the current schema.
queries:
	rm -rf .sqlx && mkdir .sqlx
	touch src/lib.rs
	SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$(CURDIR)/.sqlx cargo check --all-targets
