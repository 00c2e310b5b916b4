#!/bin/sh
# Records crates/cli/start.order anew, by which the linker lays functions side by side, so that few pages of the program's text are
# touched: those that `naja -c pass` runs, then those that the profile saw run more than 500 times, the most frequent first.
# Needs valgrind and `rustup component add llvm-tools`; wants a release build to be there.
set -e
cd "$(dirname "$0")/.."
naja=target/release/naja
work=$(mktemp -d)
profdata=$(find "$(rustc --print sysroot)" -name llvm-profdata | head -1)
[ -n "$profdata" ] || { echo "llvm-profdata is missing: rustup component add llvm-tools"; exit 1; }
valgrind -q --tool=callgrind --demangle=no --callgrind-out-file="$work/calls" "$naja" -c pass
grep -aoE '^c?fn=\([0-9]+\) \S+' "$work/calls" | sed "s/.*) //; s/'[0-9]*\$//" | sort -u >"$work/run"
nm "$naja" | awk '$2 ~ /[tT]/ { print $3 }' | sort -u >"$work/there"
comm -12 "$work/run" "$work/there" >"$work/start"
"$profdata" show --all-functions --counts bench/naja.profdata | awk '
    /^  [^ ].*:$/ { name = $1; sub(/:$/, "", name); sub(/.*;/, "", name) }
    /^    Block counts: / {
        most = 0
        gsub(/[^0-9 ]/, "")
        for (i = 1; i <= NF; i++) if ($i + 0 > most) most = $i + 0
        if (most > 500) printf "%.0f %s\n", most, name
    }' | sort -rn -k1,1 | awk 'NR == FNR { seen[$1] = 1; next } !seen[$2]++ { print $2 }' "$work/start" - >"$work/hot"
awk 'NR == FNR { there[$1] = 1; next } $1 in there' "$work/there" "$work/hot" >"$work/more"
cat "$work/start" "$work/more" >crates/cli/start.order
rm -r "$work"
wc -l crates/cli/start.order
