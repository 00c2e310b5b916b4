//! Making code objects from parts that did not come from the compiler: `code(...)`, `replace()`, marshal.
//!
//! Such code is checked as a whole before the evaluation loop trusts it (`naja_bytecode::verify`). Code that fails keeps
//! its bytes for Python to look at, but holds a single invalid instruction to run, which raises SystemError.
//! CPython: `_PyCode_Validate`, `_PyCode_New` in Objects/codeobject.c.

use super::CodeObject;
use crate::function::Args;
use crate::objects::bytes::Bytes;
use crate::objects::str_::{self, Str};
use crate::objects::tuple::Tuple;
use crate::vm::{PyResult, Vm};
use naja_bytecode::code::{Code, Const, Text, flags, kind};
use naja_heap::{Ref, Value};

/// Everything a code object is made of.
#[derive(Clone)]
pub struct CodeParts {
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub stacksize: u32,
    pub flags: u32,
    pub code: Vec<u8>,
    pub consts: Vec<Value>,
    pub names: Vec<Ref<Str>>,
    pub localsplusnames: Vec<Ref<Str>>,
    pub localspluskinds: Vec<u8>,
    pub filename: Ref<Str>,
    pub name: Ref<Str>,
    pub qualname: Ref<Str>,
    pub firstlineno: i32,
    pub linetable: Ref<Bytes>,
    pub exceptiontable: Ref<Bytes>,
}

impl CodeParts {
    /// The parts of an existing code object.
    pub fn of(vm: &Vm, code: &CodeObject) -> PyResult<CodeParts> {
        let (linetable, exceptiontable) = code.tables(vm)?;
        Ok(CodeParts {
            argcount: code.argcount,
            posonlyargcount: code.posonlyargcount,
            kwonlyargcount: code.kwonlyargcount,
            stacksize: code.stacksize,
            flags: code.flags,
            code: code.original_bytes(),
            consts: code.consts().to_vec(),
            names: code.names().to_vec(),
            localsplusnames: code.localsplusnames().to_vec(),
            localspluskinds: code.localspluskinds().to_vec(),
            filename: code.filename(),
            name: code.name.clone(),
            qualname: code.qualname.clone(),
            firstlineno: code.firstlineno,
            linetable,
            exceptiontable,
        })
    }

    /// Whether the evaluation loop can run this.
    fn is_sound(&self) -> bool {
        let plain = Code {
            argcount: self.argcount,
            posonlyargcount: self.posonlyargcount,
            kwonlyargcount: self.kwonlyargcount,
            stacksize: self.stacksize,
            flags: self.flags,
            code: self.code.clone(),
            consts: vec![Const::None; self.consts.len()],
            names: vec![Text::default(); self.names.len()],
            localsplusnames: vec![Text::default(); self.localsplusnames.len()],
            localspluskinds: self.localspluskinds.clone(),
            firstlineno: self.firstlineno,
            exceptiontable: self.exceptiontable.as_bytes().to_vec(),
            ..Code::default()
        };
        naja_bytecode::verify::verify(&plain).is_ok()
    }

    /// Checks the parts and makes the object. Raises ValueError, MemoryError.
    pub fn build(self, vm: &Vm) -> PyResult<Ref<CodeObject>> {
        if !self.code.len().is_multiple_of(2) {
            return Err(vm.value_error("code: co_code is malformed"));
        }
        let varargs = u32::from(self.flags & flags::VARARGS != 0)
            + u32::from(self.flags & flags::VARKEYWORDS != 0);
        let total = u64::from(self.argcount) + u64::from(self.kwonlyargcount) + u64::from(varargs);
        let locals = self
            .localspluskinds
            .iter()
            .filter(|k| **k & kind::LOCAL != 0)
            .count();
        if self.argcount < self.posonlyargcount
            || self.localspluskinds.len() != self.localsplusnames.len()
        {
            return Err(vm.system_error("bad argument to internal function"));
        }
        if total > locals as u64 {
            return Err(vm.value_error("code: co_varnames is too small"));
        }
        let sound = self.is_sound();
        super::make(vm, self, sound)
    }
}

