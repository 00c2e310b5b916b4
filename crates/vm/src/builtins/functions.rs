//! The functions of the module `builtins`.
//!
//! Each is a thin layer over `protocols/`: it checks its arguments with CPython's messages and asks the protocol. What
//! needs more room has a file of its own: `build_class.rs`, `compile.rs` (compile, eval, exec), `print.rs`.
//! CPython: Python/bltinmodule.c.

use crate::function::{Args, OrNone};
use crate::objects::bytearray::ByteArray;
use crate::objects::bytes::Bytes;
use crate::objects::complex::Complex;
use crate::objects::dict::Dict;
use crate::objects::frame::proxy::FrameLocalsProxy;
use crate::objects::list::List;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::protocols::attributes;
use crate::protocols::compare::{self, CompareOp};
use crate::protocols::{hash as hashing, iterator, number, object};
use crate::vm::{PyResult, Raised, Vm};
use dashu_int::IBig;
use naja_heap::{Ref, Value};
use naja_macros::pymodule;

/// Checks the number of positional arguments, and that there are no keywords, with `PyArg_UnpackTuple`'s messages.
pub(crate) fn positional<'a>(
    vm: &Vm,
    name: &str,
    args: Args<'a>,
    min: usize,
    max: usize,
) -> PyResult<&'a [Value]> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{name}() takes no keyword arguments")));
    }
    let got = args.args.len();
    if got >= min && got <= max {
        return Ok(args.args);
    }
    let (limit, n) = if got < min {
        ("at least ", min)
    } else {
        ("at most ", max)
    };
    let limit = if min == max { "" } else { limit };
    let s = if n == 1 { "" } else { "s" };
    Err(vm.type_error(format!("{name} expected {limit}{n} argument{s}, got {got}")))
}

/// The local variables of the innermost Python frame, as `locals()` gives them.
pub fn current_locals(vm: &Vm) -> PyResult {
    let frame = match vm.visible_frame() {
        Some(frame) => std::ptr::from_ref(frame).cast_mut(),
        None => return Err(vm.system_error("frame does not exist")),
    };
    let frame = crate::objects::frame::frame_object(vm, frame)?;
    let locals = attributes::get_by(vm, frame.as_value(), "f_locals")?;
    if locals.downcast::<FrameLocalsProxy>().is_none() {
        return Ok(locals);
    }
    // In a function each call gives a snapshot of its own (PEP 667).
    let snapshot = vm.new_dict()?;
    crate::objects::dict::methods::update_from_mapping(vm, &snapshot, &locals)?;
    Ok(snapshot.into_value())
}

/// `dir(object)`, or of the local variables.
pub fn dir_of(vm: &Vm, value: Option<&Value>) -> PyResult {
    let names = match value {
        Some(value) => match vm.call_special(value, &vm.names.__dir__, &[])? {
            Some(names) => crate::protocols::sequence::collect(vm, &names)?,
            None => return Err(vm.type_error("object does not provide __dir__")),
        },
        None => {
            let locals = current_locals(vm)?;
            match locals
                .downcast::<Dict>()
                .filter(|_| vm.type_of(&locals).is(&vm.types.dict))
            {
                Some(dict) => dict.items_vec().into_iter().map(|(key, _)| key).collect(),
                None => {
                    let keys = vm.call_method(&locals, &vm.names.keys, &[])?;
                    crate::protocols::sequence::collect(vm, &keys)?
                }
            }
        }
    };
    let list = vm.new_list(names)?.into_value();
    vm.call_method(&list, &vm.names.sort, &[])?;
    Ok(list)
}

/// `min` and `max`.
fn extreme(vm: &Vm, args: Args, name: &str, op: CompareOp) -> PyResult {
    let (mut key, mut default) = (None, None);
    for (keyword, value) in args.keywords() {
        match &*keyword.to_string_lossy() {
            "key" => key = Some(value).filter(|k| !k.is_none()),
            "default" => default = Some(value),
            other => {
                return Err(vm.type_error(format!(
                    "{name}() got an unexpected keyword argument '{other}'"
                )));
            }
        }
    }
    let given = args.positional();
    let best = match given {
        [] => return Err(vm.type_error(format!("{name} expected at least 1 argument, got 0"))),
        [iterable] => match key.is_none().then(|| quick_best(vm, iterable, op)) {
            Some(Some(best)) => best,
            _ => {
                let mut items = iterator::Items::of(vm, iterable)?;
                best_of(vm, || items.next(vm), key, op)?
            }
        },
        many => {
            if default.is_some() {
                return Err(vm.type_error(format!(
                    "Cannot specify a default for {name}() with multiple positional arguments"
                )));
            }
            let mut items = many.iter();
            best_of(vm, || Ok(items.next().cloned()), key, op)?
        }
    };
    match (best, default) {
        (Some(item), _) => Ok(item),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(vm.value_error(format!("{name}() iterable argument is empty"))),
    }
}

