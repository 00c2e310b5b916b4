//! `re.Pattern`, its scanner, and the iterator of `finditer`.
//!
//! A pattern lends its working memory (`State`) to one run at a time; a run inside a run makes its own. After an empty
//! match the next one must not be empty at the same place (`must_advance`).
//! CPython: Modules/_sre/sre.c (pattern_*, scanner_*).

use super::match_::{Match, Spans};
use super::subject::Held;
use super::template::{Out, Template};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_sre::{Env, Error, Locale, Request, State};
use naja_vm::dict::Dict;
use naja_vm::mappingproxy::MappingProxy;
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{compare, hash, object};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

const LOCALE: i32 = 4;
const UNICODE: i32 = 32;
const ASCII: i32 = 256;

const FLAG_NAMES: [(&str, i32); 8] = [
    ("re.IGNORECASE", 2),
    ("re.LOCALE", LOCALE),
    ("re.MULTILINE", 8),
    ("re.DOTALL", 16),
    ("re.UNICODE", UNICODE),
    ("re.VERBOSE", 64),
    ("re.DEBUG", 128),
    ("re.ASCII", ASCII),
];

/// How a pattern is applied.
#[derive(Clone, Copy)]
enum How {
    Search,
    Match,
    Full,
}

/// Compiled regular expression object.
#[pyclass(name = "Pattern", module = "re", gc, flags(NO_NEW, HAS_WEAKREF))]
pub struct Pattern {
    pattern: Value,
    flags: i32,
    engine: naja_sre::Pattern,
    group_index: Ref<Dict>,
    index_group: Ref<Tuple>,
    /// None for a pattern made without text.
    is_bytes: Option<bool>,
    state: MutCell<Option<Box<State>>>,
}

impl Traverse for Pattern {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.pattern);
        v.reference(&self.group_index);
        v.reference(&self.index_group);
    }
    fn clear(&self) {}
}

/// The C library's view of single bytes.
fn current_locale() -> Locale {
    let mut locale = Locale::C;
    for byte in 0..256usize {
        // SAFETY: the arguments are in the range of unsigned char.
        unsafe {
            locale.lower[byte] = libc::tolower(byte as i32) as u8;
            locale.upper[byte] = libc::toupper(byte as i32) as u8;
            locale.alnum[byte] = libc::isalnum(byte as i32) != 0;
        }
    }
    locale
}

/// A search in progress: where it stands in which subject.
struct Run {
    string: Value,
    held: Held,
    /// The limits as indices and as byte offsets.
    pos: usize,
    endpos: usize,
    end: usize,
    at: usize,
    must_advance: bool,
}

impl Run {
    /// Begins with a subject. Raises TypeError where pattern and subject are not of a kind.
    #[inline]
    fn new(vm: &Vm, pattern: &Pattern, string: &Value, pos: isize, endpos: isize) -> PyResult<Run> {
        let held = Held::of(vm, string)?;
        match pattern.is_bytes {
            Some(true) if !held.is_bytes() => {
                return Err(vm.type_error("cannot use a bytes pattern on a string-like object"));
            }
            Some(false) if held.is_bytes() => {
                return Err(vm.type_error("cannot use a string pattern on a bytes-like object"));
            }
            _ => {}
        }
        let len = held.len() as isize;
        let (pos, endpos) = (pos.clamp(0, len) as usize, endpos.clamp(0, len) as usize);
        let at = held.offset(pos);
        let end = held.offset(endpos);
        Ok(Run {
            string: string.clone(),
            held,
            pos,
            endpos,
            end,
            at,
            must_advance: false,
        })
    }

    #[inline]
    fn go(&self, vm: &Vm, pattern: &Pattern, state: &mut State, how: How) -> PyResult<bool> {
        let locale;
        let locale = if pattern.flags & LOCALE != 0 {
            locale = current_locale();
            &locale
        } else {
            &Locale::C
        };
        let found = self.held.lend(|subject, python| {
            let request = Request {
                subject,
                pos: self.at,
                end: self.end,
                must_advance: self.must_advance,
            };
            let mut interrupt = || python && vm.check_signals().is_err();
            let mut env = Env {
                locale,
                interrupt: &mut interrupt,
            };
            match how {
                How::Search => state.search(&pattern.engine, &request, &mut env),
                How::Match => state.match_prefix(&pattern.engine, &request, &mut env),
                How::Full => state.match_all(&pattern.engine, &request, &mut env),
            }
        });
        match found {
            Ok(found) => Ok(found),
            Err(Error::Interrupted) => Err(naja_vm::Raised),
            Err(Error::Memory) => Err(vm.memory_error("")),
        }
    }

