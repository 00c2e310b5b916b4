#!/bin/sh
# Records crates/cli/start.order anew, by which the linker lays functions side by side, so that few pages of the program's text are
# touched: those that `naja -c pass` runs, then those of a few programs and imports, the most common first, then those that the profile
# saw run more than 500 times, the most frequent first. To be run with a release build of the very sources at hand: the names of some
# functions change with each change. Needs valgrind and `rustup component add llvm-tools`.
set -e
cd "$(dirname "$0")/.."
naja=$(pwd)/target/release/naja
work=$(mktemp -d)
profdata=$(find "$(rustc --print sysroot)" -name llvm-profdata | head -1)
[ -n "$profdata" ] || { echo "llvm-profdata is missing: rustup component add llvm-tools"; exit 1; }
nm "$naja" | awk '$2 ~ /[tT]/ { print $1, "0", $3 }' >"$work/symbols"
awk '{ print $3 }' "$work/symbols" | sort -u >"$work/there"

# ran NAME ARGS...: the functions, and parts of functions, that the program runs, in the file NAME. By addresses, since callgrind knows
# no names of parts: sorted among the symbols, each address belongs to the last one before it.
ran() {
    name=$1
    shift
    valgrind -q --tool=callgrind --dump-instr=yes --compress-pos=no --callgrind-out-file="$work/calls" "$naja" "$@" >/dev/null 2>&1 || true
    grep -aoE '^0x[0-9a-f]+' "$work/calls" | sort -u | awk '{ a = substr($1, 3); if (length(a) < 9) printf "%s%s 1\n", substr("0000000000000000", 1, 16 - length(a)), a }' |
        sort - "$work/symbols" | awk '$2 == "0" { symbol = $3; next } symbol != "" { print symbol }' | sort -u >"$work/$name"
}

ran start -c pass
ran 1.ran -c 'import asyncio, json, re, sqlite3, dataclasses, typing'
ran 2.ran -c 'import argparse, collections, datetime, decimal, functools, logging, pickle, random, subprocess, xml.etree.ElementTree'
for name in tour corners container_loops os_errors bad_objects; do
    ran "$name.ran" "tests/programs/$name.py"
done
sort "$work"/*.ran | uniq -c | sort -rn -k1,1 | awk '{ print $2 }' >"$work/common"
"$profdata" show --all-functions --counts bench/naja.profdata | awk '
    /^  [^ ].*:$/ { name = $1; sub(/:$/, "", name); sub(/.*;/, "", name) }
    /^    Block counts: / {
        most = 0
        gsub(/[^0-9 ]/, "")
        for (i = 1; i <= NF; i++) if ($i + 0 > most) most = $i + 0
        if (most > 500) printf "%.0f %s\n", most, name
    }' | sort -rn -k1,1 | awk '{ print $2 }' >"$work/hot"
cat "$work/start" "$work/common" "$work/hot" | awk '!seen[$1]++' |
    awk 'NR == FNR { there[$1] = 1; next } $1 in there' "$work/there" - >crates/cli/start.order
rm -r "$work"
wc -l crates/cli/start.order