/// Strings of a tuple of names. Raises TypeError.
fn names(vm: &Vm, tuple: &Tuple) -> PyResult<Vec<Ref<Str>>> {
    let name = |item: &Value| match str_::of(item) {
        Some(name) => Ok(vm.interp.interner(|i| i.intern_wtf8(name.as_bytes()))),
        None => Err(vm.type_error(format!(
            "name tuples must contain only strings, not '{}'",
            vm.type_of(item).full_name()
        ))),
    };
    tuple.items().iter().map(name).collect()
}

/// Names and kinds of all variables, from the three tuples that Python sees.
fn localsplus(
    varnames: Vec<Ref<Str>>,
    cellvars: Vec<Ref<Str>>,
    freevars: Vec<Ref<Str>>,
    parts: &mut CodeParts,
) {
    let positional = parts.argcount as usize;
    let posonly = parts.posonlyargcount as usize;
    let args = positional + parts.kwonlyargcount as usize;
    let var = usize::from(parts.flags & flags::VARARGS != 0)
        + usize::from(parts.flags & flags::VARKEYWORDS != 0);
    let mut kinds: Vec<u8> = (0..varnames.len())
        .map(|i| {
            kind::LOCAL
                | if i < posonly {
                    kind::ARG_POS
                } else if i < positional {
                    kind::ARG_POS | kind::ARG_KW
                } else if i < args {
                    kind::ARG_KW
                } else if i < args + var {
                    kind::ARG_VAR
                        | if i == args && parts.flags & flags::VARARGS != 0 {
                            kind::ARG_POS
                        } else {
                            kind::ARG_KW
                        }
                } else {
                    0
                }
        })
        .collect();
    let mut all = varnames;
    let locals = all.len();
    for cell in cellvars {
        match all[..locals].iter().position(|name| name.is(&cell)) {
            Some(local) => kinds[local] |= kind::CELL,
            None => {
                all.push(cell);
                kinds.push(kind::CELL);
            }
        }
    }
    kinds.extend(std::iter::repeat_n(kind::FREE, freevars.len()));
    all.extend(freevars);
    parts.localsplusnames = all;
    parts.localspluskinds = kinds;
}

/// An argument of `function` that must be of one class.
fn typed<'a, T: naja_heap::Payload>(
    vm: &Vm,
    function: &str,
    which: &str,
    value: &'a Value,
    wanted: &str,
) -> PyResult<&'a Ref<T>> {
    value.downcast::<T>().ok_or_else(|| {
        vm.type_error(format!(
            "{function}() argument {which} must be {wanted}, not {}",
            if value.is_none() {
                "None".to_string()
            } else {
                vm.type_of(value).full_name()
            }
        ))
    })
}

/// A C int from any integer.
fn number(vm: &Vm, value: &Value) -> PyResult<i32> {
    match crate::protocols::number::index_i64(vm, value)?.and_then(|n| i32::try_from(n).ok()) {
        Some(n) => Ok(n),
        None => Err(vm.overflow_error("Python int too large to convert to C int")),
    }
}

