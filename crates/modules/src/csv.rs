//! `_csv`: reading and writing rows of separated values.
//!
//! The reader is a state machine over code points; `END` marks the end of a line that the input gave. The writer builds a
//! record in one byte buffer. CPython: Modules/_csv.c.

use crate::common;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, iterator, number, object};
use naja_vm::str_::{self, Str, push_code_point};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm, int};
use std::cell::Cell;

const QUOTE_MINIMAL: i64 = 0;
const QUOTE_ALL: i64 = 1;
const QUOTE_NONNUMERIC: i64 = 2;
const QUOTE_NONE: i64 = 3;
const QUOTE_STRINGS: i64 = 4;
const QUOTE_NOTNULL: i64 = 5;

/// No character.
const NOT_SET: u32 = u32::MAX;
/// The end of a line.
const END: u32 = u32::MAX - 1;

/// The module's state: registered dialects and the limit of a field's size.
struct State {
    dialects: MutCell<Option<Ref<Dict>>>,
    field_limit: Cell<i64>,
}

impl Default for State {
    fn default() -> State {
        State {
            dialects: MutCell::new(None),
            field_limit: Cell::new(128 * 1024),
        }
    }
}

fn dialects(vm: &Vm) -> PyResult<Ref<Dict>> {
    let state = vm.interp.module_state::<State>();
    if let Some(dict) = state.dialects.get() {
        return Ok(dict);
    }
    let dict = vm.new_dict()?;
    state.dialects.set(Some(dict.clone()));
    Ok(dict)
}

fn error_class(vm: &Vm) -> PyResult<Ref<Type>> {
    common::exception(vm, "_csv.Error", &vm.types.exception)
}

#[cold]
fn error(vm: &Vm, message: impl AsRef<str>) -> Raised {
    match error_class(vm) {
        Ok(class) => vm.raise(&class, message),
        Err(raised) => raised,
    }
}

/// CSV dialect
///
/// The Dialect type records CSV format options.
#[pyclass(name = "Dialect", module = "_csv", flags(BASETYPE))]
pub struct Dialect {
    delimiter: u32,
    doublequote: bool,
    escapechar: u32,
    lineterminator: Ref<Str>,
    quotechar: u32,
    quoting: i64,
    skipinitialspace: bool,
    strict: bool,
}

const OPTIONS: [&str; 8] = [
    "delimiter",
    "doublequote",
    "escapechar",
    "lineterminator",
    "quotechar",
    "quoting",
    "skipinitialspace",
    "strict",
];

fn char_option(
    vm: &Vm,
    name: &str,
    value: Option<&Value>,
    default: u32,
    none: bool,
) -> PyResult<u32> {
    let Some(value) = value else {
        return Ok(default);
    };
    if none && value.is_none() {
        return Ok(NOT_SET);
    }
    let or_none = if none { " or None" } else { "" };
    match str_::of(value) {
        Some(text) if text.char_len() == 1 => Ok(text.char_at(0)),
        Some(text) => Err(vm.type_error(format!(
            "\"{name}\" must be a unicode character{or_none}, not a string of length {}",
            text.char_len()
        ))),
        None => Err(vm.type_error(format!(
            "\"{name}\" must be a unicode character{or_none}, not {}",
            vm.type_of(value).full_name()
        ))),
    }
}

