#!/bin/sh
# Records bench/naja.profdata anew: the profile that every `cargo build --release` uses (see tools/rustc).
# Needs `rustup component add llvm-tools`. The programs of this folder and of tests/programs are what it is trained with.
set -e
cd "$(dirname "$0")/.."
profdata=$(find "$(rustc --print sysroot)" -name llvm-profdata | head -1)
[ -n "$profdata" ] || { echo "llvm-profdata is missing: rustup component add llvm-tools"; exit 1; }
data=$(pwd)/target/profile
rm -rf "$data"

NAJA_PROFILE="$data" cargo build --release --target-dir target/pgo
for script in bench/*.py tests/programs/*.py examples/*.py; do
    case $script in bench/run.py | bench/growth.py) continue ;; esac
    timeout 120 target/pgo/release/naja "$script" >/dev/null 2>&1 || true
done
# Without the evaluation loop: by the counts so much is inlined into it that its registers go to the stack (int_loop 9% slower).
"$profdata" merge --text "$data" | awk -v RS= -v ORS='\n\n' '!/interpreter4eval3run/' >"$data/rest.text"
"$profdata" merge -o bench/naja.profdata "$data/rest.text"
touch crates/*/src/lib.rs crates/cli/src/main.rs # cargo does not know that they depend on the profile
