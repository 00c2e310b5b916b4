//! A regular-expression engine for Python's `re`: it runs the code that Lib/re/_compiler.py produces.
//!
//! A `Pattern` takes the code words, checks them, and translates them into a program for text (UTF-8 with lone
//! surrogates) or bytes. A `State` is working memory that runs patterns over subjects and then tells the groups. All
//! positions are byte offsets. Nothing recurses, long runs can be interrupted, and no code or subject makes it panic.
//! CPython: Modules/_sre/. What knows Python objects (match objects, templates, scanners) is not here.

mod analyse;
mod class;
mod compile;
mod filter;
mod machine;
pub mod opcode;
mod program;
mod search;
#[cfg(test)]
mod tests;
mod text;

use std::sync::OnceLock;

pub use class::{Locale, ascii_is_cased, ascii_to_lower, unicode_is_cased, unicode_to_lower};
pub use compile::InvalidCode;
pub use machine::{Env, Error, State};
pub use opcode::{CODE_SIZE, MAGIC, MAX_GROUPS, MAX_REPEAT};

use machine::{Demand, UNSET};
use program::Program;
use text::{Single, Text, Wide};

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A bytes-like object.
    Bytes(&'a [u8]),
    /// A string known to be ASCII.
    Ascii(&'a [u8]),
    /// A string in UTF-8, lone surrogates as three bytes.
    Text(&'a [u8]),
}

impl<'a> Subject<'a> {
    /// The bytes, whatever they stand for.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Subject::Bytes(bytes) | Subject::Ascii(bytes) | Subject::Text(bytes) => bytes,
        }
    }
}

/// Compiled code, ready to run. Programs are made for a kind of subject when it is first used.
pub struct Pattern {
    codes: Vec<u32>,
    groups: usize,
    text: OnceLock<Program>,
    bytes: OnceLock<Program>,
}

impl Pattern {
    /// Checks the code of a pattern with so many groups (group 0 not counted).
    pub fn new(codes: Vec<u32>, groups: usize) -> Result<Pattern, InvalidCode> {
        compile::check(&codes, groups)?;
        Ok(Pattern {
            text: OnceLock::new(),
            bytes: OnceLock::new(),
            groups,
            codes,
        })
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The code words, as `Pattern` objects are compared by them.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    #[inline]
    fn program(&self, wide: bool) -> &Program {
        let cell = if wide { &self.text } else { &self.bytes };
        cell.get_or_init(|| self.translate(wide))
    }

    #[cold]
    fn translate(&self, wide: bool) -> Program {
        // The code has been checked; a program that never matches could only stand for one that was not.
        compile::compile(&self.codes, self.groups, wide).unwrap_or_else(|_| Program {
            insts: vec![program::Inst::Fail],
            ..Program::default()
        })
    }
}

/// One question to a pattern.
pub struct Request<'a> {
    pub subject: Subject<'a>,
    /// Where to begin; the subject's beginning stays byte 0, for `^` and look-behind.
    pub pos: usize,
    /// Where the subject ends for this request.
    pub end: usize,
    /// A match at `pos` must not be empty: after an empty match, so that a search moves on.
    pub must_advance: bool,
}

impl<'a> Request<'a> {
    /// The whole subject.
    pub fn new(subject: Subject<'a>) -> Request<'a> {
        Request {
            subject,
            pos: 0,
            end: subject.bytes().len(),
            must_advance: false,
        }
    }
}

#[derive(Clone, Copy)]
enum Task {
    Search,
    Match(Demand),
}

impl State {
    /// Finds the first match at or after `pos`: `Pattern.search`.
    pub fn search(
        &mut self,
        pattern: &Pattern,
        request: &Request,
        env: &mut Env,
    ) -> Result<bool, Error> {
        self.start(pattern, request, env, Task::Search)
    }

    /// Matches at `pos`: `Pattern.match`.
    pub fn match_prefix(
        &mut self,
        pattern: &Pattern,
        request: &Request,
        env: &mut Env,
    ) -> Result<bool, Error> {
        let demand = Demand {
            all: false,
            advance: request.must_advance,
        };
        self.start(pattern, request, env, Task::Match(demand))
    }

    /// Matches from `pos` to the end: `Pattern.fullmatch`.
    pub fn match_all(
        &mut self,
        pattern: &Pattern,
        request: &Request,
        env: &mut Env,
    ) -> Result<bool, Error> {
        let demand = Demand {
            all: true,
            advance: request.must_advance,
        };
        self.start(pattern, request, env, Task::Match(demand))
    }

    fn start(
        &mut self,
        pattern: &Pattern,
        request: &Request,
        env: &mut Env,
        task: Task,
    ) -> Result<bool, Error> {
        let bytes = request.subject.bytes();
        let bytes = &bytes[..request.end.min(bytes.len())];
        self.prepare(pattern.groups)?;
        let wide = !matches!(request.subject, Subject::Bytes(_));
        let program = pattern.program(wide);
        let found = match request.subject {
            Subject::Text(_) => self.perform(program, Wide(bytes), request, env, task),
            _ => self.perform(program, Single(bytes), request, env, task),
        };
        self.settle();
        found
    }

    fn perform<T: Text>(
        &mut self,
        program: &Program,
        text: T,
        request: &Request,
        env: &mut Env,
        task: Task,
    ) -> Result<bool, Error> {
        let length = text.bytes().len();
        match task {
            Task::Search => {
                search::search(program, text, self, env, request.pos, request.must_advance)
            }
            // A match that starts past its end can succeed, when it asks nothing of its place.
            Task::Match(_)
                if request.pos <= length && length - request.pos < program.min_length =>
            {
                Ok(false)
            }
            Task::Match(demand) => {
                let found = machine::run(program, text, self, env, request.pos, demand)?;
                if let Some(finish) = found {
                    (self.begin, self.finish) = (request.pos, finish);
                }
                Ok(found.is_some())
            }
        }
    }

    /// After a match: where a group (0: the whole match) matched, or None when it took no part.
    pub fn span(&self, group: usize) -> Option<(usize, usize)> {
        if group == 0 {
            return Some((self.begin, self.finish));
        }
        let start = *self.marks.get(group * 2 - 2)?;
        let end = *self.marks.get(group * 2 - 1)?;
        (start != UNSET && end != UNSET && start <= end).then_some((start, end))
    }

    /// After a match: the number of the group that ended last, for `Match.lastindex`.
    pub fn last_index(&self) -> Option<usize> {
        (self.last_index != 0).then_some(self.last_index as usize)
    }
}