impl Dialect {
    /// The dialect of options given in order, or by an object with attributes, or by name.
    fn of(
        vm: &Vm,
        cls: &Ref<Type>,
        dialect: Option<&Value>,
        mut given: [Option<Value>; 8],
    ) -> PyResult {
        let mut dialect = dialect.cloned();
        if let Some(name) = dialect.as_ref().and_then(str_::of) {
            dialect = Some(registered(vm, name.as_value())?);
        }
        if let Some(dialect) = dialect.filter(|d| !d.is_none()) {
            if dialect.downcast::<Dialect>().is_some()
                && cls.is(vm.class::<Dialect>())
                && given.iter().all(Option::is_none)
            {
                return Ok(dialect);
            }
            for (name, value) in OPTIONS.iter().zip(&mut given) {
                if value.is_none() {
                    *value = attributes::get_optional(vm, &dialect, &vm.intern(name))?;
                }
            }
        }
        let truth = |value: &Option<Value>, default: bool| {
            value
                .as_ref()
                .map_or(Ok(default), |v| object::is_true(vm, v))
        };
        let quoting = match &given[5] {
            None => QUOTE_MINIMAL,
            Some(v) => match int::as_i64(v) {
                Some(n) if !v.is_bool() => n,
                _ => {
                    return Err(vm.type_error(format!(
                        "\"quoting\" must be an integer, not {}",
                        vm.type_of(v).full_name()
                    )));
                }
            },
        };
        let mut made = Dialect {
            delimiter: char_option(vm, OPTIONS[0], given[0].as_ref(), u32::from(b','), false)?,
            doublequote: truth(&given[1], true)?,
            escapechar: char_option(vm, OPTIONS[2], given[2].as_ref(), NOT_SET, true)?,
            lineterminator: match &given[3] {
                None => vm.new_str("\r\n")?,
                Some(v) => str_::of(v).cloned().ok_or_else(|| {
                    vm.type_error(format!(
                        "\"lineterminator\" must be a string, not {}",
                        vm.type_of(v).full_name()
                    ))
                })?,
            },
            quotechar: char_option(vm, OPTIONS[4], given[4].as_ref(), u32::from(b'"'), true)?,
            quoting,
            skipinitialspace: truth(&given[6], false)?,
            strict: truth(&given[7], false)?,
        };
        if !(QUOTE_MINIMAL..=QUOTE_NOTNULL).contains(&quoting) {
            return Err(vm.type_error("bad \"quoting\" value"));
        }
        if given[4].as_ref().is_some_and(Value::is_none) && given[5].is_none() {
            made.quoting = QUOTE_NONE;
        }
        if made.quoting != QUOTE_NONE && made.quotechar == NOT_SET {
            return Err(vm.type_error("quotechar must be set if quoting enabled"));
        }
        made.check(vm)?;
        Ok(vm.new_object_of(cls, made)?.into_value())
    }

    fn check(&self, vm: &Vm) -> PyResult<()> {
        let chars = [
            ("delimiter", self.delimiter, true),
            ("escapechar", self.escapechar, !self.skipinitialspace),
            ("quotechar", self.quotechar, !self.skipinitialspace),
        ];
        for (name, c, space) in chars {
            if c == u32::from(b'\r') || c == u32::from(b'\n') || (c == u32::from(b' ') && !space) {
                return Err(vm.value_error(format!("bad {name} value")));
            }
            if c != NOT_SET && self.lineterminator.code_points().any(|x| x == c) {
                return Err(vm.value_error(format!("bad {name} or lineterminator value")));
            }
        }
        for (a, b, x, y) in [
            ("delimiter", "escapechar", self.delimiter, self.escapechar),
            ("delimiter", "quotechar", self.delimiter, self.quotechar),
            ("escapechar", "quotechar", self.escapechar, self.quotechar),
        ] {
            if x == y && x != NOT_SET {
                return Err(vm.value_error(format!("bad {a} or {b} value")));
            }
        }
        Ok(())
    }

    /// The dialect that `reader` and `writer` are asked for.
    fn called(vm: &Vm, dialect: Option<&Value>, keywords: &Args) -> PyResult<Ref<Dialect>> {
        let mut given = [const { None }; 8];
        let mut dialect = dialect;
        for (name, value) in keywords.keywords() {
            match OPTIONS.iter().position(|o| o.as_bytes() == name.as_bytes()) {
                Some(i) => given[i] = Some(value.clone()),
                None if name.as_bytes() == b"dialect" => dialect = Some(value),
                None => {
                    return Err(vm.type_error(format!(
                        "this function got an unexpected keyword argument '{}'",
                        name.to_string_lossy()
                    )));
                }
            }
        }
        let made = Dialect::of(vm, vm.class::<Dialect>(), dialect, given)?;
        made.downcast_into::<Dialect>()
            .map_err(|_| vm.type_error("not a dialect"))
    }
}

fn registered(vm: &Vm, name: &Value) -> PyResult {
    match dialects(vm)?.get(vm, name)? {
        Some(dialect) => Ok(dialect),
        None => Err(error(vm, "unknown dialect")),
    }
}