    /// Searches on; gives the span of the next match and moves behind it.
    #[inline]
    fn next(
        &mut self,
        vm: &Vm,
        pattern: &Pattern,
        state: &mut State,
        how: How,
    ) -> PyResult<Option<(usize, usize)>> {
        if !self.go(vm, pattern, state, how)? {
            return Ok(None);
        }
        let (from, to) = state.span(0).unwrap_or((self.at, self.at));
        self.must_advance = from == to;
        self.at = to;
        Ok(Some((from, to)))
    }

    fn slice(&self, vm: &Vm, from: usize, to: usize) -> PyResult {
        self.held.slice(vm, &self.string, from, to)
    }

    fn new_match(&self, vm: &Vm, pattern: &Ref<Pattern>, state: &State) -> PyResult {
        let found = Match {
            string: self.string.clone(),
            pattern: pattern.clone(),
            pos: self.pos,
            endpos: self.endpos,
            spans: Spans::of(state, pattern.engine.groups()),
            last_index: state.last_index(),
        };
        Ok(vm.new_object(found)?.into_value())
    }
}

/// What takes the place of a match.
enum Filter {
    Literal(Value),
    Template(Ref<Template>),
    Callable(Value),
}

impl Pattern {
    /// A pattern of code words. Raises TypeError for a pattern text of the wrong type, RuntimeError for invalid code.
    pub fn make(
        vm: &Vm,
        pattern: Value,
        flags: i32,
        code: Vec<u32>,
        groups: isize,
        group_index: Ref<Dict>,
        index_group: Ref<Tuple>,
    ) -> PyResult {
        let is_bytes = if pattern.is_none() {
            None
        } else {
            Some(Held::of(vm, &pattern)?.is_bytes())
        };
        let invalid = || vm.runtime_error("invalid SRE code");
        let groups = usize::try_from(groups).map_err(|_| invalid())?;
        let engine = naja_sre::Pattern::new(code, groups).map_err(|_| invalid())?;
        let pattern = Pattern {
            pattern,
            flags,
            engine,
            group_index,
            index_group,
            is_bytes,
            state: MutCell::new(None),
        };
        Ok(vm.new_object(pattern)?.into_value())
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.engine.groups()
    }

    /// Names to numbers of groups.
    pub fn group_index(&self) -> &Ref<Dict> {
        &self.group_index
    }

    /// Numbers to names of groups.
    pub fn index_group(&self) -> &Ref<Tuple> {
        &self.index_group
    }