/// As `best_of` for a plain list, tuple or set whose items are compared without asking any class; None for anything else.
fn quick_best(vm: &Vm, items: &Value, op: CompareOp) -> Option<Option<Value>> {
    fn walk<'a>(
        vm: &Vm,
        mut items: impl Iterator<Item = &'a Value>,
        op: CompareOp,
    ) -> Option<Option<Value>> {
        let Some(mut best) = items.next() else {
            return Some(None);
        };
        for item in items {
            let order = match (item.as_small_int(), best.as_small_int()) {
                (Some(x), Some(y)) => x.cmp(&y),
                _ => compare::quick_order(vm, item, best)?,
            };
            if op.holds(order) {
                best = item
            }
        }
        Some(Some(best.clone()))
    }
    let ty = vm.type_of(items);
    if ty.is(&vm.types.list) {
        return items
            .downcast::<List>()?
            .look(|items| walk(vm, items.iter(), op));
    }
    if ty.is(&vm.types.tuple) {
        return walk(vm, items.downcast::<Tuple>()?.items().iter(), op);
    }
    if ty.is(&vm.types.set) || ty.is(&vm.types.frozenset) {
        let core = crate::objects::set::core::core(items)?;
        return core.table.with(|table| {
            let elements = table.slots().iter().filter_map(|slot| slot.key.as_ref());
            walk(vm, elements, op)
        });
    }
    None
}

/// The first item that no other one is `op` to, by `key(item)` if there is a key function.
#[inline(always)]
fn best_of(
    vm: &Vm,
    mut next: impl FnMut() -> PyResult<Option<Value>>,
    key: Option<&Value>,
    op: CompareOp,
) -> PyResult<Option<Value>> {
    let better = |new: &Value, old: &Value| match compare::quick_order(vm, new, old) {
        Some(order) => Ok(op.holds(order)),
        None => {
            let result = compare::rich_compare(vm, new, old, op)?;
            object::is_true(vm, &result)
        }
    };
    let Some(mut best) = next()? else {
        return Ok(None);
    };
    let Some(key) = key else {
        while let Some(item) = next()? {
            if better(&item, &best)? {
                best = item
            }
        }
        return Ok(Some(best));
    };
    let mut most = vm.call(key, std::slice::from_ref(&best))?;
    while let Some(item) = next()? {
        let value = vm.call(key, std::slice::from_ref(&item))?;
        if better(&value, &most)? {
            (best, most) = (item, value)
        }
    }
    Ok(Some(best))
}

/// An int in base 2, 8 or 16 with its prefix.
fn in_base(vm: &Vm, value: &Value, base: u32) -> PyResult<String> {
    if let Some(n) = value.as_small_int() {
        let (bits, letter) = match base {
            2 => (1, b'b'),
            8 => (3, b'o'),
            _ => (4, b'x'),
        };
        let (mut text, mut rest) = (Vec::with_capacity(67), n.unsigned_abs());
        while rest > 0 || text.is_empty() {
            text.push(b"0123456789abcdef"[rest as usize & ((1 << bits) - 1)]);
            rest >>= bits;
        }
        text.extend_from_slice(&[letter, b'0']);
        if n < 0 {
            text.push(b'-');
        }
        text.reverse();
        return Ok(String::from_utf8(text).unwrap_or_default());
    }
    let n: IBig = number::index_big(vm, value)?;
    let digits = match base {
        2 => format!("{n:b}"),
        8 => format!("{n:o}"),
        _ => format!("{n:x}"),
    };
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        _ => "0x",
    };
    Ok(match digits.strip_prefix('-') {
        Some(digits) => format!("-{prefix}{digits}"),
        None => format!("{prefix}{digits}"),
    })
}

/// A compensated sum of floats (Neumaier), as `sum()` does since Python 3.12.
#[derive(Clone, Copy)]
struct FloatSum {
    high: f64,
    low: f64,
}

impl FloatSum {
    fn add(&mut self, x: f64) {
        let t = self.high + x;
        self.low += if self.high.abs() >= x.abs() {
            (self.high - t) + x
        } else {
            (x - t) + self.high
        };
        self.high = t;
    }

    fn value(self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() {
            self.high + self.low
        } else {
            self.high
        }
    }
}

fn exact_float(vm: &Vm, value: &Value) -> Option<f64> {
    if value.is_small_int() {
        None
    } else {
        crate::objects::float::exact(vm, value)
    }
}

fn exact_complex(vm: &Vm, value: &Value) -> Option<(f64, f64)> {
    let z = value.downcast::<Complex>()?;
    vm.type_of(value)
        .is(&vm.types.complex)
        .then_some((z.re, z.im))
}