fn char_value(vm: &Vm, c: u32) -> PyResult {
    match c {
        NOT_SET => Ok(Value::NONE),
        c => Ok(vm.new_char(c)?.into_value()),
    }
}

#[pymethods]
impl Dialect {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let positional = args.positional();
        if positional.len() > 9 {
            return Err(vm.type_error(format!(
                "Dialect() takes at most 9 arguments ({} given)",
                args.args.len()
            )));
        }
        let mut given = [const { None }; 8];
        for (to, value) in given.iter_mut().zip(positional.iter().skip(1)) {
            *to = Some(value.clone());
        }
        let mut dialect = positional.first();
        for (name, value) in args.keywords() {
            match OPTIONS.iter().position(|o| o.as_bytes() == name.as_bytes()) {
                Some(i) => given[i] = Some(value.clone()),
                None if name.as_bytes() == b"dialect" => dialect = Some(value),
                None => {
                    return Err(vm.type_error(format!(
                        "Dialect() got an unexpected keyword argument '{}'",
                        name.to_string_lossy()
                    )));
                }
            }
        }
        Dialect::of(vm, cls, dialect, given)
    }

    /// raises an exception to avoid pickling
    #[pymethod(raw)]
    fn __reduce__(vm: &Vm, args: Args) -> PyResult {
        Dialect::no_pickle(vm, &args)
    }

    /// raises an exception to avoid pickling
    #[pymethod(raw)]
    fn __reduce_ex__(vm: &Vm, args: Args) -> PyResult {
        Dialect::no_pickle(vm, &args)
    }

    #[pygetter]
    fn delimiter(&self, vm: &Vm) -> PyResult {
        char_value(vm, self.delimiter)
    }
    #[pygetter]
    fn escapechar(&self, vm: &Vm) -> PyResult {
        char_value(vm, self.escapechar)
    }
    #[pygetter]
    fn lineterminator(&self) -> Value {
        self.lineterminator.to_value()
    }
    #[pygetter]
    fn quotechar(&self, vm: &Vm) -> PyResult {
        char_value(vm, self.quotechar)
    }
    #[pygetter]
    fn quoting(&self) -> i64 {
        self.quoting
    }
    #[pymember]
    fn skipinitialspace(&self) -> bool {
        self.skipinitialspace
    }
    #[pymember]
    fn doublequote(&self) -> bool {
        self.doublequote
    }
    #[pymember]
    fn strict(&self) -> bool {
        self.strict
    }
}

impl Dialect {
    fn no_pickle(vm: &Vm, args: &Args) -> PyResult {
        let name = args
            .args
            .first()
            .map_or(String::new(), |v| vm.type_of(v).name());
        Err(vm.type_error(format!("cannot pickle '{name}' instances")))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    StartRecord,
    StartField,
    Escaped,
    InField,
    InQuoted,
    EscapedInQuoted,
    QuoteInQuoted,
    EatNewline,
    AfterEscapedNewline,
}

/// A record being read.
struct Record {
    fields: Vec<Value>,
    field: Vec<u8>,
    chars: i64,
    unquoted: bool,
    place: Place,
    limit: i64,
}

impl Record {
    fn save(&mut self, vm: &Vm, dialect: &Dialect) -> PyResult<()> {
        let mode = dialect.quoting;
        let value = if self.unquoted
            && self.field.is_empty()
            && matches!(mode, QUOTE_NOTNULL | QUOTE_STRINGS)
        {
            Value::NONE
        } else {
            let text = vm.new_str_wtf8(&self.field)?.into_value();
            if self.unquoted
                && !self.field.is_empty()
                && matches!(mode, QUOTE_NONNUMERIC | QUOTE_STRINGS)
            {
                vm.new_float(naja_vm::float::from_object(vm, &text)?)?
            } else {
                text
            }
        };
        self.field.clear();
        self.chars = 0;
        self.unquoted = true;
        self.fields.push(value);
        Ok(())
    }