    /// Lends the working memory.
    #[inline]
    fn with_state<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.take().unwrap_or_default();
        let result = f(&mut state);
        self.state.set(Some(state));
        result
    }

    #[inline]
    fn once(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        limits: (isize, isize),
        how: How,
    ) -> PyResult {
        let run = Run::new(vm, zelf, string, limits.0, limits.1)?;
        zelf.with_state(|state| {
            if run.go(vm, zelf, state, how)? {
                run.new_match(vm, zelf, state)
            } else {
                Ok(Value::NONE)
            }
        })
    }

    fn filter(zelf: &Ref<Self>, vm: &Vm, replacement: &Value) -> PyResult<Filter> {
        if vm.type_of(replacement).slots.call.get().is_some() {
            return Ok(Filter::Callable(replacement.clone()));
        }
        let plain = match Held::of(vm, replacement) {
            Ok(held) => held.lend(|text, _| memchr::memchr(b'\\', text.bytes()).is_none()),
            Err(_) => {
                vm.clear_exception();
                false
            }
        };
        if plain {
            return Ok(Filter::Literal(replacement.clone()));
        }
        let template = Template::compile(vm, zelf, replacement)?;
        Ok(match template.plain() {
            Some(text) => Filter::Literal(text.clone()),
            None => Filter::Template(template),
        })
    }

    fn substitute(
        zelf: &Ref<Self>,
        vm: &Vm,
        replacement: &Value,
        string: &Value,
        count: isize,
    ) -> PyResult<(Value, usize)> {
        let filter = Pattern::filter(zelf, vm, replacement)?;
        let mut run = Run::new(vm, zelf, string, 0, isize::MAX)?;
        let mut state = zelf.state.take().unwrap_or_default();
        let mut out = Out::new(run.held.is_bytes());
        let (mut done, mut n) = (0, 0);
        let result = (|| {
            while count == 0 || (n as isize) < count {
                let Some((from, to)) = run.next(vm, zelf, &mut state, How::Search)? else {
                    break;
                };
                if done < from {
                    out.push_part(&run.held, done, from);
                }
                match &filter {
                    Filter::Literal(text) => {
                        if !text.is_none() {
                            out.push(vm, text)?
                        }
                    }
                    Filter::Template(template) => {
                        let spans = Spans::of(&state, zelf.groups());
                        template.expand(vm, &mut out, &run.held, &spans)?
                    }
                    Filter::Callable(function) => {
                        let found = run.new_match(vm, zelf, &state)?;
                        let text = vm.call(function, &[found])?;
                        if !text.is_none() {
                            out.push(vm, &text)?
                        }
                    }
                }
                done = to;
                n += 1;
            }
            if n == 0 {
                return run.slice(vm, 0, run.end);
            }
            if done < run.end {
                out.push_part(&run.held, done, run.end);
            }
            out.finish(vm)
        })();
        zelf.state.set(Some(state));
        Ok((result?, n))
    }

    fn flags_text(&self) -> String {
        let mut flags = self.flags;
        if self.is_bytes == Some(false) && flags & (LOCALE | UNICODE | ASCII) == UNICODE {
            flags &= !UNICODE;
        }
        let mut parts: Vec<String> = Vec::new();
        for (name, bit) in FLAG_NAMES {
            if flags & bit != 0 {
                parts.push(name.to_string());
                flags &= !bit;
            }
        }
        if flags != 0 {
            parts.push(format!("0x{flags:x}"));
        }
        parts.join("|")
    }
}

#[pymethods]
impl Pattern {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let text = object::repr(vm, &zelf.pattern)?;
        let kept = text.byte_offset(text.char_len().min(200));
        let mut out = b"re.compile(".to_vec();
        out.extend_from_slice(&text.as_bytes()[..kept]);
        let flags = zelf.flags_text();
        if !flags.is_empty() {
            out.extend_from_slice(b", ");
            out.extend_from_slice(flags.as_bytes());
        }
        out.push(b')');
        Ok(vm.new_str_wtf8(&out)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let code: Vec<u8> = zelf
            .engine
            .codes()
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        let mut result = hash::hash(vm, &zelf.pattern)?;
        result ^= vm.interp.hash_key.hash_bytes(&code);
        result ^= i64::from(zelf.flags);
        result ^= zelf.is_bytes.map_or(-1, i64::from);
        result ^= zelf.groups() as i64;
        Ok(if result == -1 { -2 } else { result })
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let (Some(x), Some(y)) = (a.downcast::<Pattern>(), b.downcast::<Pattern>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let same = x.is(y)
            || (x.flags == y.flags
                && x.is_bytes == y.is_bytes
                && x.groups() == y.groups()
                && x.engine.codes() == y.engine.codes()
                && compare::eq(vm, &x.pattern, &y.pattern)?);
        Ok(Value::from_bool(same == (op == CompareOp::Eq)))
    }

    /// Matches zero or more characters at the beginning of the string.
    #[pymethod(name = "match", sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn match_(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        Pattern::once(zelf, vm, string, (pos, endpos), How::Match)
    }