/// `sum()`: native additions while all items are small ints or floats.
fn sum_of(vm: &Vm, iterable: &Value, start: Value) -> PyResult {
    let mut items = iterator::Items::of(vm, iterable)?;
    let mut total = start;
    let mut pending;
    // ints
    if let Some(mut n) = total.as_small_int() {
        loop {
            let Some(item) = items.next(vm)? else {
                return vm.new_int(n);
            };
            match item.as_small_int().and_then(|x| n.checked_add(x)) {
                Some(new) => n = new,
                None => {
                    total = vm.new_int(n)?;
                    pending = Some(item);
                    break;
                }
            }
        }
        if let Some(item) = pending.take() {
            total = number::binary_op(vm, ADD, &total, &item)?;
        }
    }
    // floats
    if let Some(f) = exact_float(vm, &total) {
        let mut sum = FloatSum { high: f, low: 0.0 };
        loop {
            let Some(item) = items.next(vm)? else {
                return vm.new_float(sum.value());
            };
            if let Some(x) = exact_float(vm, &item) {
                sum.add(x);
            } else if let Some(n) = item.as_small_int() {
                sum.high += n as f64;
            } else {
                total = vm.new_float(sum.value())?;
                total = number::binary_op(vm, ADD, &total, &item)?;
                break;
            }
        }
    }
    // complex numbers
    if let Some(z) = exact_complex(vm, &total) {
        let mut re = FloatSum {
            high: z.0,
            low: 0.0,
        };
        let mut im = FloatSum {
            high: z.1,
            low: 0.0,
        };
        loop {
            let Some(item) = items.next(vm)? else {
                return vm.new_complex(re.value(), im.value());
            };
            if let Some((x, y)) = exact_complex(vm, &item) {
                re.add(x);
                im.add(y);
            } else if let Some(x) = exact_float(vm, &item) {
                re.add(x);
            } else if let Some(n) = item.as_small_int() {
                re.high += n as f64;
            } else {
                total = vm.new_complex(re.value(), im.value())?;
                total = number::binary_op(vm, ADD, &total, &item)?;
                break;
            }
        }
    }
    while let Some(item) = items.next(vm)? {
        total = number::binary_op(vm, ADD, &total, &item)?;
        vm.check_signals()?;
    }
    Ok(total)
}

/// The number of `+` among the binary operations (`NB_ADD`).
const ADD: u32 = 0;

/// Built-in functions, types, exceptions, and other objects.
///
/// This module provides direct access to all 'built-in'
/// identifiers of Python; for example, builtins.len is
/// the full name for the built-in function len().
///
/// This module is not normally accessed explicitly by most
/// applications, but can be useful in modules that provide
/// objects with the same name as a builtin and need to
/// access the built-in object.
#[pymodule(name = "builtins")]
pub mod module {
    use super::*;

    /// Return the absolute value of the argument.
    #[pyfunction(sig = "(number, /)")]
    fn abs(vm: &Vm, number: &Value) -> PyResult {
        number::absolute(vm, number)
    }

    /// Return True if bool(x) is True for all values x in the iterable.
    ///
    /// If the iterable is empty, return True.
    #[pyfunction(sig = "(iterable, /)")]
    fn all(vm: &Vm, iterable: &Value) -> PyResult<bool> {
        let mut items = iterator::Items::of(vm, iterable)?;
        while let Some(item) = items.next(vm)? {
            if !object::is_true(vm, &item)? {
                return Ok(false);
            }
            vm.check_signals()?;
        }
        Ok(true)
    }

    /// Return True if bool(x) is True for any x in the iterable.
    ///
    /// If the iterable is empty, return False.
    #[pyfunction(sig = "(iterable, /)")]
    fn any(vm: &Vm, iterable: &Value) -> PyResult<bool> {
        let mut items = iterator::Items::of(vm, iterable)?;
        while let Some(item) = items.next(vm)? {
            if object::is_true(vm, &item)? {
                return Ok(true);
            }
            vm.check_signals()?;
        }
        Ok(false)
    }

    /// Return an ASCII-only representation of an object.
    ///
    /// As repr(), return a string containing a printable representation of an
    /// object, but escape the non-ASCII characters in the string returned by
    /// repr() using \\x, \\u or \\U escapes. This generates a string similar
    /// to that returned by repr() in Python 2.
    #[pyfunction(sig = "(obj, /)")]
    fn ascii(vm: &Vm, obj: &Value) -> PyResult<Ref<Str>> {
        object::ascii(vm, obj)
    }

    /// Return the binary representation of an integer.
    ///
    ///    >>> bin(2796202)
    ///    '0b1010101010101010101010'
    #[pyfunction(sig = "(number, /)")]
    fn bin(vm: &Vm, number: &Value) -> PyResult<String> {
        in_base(vm, number, 2)
    }