    fn add(&mut self, vm: &Vm, c: u32) -> PyResult<()> {
        if self.chars >= self.limit {
            return Err(error(
                vm,
                format!("field larger than field limit ({})", self.limit),
            ));
        }
        self.chars += 1;
        push_code_point(&mut self.field, c);
        Ok(())
    }

    fn end_field(&mut self, vm: &Vm, dialect: &Dialect, c: u32) -> PyResult<()> {
        self.save(vm, dialect)?;
        self.place = if c == END {
            Place::StartRecord
        } else {
            Place::EatNewline
        };
        Ok(())
    }

    fn step(&mut self, vm: &Vm, d: &Dialect, c: u32) -> PyResult<()> {
        let newline = c == 10 || c == 13;
        match self.place {
            Place::StartRecord if c == END => {}
            Place::StartRecord if newline => self.place = Place::EatNewline,
            Place::StartRecord | Place::StartField => {
                self.place = Place::StartField;
                if newline || c == END {
                    self.end_field(vm, d, c)?
                } else if c == d.quotechar && d.quoting != QUOTE_NONE {
                    self.unquoted = false;
                    self.place = Place::InQuoted;
                } else if c == d.escapechar {
                    self.place = Place::Escaped;
                } else if c == 32 && d.skipinitialspace {
                } else if c == d.delimiter {
                    self.save(vm, d)?;
                    self.place = Place::StartField;
                } else {
                    self.add(vm, c)?;
                    self.place = Place::InField;
                }
            }
            Place::Escaped => {
                self.place = if newline {
                    Place::AfterEscapedNewline
                } else {
                    Place::InField
                };
                self.add(vm, if c == END { 10 } else { c })?;
            }
            Place::AfterEscapedNewline if c == END => {}
            Place::AfterEscapedNewline | Place::InField => {
                if newline || c == END {
                    self.end_field(vm, d, c)?
                } else if c == d.escapechar {
                    self.place = Place::Escaped;
                } else if c == d.delimiter {
                    self.save(vm, d)?;
                    self.place = Place::StartField;
                } else {
                    self.add(vm, c)?;
                }
            }
            Place::InQuoted => {
                if c == END {
                } else if c == d.escapechar {
                    self.place = Place::EscapedInQuoted;
                } else if c == d.quotechar && d.quoting != QUOTE_NONE {
                    self.place = if d.doublequote {
                        Place::QuoteInQuoted
                    } else {
                        Place::InField
                    };
                } else {
                    self.add(vm, c)?;
                }
            }
            Place::EscapedInQuoted => {
                self.add(vm, if c == END { 10 } else { c })?;
                self.place = Place::InQuoted;
            }
            Place::QuoteInQuoted => {
                if d.quoting != QUOTE_NONE && c == d.quotechar {
                    self.add(vm, c)?;
                    self.place = Place::InQuoted;
                } else if c == d.delimiter {
                    self.save(vm, d)?;
                    self.place = Place::StartField;
                } else if newline || c == END {
                    self.end_field(vm, d, c)?
                } else if !d.strict {
                    self.add(vm, c)?;
                    self.place = Place::InField;
                } else {
                    let shown = |c: u32| char::from_u32(c).unwrap_or('\u{fffd}');
                    return Err(error(
                        vm,
                        format!(
                            "'{}' expected after '{}'",
                            shown(d.delimiter),
                            shown(d.quotechar)
                        ),
                    ));
                }
            }
            Place::EatNewline if newline => {}
            Place::EatNewline if c == END => self.place = Place::StartRecord,
            Place::EatNewline => {
                return Err(error(
                    vm,
                    "new-line character seen in unquoted field - do you need to open the file with newline=''?",
                ));
            }
        }
        Ok(())
    }
}

/// CSV reader
///
/// Reader objects are responsible for reading and parsing tabular data
/// in CSV format.
#[pyclass(name = "reader", module = "_csv", gc, flags(NO_NEW))]
pub struct Reader {
    input: Value,
    dialect: Ref<Dialect>,
    lines: Cell<u64>,
}

impl Traverse for Reader {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.input);
        v.reference(&self.dialect);
    }
    fn clear(&self) {}
}

