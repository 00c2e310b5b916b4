//! The graph as text, one block after another in code order, for tests and for looking at the optimiser's work.

use std::fmt::{self, Display, Formatter};

use naja_bytecode::opcode::{self, Flags};

use super::cfg::{Cfg, ENTRY};

impl Display for Cfg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for id in self.order() {
            let block = &self[id];
            write!(f, "block {}:", id.0)?;
            let marks = [
                (id == ENTRY, "entry"),
                (block.except_handler, "handler"),
                (block.cold, "cold"),
                (!block.falls_through(), "no-fallthrough"),
            ];
            for (_, mark) in marks.iter().filter(|(set, _)| *set) {
                write!(f, " {mark}")?;
            }
            if block.start_depth > 0 {
                write!(f, " depth={}", block.start_depth)?;
            }
            writeln!(f)?;
            for instr in &block.instrs {
                let line = if instr.loc.lineno < 0 {
                    "-".into()
                } else {
                    instr.loc.lineno.to_string()
                };
                let name = opcode::name(instr.opcode).unwrap_or("?");
                write!(f, "  {line:>5}  {name}")?;
                match instr.target {
                    Some(target) => write!(f, " -> block {}", target.0)?,
                    None if opcode::flags(instr.opcode).has(Flags::ARG) => {
                        write!(f, " {}", instr.oparg)?
                    }
                    None => {}
                }
                if let Some(handler) = instr.except {
                    write!(f, "  (except block {})", handler.0)?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::exceptions;
    use super::*;
    use crate::instruction_sequence::{InstructionSequence, Location};
    use naja_bytecode::opcode::wide::*;

    #[test]
    fn shows_blocks_and_handlers() {
        let mut seq = InstructionSequence::new();
        let handler = seq.new_label();
        let at = Location::new(2, 2, 0, 1);
        seq.addop_jump(SETUP_FINALLY, handler, at);
        seq.addop(LOAD_CONST, 0, at);
        seq.addop(RETURN_VALUE, 0, at);
        seq.use_label(handler);
        seq.addop(RERAISE, 0, Location::NONE);
        let mut cfg = Cfg::from_sequence(&mut seq).unwrap();
        exceptions::resolve_targets(&mut cfg).unwrap();
        exceptions::mark_handlers(&mut cfg);
        exceptions::label_handlers(&mut cfg).unwrap();
        let want = "block 0: entry no-fallthrough\n      2  SETUP_FINALLY -> block 1\n      \
                    2  LOAD_CONST 0  (except block 1)\n      2  RETURN_VALUE  (except block 1)\n\
                    block 1: handler no-fallthrough\n      -  RERAISE 0\n";
        assert_eq!(cfg.to_string(), want);
    }
}