    /// Return whether the object is callable (i.e., some kind of function).
    ///
    /// Note that classes are callable, as are instances of classes with a
    /// __call__() method.
    #[pyfunction(sig = "(obj, /)")]
    fn callable(vm: &Vm, obj: &Value) -> bool {
        vm.type_of(obj).slots.call.get().is_some()
    }

    /// Return a Unicode string of one character with ordinal i; 0 <= i <= 0x10ffff.
    #[pyfunction(sig = "(i, /)")]
    fn chr(vm: &Vm, i: &Value) -> PyResult<Ref<Str>> {
        match number::index_i64(vm, i)? {
            Some(n @ 0..=0x10ffff) => vm.new_char(n as u32),
            _ => Err(vm.value_error("chr() arg not in range(0x110000)")),
        }
    }

    /// Compile source into a code object that can be executed by exec() or eval().
    ///
    /// The source code may represent a Python module, statement or expression.
    /// The filename will be used for run-time error messages.
    /// The mode must be 'exec' to compile a module, 'single' to compile a
    /// single (interactive) statement, or 'eval' to compile an expression.
    /// The flags argument, if present, controls which future statements influence
    /// the compilation of the code.
    /// The dont_inherit argument, if true, stops the compilation inheriting
    /// the effects of any future statements in effect in the code calling
    /// compile; if absent or false these statements do influence the compilation,
    /// in addition to any features explicitly specified.
    #[pyfunction(
        sig = "(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)"
    )]
    fn compile(
        vm: &Vm,
        source: &Value,
        filename: &Value,
        mode: &str,
        #[default(0)] flags: i32,
        #[default(false)] dont_inherit: bool,
        #[default(-1)] optimize: i32,
        #[default(-1)] _feature_version: i32,
    ) -> PyResult {
        crate::builtins::compile::builtin_compile(
            vm,
            source,
            filename,
            mode,
            flags,
            dont_inherit,
            optimize,
            _feature_version,
        )
    }

    /// Deletes the named attribute from the given object.
    ///
    /// delattr(x, 'y') is equivalent to ``del x.y``
    #[pyfunction(sig = "(obj, name, /)")]
    fn delattr(vm: &Vm, obj: &Value, name: &Value) -> PyResult<()> {
        attributes::set(vm, obj, attributes::name_of(vm, name)?, None)
    }

    /// dir([object]) -> list of strings
    ///
    /// If called without an argument, return the names in the current scope.
    /// Else, return an alphabetized list of names comprising (some of) the attributes
    /// of the given object, and of attributes reachable from it.
    /// If the object supplies a method named __dir__, it will be used; otherwise
    /// the default dir() logic is used and returns:
    ///   for a module object: the module's attributes.
    ///   for a class object:  its attributes, and recursively the attributes
    ///     of its bases.
    ///   for any other object: its attributes, its class's attributes, and
    ///     recursively the attributes of its class's base classes.
    #[pyfunction(raw)]
    fn dir(vm: &Vm, args: Args) -> PyResult {
        dir_of(vm, positional(vm, "dir", args, 0, 1)?.first())
    }

    /// Return the tuple (x//y, x%y).  Invariant: div*y + mod == x.
    #[pyfunction(sig = "(x, y, /)")]
    fn divmod(vm: &Vm, x: &Value, y: &Value) -> PyResult {
        number::divmod(vm, x, y)
    }

    /// Evaluate the given source in the context of globals and locals.
    ///
    /// The source may be a string representing a Python expression
    /// or a code object as returned by compile().
    /// The globals must be a dictionary and locals can be any mapping,
    /// defaulting to the current globals and locals.
    /// If only globals is given, locals defaults to it.
    #[pyfunction(sig = "(source, /, globals=None, locals=None)")]
    fn eval(vm: &Vm, source: &Value, globals: OrNone<Value>, locals: OrNone<Value>) -> PyResult {
        crate::builtins::compile::builtin_eval(vm, source, globals.0, locals.0)
    }

    /// Execute the given source in the context of globals and locals.
    ///
    /// The source may be a string representing one or more Python statements
    /// or a code object as returned by compile().
    /// The globals must be a dictionary and locals can be any mapping,
    /// defaulting to the current globals and locals.
    /// If only globals is given, locals defaults to it.
    /// The closure must be a tuple of cellvars, and can only be used
    /// when source is a code object requiring exactly that many cellvars.
    #[pyfunction(sig = "(source, /, globals=None, locals=None, *, closure=None)")]
    fn exec(
        vm: &Vm,
        source: &Value,
        globals: OrNone<Value>,
        locals: OrNone<Value>,
        closure: OrNone<Value>,
    ) -> PyResult<()> {
        crate::builtins::compile::builtin_exec(vm, source, globals.0, locals.0, closure.0)
    }

    /// Return type(value).__format__(value, format_spec)
    ///
    /// Many built-in types implement format_spec according to the
    /// Format Specification Mini-language. See help('FORMATTING') for
    /// details.
    ///
    /// If type(value) does not supply a method named __format__
    /// and format_spec is empty, then str(value) is returned.
    #[pyfunction(sig = "(value, format_spec='', /)")]
    fn format(vm: &Vm, value: &Value, format_spec: Option<Value>) -> PyResult {
        if let Some(spec) = &format_spec
            && str_::of(spec).is_none()
        {
            return Err(vm.type_error(format!(
                "format() argument 2 must be str, not {}",
                vm.type_of(spec).full_name()
            )));
        }
        object::format(vm, value, format_spec.as_ref())
    }

    /// getattr(object, name[, default]) -> value
    ///
    /// Get a named attribute from an object; getattr(x, 'y') is equivalent to x.y.
    /// When a default argument is given, it is returned when the attribute doesn't
    /// exist; without it, an exception is raised in that case.
    #[pyfunction(raw)]
    fn getattr(vm: &Vm, args: Args) -> PyResult {
        let args = positional(vm, "getattr", args, 2, 3)?;
        let name = attributes::name_of(vm, &args[1])?;
        match args.get(2) {
            None => attributes::get(vm, &args[0], name),
            Some(default) => Ok(
                attributes::get_optional(vm, &args[0], name)?.unwrap_or_else(|| default.clone())
            ),
        }
    }

    /// Return the dictionary containing the current scope's global variables.
    ///
    /// NOTE: Updates to this dictionary *will* affect name lookups in the current
    /// global scope and vice-versa.
    #[pyfunction(sig = "()")]
    fn globals(vm: &Vm) -> PyResult {
        match vm.current_globals() {
            Some(globals) => Ok(globals.into_value()),
            None => Err(vm.system_error("globals() called without a frame")),
        }
    }

    /// Return whether the object has an attribute with the given name.
    ///
    /// This is done by calling getattr(obj, name) and catching AttributeError.
    #[pyfunction(sig = "(obj, name, /)")]
    fn hasattr(vm: &Vm, obj: &Value, name: &Value) -> PyResult<bool> {
        Ok(attributes::get_optional(vm, obj, attributes::name_of(vm, name)?)?.is_some())
    }

    /// Return the hash value for the given object.
    ///
    /// Two objects that compare equal must also have the same hash value, but the
    /// reverse is not necessarily true.
    #[pyfunction(sig = "(obj, /)")]
    fn hash(vm: &Vm, obj: &Value) -> PyResult<i64> {
        hashing::hash(vm, obj)
    }

    /// Return the hexadecimal representation of an integer.
    ///
    ///    >>> hex(12648430)
    ///    '0xc0ffee'
    #[pyfunction(sig = "(number, /)")]
    fn hex(vm: &Vm, number: &Value) -> PyResult<String> {
        in_base(vm, number, 16)
    }

    /// Return the identity of an object.
    ///
    /// This is guaranteed to be unique among simultaneously existing objects.
    /// (CPython uses the object's memory address.)
    #[pyfunction(sig = "(obj, /)")]
    fn id(obj: &Value) -> u64 {
        match obj.header() {
            Some(header) => std::ptr::from_ref(header) as u64,
            None => obj.bits(),
        }
    }

    /// Read a string from standard input.  The trailing newline is stripped.
    ///
    /// The prompt string, if given, is printed to standard output without a
    /// trailing newline before reading input.
    ///
    /// If the user hits EOF (*nix: Ctrl-D, Windows: Ctrl-Z+Return), raise EOFError.
    /// On *nix systems, readline is used if available.
    #[pyfunction(sig = "(prompt='', /)")]
    fn input(vm: &Vm, prompt: Option<Value>) -> PyResult {
        crate::builtins::print::input(vm, prompt.as_ref())
    }

    /// Return whether an object is an instance of a class or of a subclass thereof.
    ///
    /// A tuple, as in ``isinstance(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``isinstance(x, A) or isinstance(x, B)
    /// or ...`` etc.
    #[pyfunction(sig = "(obj, class_or_tuple, /)")]
    fn isinstance(vm: &Vm, obj: &Value, class_or_tuple: &Value) -> PyResult<bool> {
        object::is_instance(vm, obj, class_or_tuple)
    }

    /// Return whether 'cls' is derived from another class or is the same class.
    ///
    /// A tuple, as in ``issubclass(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``issubclass(x, A) or issubclass(x, B)
    /// or ...``.
    #[pyfunction(sig = "(cls, class_or_tuple, /)")]
    fn issubclass(vm: &Vm, cls: &Value, class_or_tuple: &Value) -> PyResult<bool> {
        object::is_subclass(vm, cls, class_or_tuple)
    }

    /// iter(iterable) -> iterator
    /// iter(callable, sentinel) -> iterator
    ///
    /// Get an iterator from an object.
    /// In the first form, the argument must supply its own iterator, or be a sequence.
    /// In the second form, the callable is called until it returns the sentinel.
    #[pyfunction(raw)]
    fn iter(vm: &Vm, args: Args) -> PyResult {
        match positional(vm, "iter", args, 1, 2)? {
            [iterable] => iterator::iter(vm, iterable),
            [callable, sentinel, ..] => {
                if vm.type_of(callable).slots.call.get().is_none() {
                    return Err(vm.type_error("iter(v, w): v must be callable"));
                }
                crate::objects::iterators::callable_iterator(vm, callable, sentinel)
            }
            [] => Err(vm.type_error("iter expected at least 1 argument, got 0")),
        }
    }

    /// Return an AsyncIterator for an AsyncIterable object.
    #[pyfunction(sig = "(async_iterable, /)")]
    fn aiter(vm: &Vm, async_iterable: &Value) -> PyResult {
        let name = vm.type_of(async_iterable).full_name();
        match vm.call_special(async_iterable, &vm.names.__aiter__, &[])? {
            None => Err(vm.type_error(format!("'{name}' object is not an async iterable"))),
            Some(it) if vm.type_of(&it).lookup(vm, &vm.names.__anext__).is_none() => Err(vm
                .type_error(format!(
                    "aiter() returned not an async iterator of type '{}'",
                    vm.type_of(&it).full_name()
                ))),
            Some(it) => Ok(it),
        }
    }

    /// Return the number of items in a container.
    #[pyfunction(sig = "(obj, /)")]
    fn len(vm: &Vm, obj: &Value) -> PyResult<usize> {
        object::len(vm, obj)
    }

    /// Return a dictionary containing the current scope's local variables.
    ///
    /// NOTE: Whether or not updates to this dictionary will affect name lookups in
    /// the local scope and vice-versa is *implementation dependent* and not
    /// covered by any backwards compatibility guarantees.
    #[pyfunction(sig = "()")]
    fn locals(vm: &Vm) -> PyResult {
        current_locals(vm)
    }

    /// max(iterable, *[, default=obj, key=func]) -> value
    /// max(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its biggest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the largest argument.
    #[pyfunction(raw)]
    fn max(vm: &Vm, args: Args) -> PyResult {
        extreme(vm, args, "max", CompareOp::Gt)
    }

    /// min(iterable, *[, default=obj, key=func]) -> value
    /// min(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its smallest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the smallest argument.
    #[pyfunction(raw)]
    fn min(vm: &Vm, args: Args) -> PyResult {
        extreme(vm, args, "min", CompareOp::Lt)
    }

    /// next(iterator[, default])
    ///
    /// Return the next item from the iterator. If default is given and the iterator
    /// is exhausted, it is returned instead of raising StopIteration.
    #[pyfunction(raw)]
    fn next(vm: &Vm, args: Args) -> PyResult {
        let args = positional(vm, "next", args, 1, 2)?;
        let Some(next) = vm.type_of(&args[0]).slots.iternext.get() else {
            return Err(vm.type_error(format!(
                "'{}' object is not an iterator",
                vm.type_of(&args[0]).full_name()
            )));
        };
        match (next(vm, &args[0]), args.get(1)) {
            (Ok(Some(item)), _) => Ok(item),
            (Ok(None), Some(default)) => Ok(default.clone()),
            (Ok(None), None) => Err(vm.stop_iteration(Value::NONE)),
            (Err(Raised), Some(default)) if vm.catch(&vm.types.stop_iteration) => {
                Ok(default.clone())
            }
            (Err(raised), _) => Err(raised),
        }
    }

    /// Return the octal representation of an integer.
    ///
    ///    >>> oct(342391)
    ///    '0o1234567'
    #[pyfunction(sig = "(number, /)")]
    fn oct(vm: &Vm, number: &Value) -> PyResult<String> {
        in_base(vm, number, 8)
    }

    /// Open file and return a stream: the function of the module _io.
    #[pyfunction(
        sig = "(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
        raw
    )]
    fn open(vm: &Vm, args: Args) -> PyResult {
        let io = match crate::import::import_simple(vm, "_io") {
            Ok(io) => io,
            Err(Raised) if vm.catch(&vm.types.import_error) => {
                return Err(vm.import_error(
                    "open() needs the module '_io', which this build of Naja does not have",
                ));
            }
            Err(raised) => return Err(raised),
        };
        let open = attributes::get_by(vm, &io, "open")?;
        vm.call_args(&open, args)
    }

    /// Return the ordinal value of a character.
    ///
    /// If the argument is a one-character string, return the Unicode code
    /// point of that character.
    ///
    /// If the argument is a bytes or bytearray object of length 1, return its
    /// single byte value.
    #[pyfunction(sig = "(character, /)")]
    fn ord(vm: &Vm, character: &Value) -> PyResult<u32> {
        let length = if let Some(text) = str_::of(character) {
            if text.char_len() == 1 {
                return Ok(text.char_at(0));
            }
            text.char_len()
        } else if character.downcast::<Bytes>().is_some()
            || character.downcast::<ByteArray>().is_some()
        {
            let data = crate::objects::bytes::from_object(vm, character)?;
            if let [one] = data[..] {
                return Ok(one as u32);
            }
            data.len()
        } else {
            let kind = vm.type_of(character).full_name();
            return Err(vm.type_error(format!(
                "ord() expected string of length 1, but {kind} found"
            )));
        };
        Err(vm.type_error(format!(
            "ord() expected a character, but string of length {length} found"
        )))
    }

    /// Equivalent to base**exp with 2 arguments or base**exp % mod with 3 arguments.
    ///
    /// Some types, such as ints, are able to use a more efficient algorithm when
    /// invoked using the three argument form.
    #[pyfunction(sig = "(base, exp, mod=None)")]
    fn pow(vm: &Vm, base: &Value, exp: &Value, r#mod: OrNone<Value>) -> PyResult {
        number::power(vm, base, exp, &r#mod.0.unwrap_or(Value::NONE))
    }

    /// Prints the values to a stream, or to sys.stdout by default.
    ///
    ///   sep
    ///     string inserted between values, default a space.
    ///   end
    ///     string appended after the last value, default a newline.
    ///   file
    ///     a file-like object (stream); defaults to the current sys.stdout.
    ///   flush
    ///     whether to forcibly flush the stream.
    #[pyfunction(sig = "(*args, sep=' ', end='\\n', file=None, flush=False)")]
    fn print(
        vm: &Vm,
        args: &[Value],
        sep: OrNone<Value>,
        end: OrNone<Value>,
        file: OrNone<Value>,
        #[default(false)] flush: bool,
    ) -> PyResult<()> {
        crate::builtins::print::print(vm, args, sep.0.as_ref(), end.0.as_ref(), file.0, flush)
    }

    /// Return the canonical string representation of the object.
    ///
    /// For many object types, including most builtins, eval() will return
    /// an object equal to the one that was passed.
    #[pyfunction(sig = "(obj, /)")]
    fn repr(vm: &Vm, obj: &Value) -> PyResult<Ref<Str>> {
        object::repr(vm, obj)
    }

    /// Round a number to a given precision in decimal digits.
    ///
    /// The return value is an integer if ndigits is omitted or None.  Otherwise
    /// the return value has the same type as the number.  ndigits may be negative.
    #[pyfunction(sig = "(number, ndigits=None)")]
    fn round(vm: &Vm, number: &Value, ndigits: OrNone<Value>) -> PyResult {
        if vm.type_of(number).is(&vm.types.float) {
            return crate::objects::float::Float::__round__(number, vm, ndigits.0);
        }
        let result = match &ndigits.0 {
            None => vm.call_special(number, &vm.names.__round__, &[])?,
            Some(digits) => {
                vm.call_special(number, &vm.names.__round__, std::slice::from_ref(digits))?
            }
        };
        result.ok_or_else(|| {
            vm.type_error(format!(
                "type {} doesn't define __round__ method",
                vm.type_of(number).full_name()
            ))
        })
    }

    /// Sets the named attribute on the given object to the specified value.
    ///
    /// setattr(x, 'y', v) is equivalent to ``x.y = v``
    #[pyfunction(sig = "(obj, name, value, /)")]
    fn setattr(vm: &Vm, obj: &Value, name: &Value, value: &Value) -> PyResult<()> {
        attributes::set(vm, obj, attributes::name_of(vm, name)?, Some(value))
    }

    /// Return a new list containing all items from the iterable in ascending order.
    ///
    /// A custom key function can be supplied to customize the sort order, and the
    /// reverse flag can be set to request the result in descending order.
    #[pyfunction(raw, sig = "(iterable, /, *, key=None, reverse=False)")]
    fn sorted(vm: &Vm, args: Args) -> PyResult {
        let [iterable] = args.positional() else {
            let got = args.positional().len();
            return Err(vm.type_error(format!("sorted expected 1 argument, got {got}")));
        };
        let (mut key, mut reverse, mut known) = (None, None, true);
        for (keyword, value) in args.keywords() {
            match keyword.as_bytes() {
                b"key" => key = Some(value).filter(|key| !key.is_none()),
                b"reverse" => reverse = Some(value),
                _ => known = false,
            }
        }
        let items = crate::protocols::sequence::collect(vm, iterable)?;
        if !known {
            // The method has the message.
            let list = vm.new_list(items)?.into_value();
            let sort = attributes::get(vm, &list, &vm.names.sort)?;
            vm.call_args(&sort, args.rest())?;
            return Ok(list);
        }
        let reverse = reverse.map_or(Ok(false), |reverse| object::is_true(vm, reverse))?;
        let (items, result) = crate::objects::list::sort(vm, items, key, reverse);
        result?;
        Ok(vm.new_list(items)?.into_value())
    }

    /// Return the sum of a 'start' value (default: 0) plus an iterable of numbers
    ///
    /// When the iterable is empty, return the start value.
    /// This function is intended specifically for use with numeric values and may
    /// reject non-numeric types.
    #[pyfunction(sig = "(iterable, /, start=0)")]
    fn sum(vm: &Vm, iterable: &Value, start: Option<Value>) -> PyResult {
        let start = start.unwrap_or(Value::small_int(0));
        let refusal = if str_::of(&start).is_some() {
            Some("sum() can't sum strings [use ''.join(seq) instead]")
        } else if start.downcast::<Bytes>().is_some() {
            Some("sum() can't sum bytes [use b''.join(seq) instead]")
        } else if start.downcast::<ByteArray>().is_some() {
            Some("sum() can't sum bytearray [use b''.join(seq) instead]")
        } else {
            None
        };
        match refusal {
            Some(message) => Err(vm.type_error(message)),
            None => sum_of(vm, iterable, start),
        }
    }

    /// vars([object]) -> dictionary
    ///
    /// Without arguments, equivalent to locals().
    /// With an argument, equivalent to object.__dict__.
    #[pyfunction(raw)]
    fn vars(vm: &Vm, args: Args) -> PyResult {
        match positional(vm, "vars", args, 0, 1)?.first() {
            None => current_locals(vm),
            Some(value) => attributes::get_optional(vm, value, &vm.names.__dict__)?
                .ok_or_else(|| vm.type_error("vars() argument must have __dict__ attribute")),
        }
    }

    /// __build_class__(func, name, /, *bases, [metaclass], **kwds) -> class
    ///
    /// Internal helper function used by the class statement.
    #[pyfunction(raw)]
    fn __build_class__(vm: &Vm, args: Args) -> PyResult {
        crate::builtins::build_class::build_class(vm, args)
    }

    /// Import a module.
    ///
    /// Because this function is meant for use by the Python
    /// interpreter and not for general use, it is better to use
    /// importlib.import_module() to programmatically import a module.
    ///
    /// The globals argument is only used to determine the context;
    /// they are not modified.  The locals argument is unused.  The fromlist
    /// should be a list of names to emulate ``from name import ...``, or an
    /// empty list to emulate ``import name``.
    /// When importing a module from a package, note that __import__('A.B', ...)
    /// returns package A when fromlist is empty, but its submodule B when
    /// fromlist is not empty.  The level argument is used to determine whether to
    /// perform absolute or relative imports: 0 is absolute, while a positive number
    /// is the number of parent directories to search relative to the current module.
    #[pyfunction(sig = "(name, globals=None, locals=None, fromlist=(), level=0)")]
    fn __import__(
        vm: &Vm,
        name: &Value,
        globals: OrNone<Value>,
        locals: OrNone<Value>,
        fromlist: Option<Value>,
        #[default(0)] level: i32,
    ) -> PyResult {
        let _ = locals; // not looked at, as documented
        let Some(name) = str_::of(name) else {
            return Err(vm.type_error("module name must be a string"));
        };
        let fromlist = fromlist.unwrap_or(Value::NONE);
        crate::import::import_module_level(vm, name, globals.0.as_ref(), &fromlist, level)
    }

    /// async anext(aiterator[, default])
    ///
    /// Return the next item from the async iterator.  If default is given and the async
    /// iterator is exhausted, it is returned instead of raising StopAsyncIteration.
    #[pyfunction(raw)]
    fn anext(vm: &Vm, args: Args) -> PyResult {
        let args = positional(vm, "anext", args, 1, 2)?;
        let awaitable = match vm.call_special(&args[0], &vm.names.__anext__, &[])? {
            Some(awaitable) => awaitable,
            None => {
                return Err(vm.type_error(format!(
                    "'{}' object is not an async iterator",
                    vm.type_of(&args[0]).full_name()
                )));
            }
        };
        match args.get(1) {
            None => Ok(awaitable),
            Some(default) => {
                crate::objects::async_generator::anext_with_default(vm, &awaitable, default)
            }
        }
    }

    /// Calls sys.breakpointhook(*args, **kws).
    #[pyfunction(raw, sig = "(*args, **kws)")]
    fn breakpoint(vm: &Vm, args: Args) -> PyResult {
        match vm.sys_attr("breakpointhook")? {
            Some(hook) => {
                vm.audit("builtins.breakpoint", std::slice::from_ref(&hook))?;
                vm.call_args(&hook, args)
            }
            None => Err(vm.runtime_error("lost sys.breakpointhook")),
        }
    }
}