#[pymethods]
impl Reader {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let dialect = &zelf.dialect;
        let mut record = Record {
            fields: Vec::new(),
            field: Vec::new(),
            chars: 0,
            unquoted: true,
            place: Place::StartRecord,
            limit: vm.interp.module_state::<State>().field_limit.get(),
        };
        let mut seen = zelf.lines.get();
        loop {
            let Some(line) = iterator::next(vm, &zelf.input)? else {
                if record.chars != 0 || record.place == Place::InQuoted {
                    if dialect.strict {
                        return Err(error(vm, "unexpected end of data"));
                    }
                    record.save(vm, dialect)?;
                    break;
                }
                return Ok(None);
            };
            let Some(text) = str_::of(&line) else {
                return Err(error(
                    vm,
                    format!(
                        "iterator should return strings, not {} (the file should be opened in text mode)",
                        vm.type_of(&line).full_name()
                    ),
                ));
            };
            if zelf.lines.get() != seen {
                return Err(error(vm, "iterator has already advanced the reader"));
            }
            seen += 1;
            zelf.lines.set(seen);
            if text.is_ascii() {
                for c in text.as_bytes() {
                    record.step(vm, dialect, u32::from(*c))?;
                }
            } else {
                for c in text.code_points() {
                    record.step(vm, dialect, c)?;
                }
            }
            record.step(vm, dialect, END)?;
            if record.place == Place::StartRecord {
                break;
            }
        }
        Ok(Some(vm.new_list(record.fields)?.into_value()))
    }

    #[pymember]
    fn dialect(&self) -> Value {
        self.dialect.to_value()
    }

    #[pymember]
    fn line_num(&self) -> u64 {
        self.lines.get()
    }
}

/// CSV writer
///
/// Writer objects are responsible for generating tabular data
/// in CSV format from sequence input.
#[pyclass(name = "writer", module = "_csv", gc, flags(NO_NEW))]
pub struct Writer {
    write: Value,
    dialect: Ref<Dialect>,
}

impl Traverse for Writer {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.write);
        v.reference(&self.dialect);
    }
    fn clear(&self) {}
}

impl Writer {
    /// Appends a field to a record; `first` for the record's first.
    fn field(
        &self,
        vm: &Vm,
        out: &mut Vec<u8>,
        text: Option<&Str>,
        mut quoted: bool,
        first: bool,
    ) -> PyResult<()> {
        let d = &*self.dialect;
        if !first {
            push_code_point(out, d.delimiter);
        }
        let start = out.len();
        let mut empty = true;
        if let Some(text) = text {
            for c in text.code_points() {
                empty = false;
                let special = c == d.delimiter
                    || c == d.escapechar
                    || c == d.quotechar
                    || c == 10
                    || c == 13
                    || d.lineterminator.code_points().any(|x| x == c);
                if special {
                    let mut escape = false;
                    if d.quoting == QUOTE_NONE {
                        escape = true;
                    } else if c == d.quotechar {
                        if d.doublequote {
                            push_code_point(out, d.quotechar);
                        } else {
                            escape = true;
                        }
                    } else if c == d.escapechar {
                        escape = true;
                    }
                    if !escape {
                        quoted = true;
                    } else if d.escapechar == NOT_SET {
                        return Err(error(vm, "need to escape, but no escapechar set"));
                    } else {
                        push_code_point(out, d.escapechar);
                    }
                }
                push_code_point(out, c);
            }
        }
        if empty && d.delimiter == 32 && d.skipinitialspace {
            if d.quoting == QUOTE_NONE
                || (text.is_none() && matches!(d.quoting, QUOTE_STRINGS | QUOTE_NOTNULL))
            {
                return Err(error(
                    vm,
                    "empty field must be quoted if delimiter is a space and skipinitialspace is true",
                ));
            }
            quoted = true;
        }
        if quoted {
            let mut quote = Vec::new();
            push_code_point(&mut quote, d.quotechar);
            out.splice(start..start, quote.iter().copied());
            out.extend_from_slice(&quote);
        }
        Ok(())
    }