/// `code(argcount, posonlyargcount, ..., freevars, cellvars)`.
pub fn new(vm: &Vm, args: Args) -> PyResult {
    if args.kwnames.is_some_and(|k| !k.is_empty()) {
        return Err(vm.type_error("code() takes no keyword arguments"));
    }
    let given = args.positional();
    if !(16..=18).contains(&given.len()) {
        let (bound, limit) = if given.len() < 16 {
            ("least", 16)
        } else {
            ("most", 18)
        };
        return Err(vm.type_error(format!(
            "code expected at {bound} {limit} arguments, got {}",
            given.len()
        )));
    }
    let mut numbers = [0i32; 6];
    for (number_, value) in numbers.iter_mut().zip(given) {
        *number_ = number(vm, value)?;
    }
    let which = |i: usize| (i + 1).to_string();
    let bytes = |i: usize| typed::<Bytes>(vm, "code", &which(i), &given[i], "bytes").cloned();
    let tuple = |i: usize| typed::<Tuple>(vm, "code", &which(i), &given[i], "tuple").cloned();
    let text = |i: usize| typed::<Str>(vm, "code", &which(i), &given[i], "str").cloned();
    let code = bytes(6)?;
    let (consts, names_, varnames) = (tuple(7)?, tuple(8)?, tuple(9)?);
    let (filename, name, qualname) = (text(10)?, text(11)?, text(12)?);
    let firstlineno = number(vm, &given[13])?;
    let (linetable, exceptiontable) = (bytes(14)?, bytes(15)?);
    let optional = |i: usize| {
        if i < given.len() {
            tuple(i).map(Some)
        } else {
            Ok(None)
        }
    };
    let (freevars, cellvars) = (optional(16)?, optional(17)?);
    let what = ["argcount", "posonlyargcount", "kwonlyargcount", "nlocals"];
    for (name, number) in what.iter().zip(numbers) {
        if number < 0 {
            return Err(vm.value_error(format!("code: {name} must not be negative")));
        }
    }
    if numbers[4] < 0 || numbers[5] < 0 {
        return Err(vm.system_error("bad argument to internal function"));
    }
    let mut parts = CodeParts {
        argcount: numbers[0] as u32,
        posonlyargcount: numbers[1] as u32,
        kwonlyargcount: numbers[2] as u32,
        stacksize: numbers[4] as u32,
        flags: numbers[5] as u32,
        code: code.as_bytes().to_vec(),
        consts: consts.items().to_vec(),
        names: names(vm, &names_)?,
        localsplusnames: Vec::new(),
        localspluskinds: Vec::new(),
        filename: intern(vm, &filename),
        name: intern(vm, &name),
        qualname: intern(vm, &qualname),
        firstlineno,
        linetable,
        exceptiontable,
    };
    let list = |tuple: Option<Ref<Tuple>>| tuple.map_or(Ok(Vec::new()), |t| names(vm, &t));
    let (varnames, cells, free) = (names(vm, &varnames)?, list(cellvars)?, list(freevars)?);
    if numbers[3] as usize != varnames.len() {
        return Err(vm.value_error("code: co_nlocals != len(co_varnames)"));
    }
    localsplus(varnames, cells, free, &mut parts);
    vm.permit(crate::runtime::Access::Event(
        "code.__new__",
        &[
            vm.new_bytes(&parts.code)?.into_value(),
            filename.into_value(),
            name.into_value(),
            vm.new_int(parts.argcount.into())?,
            vm.new_int(parts.posonlyargcount.into())?,
            vm.new_int(parts.kwonlyargcount.into())?,
            vm.new_int(numbers[3].into())?,
            vm.new_int(parts.stacksize.into())?,
            vm.new_int(parts.flags.into())?,
        ],
    ))?;
    Ok(parts.build(vm)?.into_value())
}

fn intern(vm: &Vm, text: &Str) -> Ref<Str> {
    vm.interp.interner(|i| i.intern_wtf8(text.as_bytes()))
}

