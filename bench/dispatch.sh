#!/bin/sh
# Counts the indirect jumps of the evaluation loop: each handler should end in one of its own.
# usage: bench/dispatch.sh [BINARY [LEAST]]; fails if there are fewer than LEAST (default 60).
binary=${1:-target/release/naja}
least=${2:-60}
count=$(objdump -d --no-show-raw-insn "$binary" | awk '
    /^[0-9a-f]+ <.*interpreter4eval3run/ { inside = 1 }
    inside && /jmp +\*/ { n++ }
    inside && /^$/ { exit }
    END { print n + 0 }')
echo "$binary: $count indirect jumps in the evaluation loop"
[ "$count" -ge "$least" ]