    fn record(&self, vm: &Vm, row: &Value) -> PyResult<Ref<Str>> {
        let d = &*self.dialect;
        let fields = match iterator::iter(vm, row) {
            Ok(fields) => fields,
            Err(_) if vm.catch(&vm.types.type_error) => {
                let name = vm.type_of(row).full_name();
                return Err(error(vm, format!("iterable expected, not {name}")));
            }
            Err(raised) => return Err(raised),
        };
        let mut out = Vec::new();
        let (mut count, mut null) = (0, false);
        while let Some(field) = iterator::next(vm, &fields)? {
            let slots = &vm.type_of(&field).slots;
            let quoted = match d.quoting {
                QUOTE_NONNUMERIC => {
                    slots.index.get().is_none()
                        && slots.int.get().is_none()
                        && slots.float.get().is_none()
                        && field.downcast::<naja_vm::complex::Complex>().is_none()
                }
                QUOTE_ALL => true,
                QUOTE_STRINGS => str_::of(&field).is_some(),
                QUOTE_NOTNULL => !field.is_none(),
                _ => false,
            };
            null = field.is_none();
            if let Some(text) = str_::of(&field) {
                self.field(vm, &mut out, Some(text), quoted, count == 0)?;
            } else if null {
                self.field(vm, &mut out, None, quoted, count == 0)?;
            } else {
                let text = object::str(vm, &field)?;
                self.field(vm, &mut out, Some(&text), quoted, count == 0)?;
            }
            count += 1;
        }
        if count > 0 && out.is_empty() {
            if d.quoting == QUOTE_NONE
                || (null && matches!(d.quoting, QUOTE_STRINGS | QUOTE_NOTNULL))
            {
                return Err(error(vm, "single empty field record must be quoted"));
            }
            self.field(vm, &mut out, None, true, true)?;
        }
        out.extend_from_slice(d.lineterminator.as_bytes());
        vm.new_str_wtf8(&out)
    }
}

#[pymethods]
impl Writer {
    /// Construct and write a CSV record from an iterable of fields.
    ///
    /// Non-string elements will be converted to string.
    #[pymethod(sig = "($self, row, /)")]
    fn writerow(&self, vm: &Vm, row: &Value) -> PyResult {
        let record = self.record(vm, row)?;
        vm.call(&self.write, &[record.into_value()])
    }

    /// Construct and write a series of iterables to a csv file.
    ///
    /// Non-string elements will be converted to string.
    #[pymethod(sig = "($self, rows, /)")]
    fn writerows(&self, vm: &Vm, rows: &Value) -> PyResult<()> {
        let rows = iterator::iter(vm, rows)?;
        while let Some(row) = iterator::next(vm, &rows)? {
            let record = self.record(vm, &row)?;
            vm.call(&self.write, &[record.into_value()])?;
        }
        Ok(())
    }

    #[pymember]
    fn dialect(&self) -> Value {
        self.dialect.to_value()
    }
}

/// The one or two positional arguments of `reader` and `writer`.
fn source_and_dialect<'a>(
    vm: &Vm,
    args: &Args<'a>,
    name: &str,
) -> PyResult<(&'a Value, Option<&'a Value>)> {
    match args.positional() {
        [] => Err(vm.type_error(format!("{name} expected at least 1 argument, got 0"))),
        [source] => Ok((source, None)),
        [source, dialect] => Ok((source, Some(dialect))),
        many => Err(vm.type_error(format!(
            "{name} expected at most 2 arguments, got {}",
            many.len()
        ))),
    }
}

#[pymodule(name = "_csv", doc = "CSV parsing and writing.\n", classes(Dialect))]
pub mod module {
    use super::*;

    #[pyattr(name = "Error")]
    fn error_attr(vm: &Vm) -> PyResult {
        Ok(error_class(vm)?.into_value())
    }

    #[pyattr(name = "_dialects")]
    fn dialects_attr(vm: &Vm) -> PyResult {
        Ok(dialects(vm)?.into_value())
    }

    #[pyattr(name = "Reader")]
    fn reader_class(vm: &Vm) -> Value {
        vm.class::<Reader>().to_value()
    }

