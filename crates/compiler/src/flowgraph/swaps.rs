//! Fewer `SWAP`s: runs of them in minimal form, and those that can be had by reordering stores.
//!
//! Pattern matching and parallel assignment produce long runs. CPython: `swaptimize`, `apply_static_swaps` in
//! `Python/flowgraph.c`.

use naja_bytecode::opcode::wide::*;

use super::cfg::{Block, Instr};

/// Optimises all `SWAP`s of a block.
pub fn optimize(block: &mut Block) {
    let mut i = 0;
    while i < block.instrs.len() {
        if block.instrs[i].opcode == SWAP {
            i = minimize_run(block, i);
            apply_statically(block, i);
        }
        i += 1;
    }
}

/// Rewrites the run of `SWAP`s and no-ops at `start` to the shortest with the same effect; gives its last index, or
/// `start` if the run has one `SWAP` only.
fn minimize_run(block: &mut Block, start: usize) -> usize {
    let len = block.instrs[start..]
        .iter()
        .take_while(|i| matches!(i.opcode, SWAP | NOP))
        .count();
    let run = &mut block.instrs[start..start + len];
    if run[1..].iter().all(|i| i.opcode == NOP) {
        return start;
    }
    let swaps = run.iter().filter(|i| i.opcode == SWAP);
    let depths: Vec<usize> = swaps
        .map(|i| usize::try_from(i.oparg).unwrap_or(1).max(1))
        .collect();
    let depth = depths.iter().copied().max().unwrap_or(1);
    let mut stack: Vec<usize> = (0..depth).collect();
    for with in depths {
        stack.swap(0, with - 1);
    }
    // Each cycle of the permutation is undone by swapping the top through it. Written from the end of the run, the
    // undoing becomes the doing; the minimal sequence always fits.
    let mut steps = Vec::new();
    let mut visited = vec![false; depth];
    for i in 0..depth {
        if visited[i] || stack[i] == i {
            continue;
        }
        let mut j = i;
        loop {
            if j != 0 {
                steps.push(j + 1);
            }
            if visited[j] {
                break;
            }
            visited[j] = true;
            j = stack[j];
        }
    }
    let mut steps = steps.into_iter();
    for instr in run.iter_mut().rev() {
        match steps.next() {
            Some(oparg) => instr.set(SWAP, oparg as i32),
            None => instr.nop(),
        }
    }
    start + len - 1
}

fn is_swappable(opcode: u16) -> bool {
    matches!(opcode, STORE_FAST | STORE_FAST_MAYBE_NULL | POP_TOP)
}

fn stored_local(instr: &Instr) -> Option<i32> {
    matches!(instr.opcode, STORE_FAST | STORE_FAST_MAYBE_NULL).then_some(instr.oparg)
}

/// The next instruction that only takes the top of the stack; on the given line, if that is not negative.
fn next_swappable(block: &Block, after: usize, lineno: i32) -> Option<usize> {
    for (i, instr) in block.instrs.iter().enumerate().skip(after + 1) {
        if lineno >= 0 && instr.loc.lineno != lineno {
            // Moving stores across lines would show in a tracer.
            return None;
        }
        if instr.opcode != NOP {
            return is_swappable(instr.opcode).then_some(i);
        }
    }
    None
}

/// Replaces `SWAP`s that end at `last` by exchanging the two stores they are for.
fn apply_statically(block: &mut Block, last: usize) {
    for i in (0..=last).rev() {
        let swap = block.instrs[i];
        if swap.opcode != SWAP {
            if swap.opcode == NOP || is_swappable(swap.opcode) {
                continue;
            }
            return;
        }
        let Some(first) = next_swappable(block, i, -1) else {
            return;
        };
        let lineno = block.instrs[first].loc.lineno;
        let mut second = first;
        for _ in 1..swap.oparg {
            match next_swappable(block, second, lineno) {
                Some(next) => second = next,
                None => return,
            }
        }
        let (a, b) = (
            stored_local(&block.instrs[first]),
            stored_local(&block.instrs[second]),
        );
        if a.is_some() || b.is_some() {
            if a == b {
                return;
            }
            let between = block.instrs.get(first + 1..second).unwrap_or_default();
            if between
                .iter()
                .filter_map(stored_local)
                .any(|s| Some(s) == a || Some(s) == b)
            {
                return;
            }
        }
        block.instrs[i].nop();
        block.instrs.swap(first, second);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cfg::Cfg;
    use crate::instruction_sequence::{InstructionSequence, Location};
    use naja_bytecode::opcode::wide::*;

    fn run(instrs: &[(u16, i32)]) -> Vec<(u16, i32)> {
        let mut seq = InstructionSequence::new();
        for (opcode, oparg) in instrs {
            seq.addop(*opcode, *oparg, Location::new(1, 1, 0, 0));
        }
        let mut cfg = Cfg::from_sequence(&mut seq).unwrap();
        super::optimize(&mut cfg[super::super::cfg::ENTRY]);
        cfg[super::super::cfg::ENTRY]
            .instrs
            .iter()
            .filter(|i| i.opcode != NOP)
            .map(|i| (i.opcode, i.oparg))
            .collect()
    }

    #[test]
    fn swaps() {
        let pair = run(&[(SWAP, 2), (STORE_FAST, 0), (STORE_FAST, 1)]);
        assert_eq!(pair, [(STORE_FAST, 1), (STORE_FAST, 0)]);
        let undone = run(&[(SWAP, 3), (SWAP, 2), (SWAP, 2), (SWAP, 3), (NOP, 0)]);
        assert_eq!(undone, []);
        let same = run(&[(SWAP, 2), (STORE_FAST, 0), (STORE_FAST, 0)]);
        assert_eq!(same.len(), 3);
    }
}
