#!/bin/sh
# Records crates/cli/start.order anew: the functions that `naja -c pass` runs, which the linker lays side by side, so that a start
# touches few pages of the program's text (9 MB in memory in place of 13). Needs valgrind; wants a release build to be there.
set -e
cd "$(dirname "$0")/.."
naja=target/release/naja
work=$(mktemp -d)
valgrind -q --tool=callgrind --demangle=no --callgrind-out-file="$work/calls" "$naja" -c pass
grep -aoE '^c?fn=\([0-9]+\) \S+' "$work/calls" | sed "s/.*) //; s/'[0-9]*\$//" | sort -u >"$work/run"
nm "$naja" | awk '$2 ~ /[tT]/ { print $3 }' | sort -u >"$work/there"
comm -12 "$work/run" "$work/there" >crates/cli/start.order
rm -r "$work"
wc -l crates/cli/start.order