    #[pyattr(name = "Writer")]
    fn writer_class(vm: &Vm) -> Value {
        vm.class::<Writer>().to_value()
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<naja_vm::module::Module>) -> PyResult<()> {
        for (name, value) in [
            ("QUOTE_MINIMAL", QUOTE_MINIMAL),
            ("QUOTE_ALL", QUOTE_ALL),
            ("QUOTE_NONNUMERIC", QUOTE_NONNUMERIC),
            ("QUOTE_NONE", QUOTE_NONE),
            ("QUOTE_STRINGS", QUOTE_STRINGS),
            ("QUOTE_NOTNULL", QUOTE_NOTNULL),
        ] {
            module.set(vm, name, vm.new_int(value)?)?;
        }
        Ok(())
    }

    /// Return a reader object that will process lines from the given iterable.
    ///
    /// The "iterable" argument can be any object that returns a line
    /// of input for each iteration, such as a file object or a list.  The
    /// optional "dialect" argument defines a CSV dialect.
    #[pyfunction(raw)]
    fn reader(vm: &Vm, args: Args) -> PyResult {
        let (source, dialect) = source_and_dialect(vm, &args, "reader")?;
        let input = iterator::iter(vm, source)?;
        let reader = Reader {
            input,
            dialect: Dialect::called(vm, dialect, &args)?,
            lines: Cell::new(0),
        };
        Ok(vm.new_object(reader)?.into_value())
    }

    /// Return a writer object that will write user data on the given file object.
    ///
    /// The "fileobj" argument can be any object that supports the file API.
    /// The optional "dialect" argument defines a CSV dialect.
    #[pyfunction(raw)]
    fn writer(vm: &Vm, args: Args) -> PyResult {
        let (file, dialect) = source_and_dialect(vm, &args, "writer")?;
        let dialect = Dialect::called(vm, dialect, &args)?;
        let write = attributes::get_optional(vm, file, &vm.intern("write"))?;
        let callable = |w: &Value| vm.type_of(w).slots.call.get().is_some();
        let Some(write) = write.filter(callable) else {
            return Err(vm.type_error("argument 1 must have a \"write\" method"));
        };
        Ok(vm.new_object(Writer { write, dialect })?.into_value())
    }

    /// Create a mapping from a string name to a CVS dialect.
    #[pyfunction(raw)]
    fn register_dialect(vm: &Vm, args: Args) -> PyResult {
        let (name, dialect) = source_and_dialect(vm, &args, "register_dialect")?;
        if str_::of(name).is_none() {
            return Err(vm.type_error("dialect name must be a string"));
        }
        let dialect = Dialect::called(vm, dialect, &args)?;
        dialects(vm)?.set(vm, name, dialect.into_value())?;
        Ok(Value::NONE)
    }

    /// Delete the name/dialect mapping associated with a string name.
    #[pyfunction(sig = "($module, /, name)")]
    fn unregister_dialect(vm: &Vm, name: &Value) -> PyResult<()> {
        match dialects(vm)?.remove(vm, name)? {
            Some(_) => Ok(()),
            None => Err(error(vm, "unknown dialect")),
        }
    }

    /// Return the dialect instance associated with name.
    #[pyfunction(sig = "($module, /, name)")]
    fn get_dialect(vm: &Vm, name: &Value) -> PyResult {
        registered(vm, name)
    }

    /// Return a list of all known dialect names.
    #[pyfunction(sig = "($module, /)")]
    fn list_dialects(vm: &Vm) -> PyResult {
        let names = dialects(vm)?.items_vec().into_iter().map(|(name, _)| name);
        Ok(vm.new_list(names.collect())?.into_value())
    }

    /// Sets an upper limit on parsed fields.
    ///
    /// Returns old limit. If limit is not given, no new limit is set and
    /// the old limit is returned
    #[pyfunction(sig = "($module, /, new_limit=<unrepresentable>)")]
    fn field_size_limit(vm: &Vm, new_limit: Option<&Value>) -> PyResult<i64> {
        let state = vm.interp.module_state::<State>();
        let old = state.field_limit.get();
        if let Some(limit) = new_limit {
            if !number::is_int(vm, limit) {
                return Err(vm.type_error("limit must be an integer"));
            }
            match int::as_i64(limit) {
                Some(limit) => state.field_limit.set(limit),
                None => {
                    return Err(vm.overflow_error("Python int too large to convert to C long"));
                }
            }
        }
        Ok(old)
    }
}