    /// Matches against all of the string.
    #[pymethod(sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn fullmatch(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        Pattern::once(zelf, vm, string, (pos, endpos), How::Full)
    }

    /// Scan through string looking for a match, and return a corresponding match object instance.
    ///
    /// Return None if no position in the string matches.
    #[pymethod(sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn search(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        Pattern::once(zelf, vm, string, (pos, endpos), How::Search)
    }

    /// Return the string obtained by replacing the leftmost non-overlapping occurrences of pattern in string by the replacement repl.
    #[pymethod(sig = "($self, /, repl, string, count=0)")]
    fn sub(
        zelf: &Ref<Self>,
        vm: &Vm,
        repl: &Value,
        string: &Value,
        #[default(0)] count: isize,
    ) -> PyResult {
        Ok(Pattern::substitute(zelf, vm, repl, string, count)?.0)
    }

    /// Return the tuple (new_string, number_of_subs_made) found by replacing the leftmost non-overlapping occurrences of pattern with the replacement repl.
    #[pymethod(sig = "($self, /, repl, string, count=0)")]
    fn subn(
        zelf: &Ref<Self>,
        vm: &Vm,
        repl: &Value,
        string: &Value,
        #[default(0)] count: isize,
    ) -> PyResult {
        let (text, n) = Pattern::substitute(zelf, vm, repl, string, count)?;
        Tuple::pair(vm, text, vm.new_int(n as i64)?)
    }

    /// Return a list of all non-overlapping matches of pattern in string.
    #[pymethod(sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn findall(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        let mut run = Run::new(vm, zelf, string, pos, endpos)?;
        let groups = zelf.groups();
        let empty = run.slice(vm, 0, 0)?;
        let mut found = Vec::new();
        zelf.with_state(|state| -> PyResult<()> {
            while let Some((from, to)) = run.next(vm, zelf, state, How::Search)? {
                let group = |n: usize| match state.span(n) {
                    Some((from, to)) => run.slice(vm, from, to),
                    None => Ok(empty.clone()),
                };
                found.push(match groups {
                    0 => run.slice(vm, from, to)?,
                    1 => group(1)?,
                    many => {
                        let items = (1..=many).map(group).collect::<PyResult<Vec<_>>>()?;
                        vm.new_tuple(items)?.into_value()
                    }
                });
            }
            Ok(())
        })?;
        Ok(vm.new_list(found)?.into_value())
    }

    /// Split string by the occurrences of pattern.
    #[pymethod(sig = "($self, /, string, maxsplit=0)")]
    fn split(zelf: &Ref<Self>, vm: &Vm, string: &Value, #[default(0)] maxsplit: isize) -> PyResult {
        let mut run = Run::new(vm, zelf, string, 0, isize::MAX)?;
        let mut parts = Vec::new();
        let (mut done, mut n) = (0, 0);
        zelf.with_state(|state| -> PyResult<()> {
            while maxsplit == 0 || n < maxsplit {
                let Some((from, to)) = run.next(vm, zelf, state, How::Search)? else {
                    break;
                };
                parts.push(run.slice(vm, done, from)?);
                for group in 1..=zelf.groups() {
                    parts.push(match state.span(group) {
                        Some((from, to)) => run.slice(vm, from, to)?,
                        None => Value::NONE,
                    });
                }
                n += 1;
                done = to;
            }
            Ok(())
        })?;
        parts.push(run.slice(vm, done, run.end)?);
        Ok(vm.new_list(parts)?.into_value())
    }

    /// Return an iterator over all non-overlapping matches for the RE pattern in string.
    ///
    /// For each match, the iterator returns a match object.
    #[pymethod(sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn finditer(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        let scan = Scan::new(vm, zelf, string, pos, endpos)?;
        Ok(vm.new_object(MatchIterator { scan })?.into_value())
    }

    #[pymethod(sig = "($self, /, string, pos=0, endpos=sys.maxsize)")]
    fn scanner(
        zelf: &Ref<Self>,
        vm: &Vm,
        string: &Value,
        #[default(0)] pos: isize,
        #[default(isize::MAX)] endpos: isize,
    ) -> PyResult {
        let scan = Scan::new(vm, zelf, string, pos, endpos)?;
        Ok(vm.new_object(Scanner { scan })?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn __copy__(zelf: &Value) -> Value {
        zelf.clone()
    }

    #[pymethod(sig = "($self, memo, /)")]
    fn __deepcopy__(zelf: &Value, _memo: &Value) -> Value {
        zelf.clone()
    }

    /// Patterns are generic over the type of string they handle (str or bytes)
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// The pattern string from which the RE object was compiled.
    #[pymember]
    fn pattern(&self) -> Value {
        self.pattern.clone()
    }

    /// The regex matching flags.
    #[pymember]
    fn flags(&self) -> i32 {
        self.flags
    }

    /// The number of capturing groups in the pattern.
    #[pymember(name = "groups")]
    fn groups_member(&self) -> usize {
        self.engine.groups()
    }

    /// A dictionary mapping group names to group numbers.
    #[pygetter]
    fn groupindex(&self, vm: &Vm) -> PyResult {
        MappingProxy::make(vm, self.group_index.to_value())
    }
}

/// A search that goes on from match to match.
struct Scan {
    pattern: Ref<Pattern>,
    run: MutCell<Run>,
    finished: Cell<bool>,
    busy: Cell<bool>,
}

impl Scan {
    fn new(
        vm: &Vm,
        pattern: &Ref<Pattern>,
        string: &Value,
        pos: isize,
        endpos: isize,
    ) -> PyResult<Scan> {
        Ok(Scan {
            pattern: pattern.clone(),
            run: MutCell::new(Run::new(vm, pattern, string, pos, endpos)?),
            finished: Cell::new(false),
            busy: Cell::new(false),
        })
    }

    fn traverse(&self, v: &mut Visitor) {
        v.reference(&self.pattern);
        self.run.with(|run| {
            v.value(&run.string);
            run.held.traverse(v);
        });
    }

    /// The next match, or None.
    fn next(&self, vm: &Vm, how: How) -> PyResult<Option<Value>> {
        if self.finished.get() {
            return Ok(None);
        }
        if self.busy.replace(true) {
            return Err(vm.value_error("regular expression scanner already executing"));
        }
        // A signal handler may run meanwhile, so the search is done with a copy of the place.
        let mut run = self.run.with(|run| Run {
            string: run.string.clone(),
            held: match &run.held {
                Held::Str(text) => Held::Str(text.clone()),
                Held::Bytes(bytes) => Held::Bytes(bytes.clone()),
                Held::Buffer(buffer) => Held::Buffer(buffer.clone()),
            },
            ..*run
        });
        let result =
            self.pattern
                .with_state(|state| match run.next(vm, &self.pattern, state, how)? {
                    Some(_) => run.new_match(vm, &self.pattern, state).map(Some),
                    None => Ok(None),
                });
        self.busy.set(false);
        match &result {
            Ok(Some(_)) => {
                let (at, must_advance) = (run.at, run.must_advance);
                self.run.with_mut(|run| {
                    run.at = at;
                    run.must_advance = must_advance;
                });
            }
            Ok(None) => self.finished.set(true),
            Err(_) => {}
        }
        result
    }
}

/// See `Pattern.scanner`.
#[pyclass(name = "SRE_Scanner", module = "_sre", doc = "", gc, flags(NO_NEW))]
pub struct Scanner {
    scan: Scan,
}

impl Traverse for Scanner {
    fn traverse(&self, v: &mut Visitor) {
        self.scan.traverse(v)
    }
    fn clear(&self) {}
}

#[pymethods]
impl Scanner {
    #[pymethod(name = "match", sig = "($self, /)")]
    fn match_(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.scan.next(vm, How::Match)
    }

    #[pymethod(sig = "($self, /)")]
    fn search(&self, vm: &Vm) -> PyResult<Option<Value>> {
        self.scan.next(vm, How::Search)
    }

    #[pymember]
    fn pattern(&self) -> Value {
        self.scan.pattern.to_value()
    }
}

/// What `finditer` gives: in CPython an iterator that calls a scanner's `search`.
#[pyclass(
    name = "callable_iterator",
    module = "builtins",
    doc = "",
    gc,
    flags(NO_NEW)
)]
pub struct MatchIterator {
    scan: Scan,
}

impl Traverse for MatchIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.scan.traverse(v)
    }
    fn clear(&self) {}
}

#[pymethods]
impl MatchIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        zelf.scan.next(vm, How::Search)
    }
}
