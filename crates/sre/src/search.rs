//! Looking for the first match: candidates by prefix, first byte or line, each tried by the machine.
//!
//! CPython: `SRE(search)` in Modules/_sre/sre_lib.h.

use memchr::{memchr, memchr2, memchr3};

use crate::filter::Walk;
use crate::machine::{Demand, Env, Error, State, run, run_end};
use crate::program::{Program, Start};
use crate::text::Text;

/// The next position from `from` on where a match may begin.
#[inline]
fn candidate(start: &Start, bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let found = match start {
        Start::Anchored | Start::Anywhere => return Some(from),
        Start::Prefix(finder) => finder.find(rest),
        Start::Few(few) => match few[..] {
            [a] => memchr(a, rest),
            [a, b] => memchr2(a, b, rest),
            [a, b, c] => memchr3(a, b, c, rest),
            _ => None,
        },
        Start::Set(set) => rest.iter().position(|&byte| set.has(byte)),
        Start::Line => {
            if from == 0 || bytes.get(from - 1) == Some(&b'\n') {
                return Some(from);
            }
            memchr(b'\n', rest).map(|at| at + 1)
        }
    };
    found.map(|at| from + at)
}

/// Subjects from this length on are worth a filter.
const LONG: usize = 256;
/// So many candidates, each after fewer than so many bytes, and the filter is quicker than looking for a rare byte.
const OFTEN: usize = 8;
const NEAR: usize = 24;

/// Finds the first match at or after `from`.
pub(crate) fn search<T: Text>(
    program: &Program,
    text: T,
    state: &mut State,
    env: &mut Env,
    from: usize,
    must_advance: bool,
) -> Result<bool, Error> {
    let bytes = text.bytes();
    let mut at = from;
    let long = bytes.len() - from.min(bytes.len()) >= LONG;
    let mut walk = match program.start {
        Start::Set(_) | Start::Anywhere if long => program.filter(T::SINGLE).map(Walk::new),
        _ => None,
    };
    let mut tried = 0;
    loop {
        let found = match &mut walk {
            Some(walk) => walk.find(bytes, at),
            None => candidate(&program.start, bytes, at),
        };
        let Some(begin) = found else {
            return Ok(false);
        };
        if bytes.len() - begin < program.min_length {
            return Ok(false);
        }
        if program.literal_only {
            state.begin = begin;
            state.finish = begin + program.literals.len();
            return Ok(true);
        }
        let demand = Demand {
            all: false,
            advance: must_advance && begin == from,
        };
        if let Some(finish) = run(program, text, state, env, begin, demand)? {
            (state.begin, state.finish) = (begin, finish);
            return Ok(true);
        }
        if begin >= bytes.len() || matches!(program.start, Start::Anchored) {
            return Ok(false);
        }
        at = text.after(begin);
        if let Some(item) = program.run {
            at = at.max(run_end(program, text, env, item, begin));
        }
        tried += 1;
        if tried == OFTEN
            && long
            && at - from < OFTEN * NEAR
            && matches!(program.start, Start::Few(_))
        {
            walk = program.filter(T::SINGLE).map(Walk::new);
        }
    }
}