/// `code.replace(**changes)`.
pub fn replace(vm: &Vm, code: &Ref<CodeObject>, args: Args) -> PyResult {
    let given = args.positional();
    if given.len() > 1 {
        return Err(vm.type_error("replace() takes no positional arguments"));
    }
    let mut parts = CodeParts::of(vm, code)?;
    let mut nlocals = code.nlocals as i32;
    let (mut varnames, mut cellvars, mut freevars) = (None, None, None);
    let none = Vec::new();
    let keywords = args.kwnames.map_or(&none[..], |k| k.items());
    let values = &args.args[given.len()..];
    for (key, value) in keywords.iter().zip(values) {
        let key = str_::of(key)
            .map(|k| k.to_string_lossy().into_owned())
            .unwrap_or_default();
        let which = format!("'{key}'");
        let positive = || match number(vm, value)? {
            n if n < 0 => Err(vm.value_error(format!("{key} must be a positive integer"))),
            n => Ok(n as u32),
        };
        let bytes = || typed::<Bytes>(vm, "replace", &which, value, "bytes").cloned();
        let tuple = || typed::<Tuple>(vm, "replace", &which, value, "tuple").cloned();
        let text = || typed::<Str>(vm, "replace", &which, value, "str").map(|t| intern(vm, t));
        match key.as_str() {
            "co_argcount" => parts.argcount = positive()?,
            "co_posonlyargcount" => parts.posonlyargcount = positive()?,
            "co_kwonlyargcount" => parts.kwonlyargcount = positive()?,
            "co_nlocals" => nlocals = positive()? as i32,
            "co_stacksize" => parts.stacksize = positive()?,
            "co_flags" => parts.flags = positive()?,
            "co_firstlineno" => parts.firstlineno = positive()? as i32,
            "co_code" => parts.code = bytes()?.as_bytes().to_vec(),
            "co_consts" => parts.consts = tuple()?.items().to_vec(),
            "co_names" => parts.names = names(vm, &tuple()?.clone())?,
            "co_varnames" => varnames = Some(tuple()?),
            "co_freevars" => freevars = Some(tuple()?),
            "co_cellvars" => cellvars = Some(tuple()?),
            "co_filename" => parts.filename = text()?,
            "co_name" => parts.name = text()?,
            "co_qualname" => parts.qualname = text()?,
            "co_linetable" => parts.linetable = bytes()?,
            "co_exceptiontable" => parts.exceptiontable = bytes()?,
            _ => {
                return Err(vm.type_error(format!(
                    "replace() got an unexpected keyword argument {which}"
                )));
            }
        }
    }
    let existing = |bits: u8| -> Vec<Ref<Str>> {
        let all = code.localsplusnames().iter().zip(code.localspluskinds());
        all.filter(|(_, k)| **k & bits != 0)
            .map(|(n, _)| n.clone())
            .collect()
    };
    let given = varnames.is_some() || cellvars.is_some() || freevars.is_some();
    let pick = |given: Option<Ref<Tuple>>, bits: u8| match given {
        Some(tuple) => names(vm, &tuple),
        None => Ok(existing(bits)),
    };
    let count = varnames.as_ref().map_or(code.nlocals as usize, |v| v.len());
    if nlocals as usize != count {
        return Err(vm.value_error("code: co_nlocals != len(co_varnames)"));
    }
    let layout = (
        parts.argcount,
        parts.posonlyargcount,
        parts.kwonlyargcount,
        parts.flags,
    );
    if given
        || layout
            != (
                code.argcount,
                code.posonlyargcount,
                code.kwonlyargcount,
                code.flags,
            )
    {
        let hidden: Vec<Ref<Str>> = existing(kind::HIDDEN);
        let varnames = pick(varnames, kind::LOCAL)?;
        let cellvars = pick(cellvars, kind::CELL)?;
        let freevars = pick(freevars, kind::FREE)?;
        localsplus(varnames, cellvars, freevars, &mut parts);
        if !given {
            for (name, kinds) in parts.localsplusnames.iter().zip(&mut parts.localspluskinds) {
                if hidden.iter().any(|h| h.is(name)) {
                    *kinds |= kind::HIDDEN;
                }
            }
        }
    }
    vm.permit(crate::runtime::Access::Event(
        "code.__new__",
        &[
            vm.new_bytes(&parts.code)?.into_value(),
            parts.filename.to_value(),
            parts.name.to_value(),
            vm.new_int(parts.argcount.into())?,
            vm.new_int(parts.posonlyargcount.into())?,
            vm.new_int(parts.kwonlyargcount.into())?,
            vm.new_int(nlocals.into())?,
            vm.new_int(parts.stacksize.into())?,
            vm.new_int(parts.flags.into())?,
        ],
    ))?;
    Ok(parts.build(vm)?.into_value())
}
