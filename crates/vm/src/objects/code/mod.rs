//! `code` objects: the compiler's result made ready to run.
//!
//! `units` is the adaptive form of the bytecode: instructions specialise themselves and keep inline caches in place.
//! What Python sees (`co_code`) is derived from it: specialised opcodes turned back, caches zeroed.
//!
//! CPython: Objects/codeobject.c, Python/specialize.c (`_PyCode_Quicken`).

mod build;
mod lazy;
pub mod lines;

use crate::function::Args;
use crate::interpreter::frame::HEAD_SLOTS;
use crate::objects::bytes::Bytes;
use crate::objects::str_::Str;
use crate::vm::{PyResult, Vm};
use naja_bytecode::code::{Code, Const, flags, kind};
use naja_bytecode::opcode::{self, op};
use naja_heap::slot::Slot;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::pyclass;
use std::cell::{Cell, UnsafeCell};

pub use build::CodeParts;

/// What `STORE_ATTR` has learnt where its inline cache has no room.
#[derive(Clone, Copy)]
pub struct StoreCache {
    /// The instruction that the entry belongs to.
    pub unit: u32,
    pub values_tag: u32,
    /// The attribute word (shape, inline capacity) before.
    pub word: u64,
    /// The word afterwards: of the same shape, or of one an attribute longer.
    pub new_word: u64,
    /// Bytes from the header to the value.
    pub offset: u32,
}

/// What `LOAD_GLOBAL` has learnt of a built-in.
#[derive(Clone, Copy)]
pub struct GlobalCache {
    /// The instruction that the entry belongs to.
    pub unit: u32,
    pub module_version: u32,
    pub builtins_version: u32,
    pub index: u32,
}

/// Bytes of a code object's tables: in the program's own memory, or an object's.
pub(crate) enum Table {
    Fixed(&'static [u8]),
    Object(Ref<Bytes>),
}

impl Table {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Table::Fixed(data) => data,
            Table::Object(bytes) => bytes.as_bytes(),
        }
    }

    fn object(&self, vm: &Vm) -> PyResult<Ref<Bytes>> {
        match self {
            Table::Fixed(data) => vm.new_bytes(data),
            Table::Object(bytes) => Ok(bytes.clone()),
        }
    }
}

/// What is only needed when the code runs, or when somebody looks at it.
pub(crate) struct Body {
    units: Box<[UnsafeCell<u16>]>,
    consts: Box<[Value]>,
    names: Box<[Ref<Str>]>,
    localsplusnames: Box<[Ref<Str>]>,
    localspluskinds: Box<[u8]>,
    linetable: Table,
    exceptiontable: Table,
    /// The bytecode of code that cannot be run (see build.rs).
    unsound: Option<Box<[u8]>>,
}

/// Create a code object.  Not for mere mortals.
#[pyclass(name = "code", module = "builtins", flags(HAS_WEAKREF))]
#[repr(C)]
pub struct CodeObject {
    /// The body's parts, for the evaluation loop. While there is no body, an instruction that makes it.
    units: Cell<*const UnsafeCell<u16>>,
    consts: Cell<*const Value>,
    names: Cell<*const Ref<Str>>,
    body: UnsafeCell<Option<Box<Body>>>,
    /// Where the body comes from (see lazy.rs).
    packed: Cell<Option<&'static [u8]>>,
    packed_at: u32,
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    /// `argcount` where calls with just so many positional arguments need no argument processing, else `u32::MAX`.
    pub(crate) exact_args: u32,
    /// Bytes of a frame of this code, its head included.
    pub(crate) frame_bytes: u32,
    pub stacksize: u32,
    pub flags: u32,
    /// Slots of locals, cells and free variables together.
    pub nlocalsplus: u32,
    pub nlocals: u32,
    pub ncellvars: u32,
    pub nfreevars: u32,
    filename: MutCell<Ref<Str>>,
    pub name: Ref<Str>,
    pub qualname: Ref<Str>,
    pub firstlineno: i32,
    /// Identifies the code for call caches; 0: none.
    pub version: Cell<u32>,
    /// The first traceable instruction (behind the prefix), as a unit offset.
    pub first_traceable: u32,
    pub(crate) store_caches: SideTable<StoreCache>,
    pub(crate) global_caches: SideTable<GlobalCache>,
    /// State of `sys.monitoring` and tracing for this code.
    pub(crate) monitoring: MutCell<Option<Box<crate::interpreter::trace::CodeMonitoring>>>,
}

/// Entries of inline caches that do not fit the instructions.
pub(crate) struct SideTable<T> {
    first: Cell<*const T>,
    /// Boxed, because most code has none.
    #[allow(clippy::box_collection)]
    entries: MutCell<Option<Box<Vec<T>>>>,
}

impl<T> SideTable<T> {
    fn new() -> SideTable<T> {
        SideTable {
            first: Cell::new(std::ptr::null()),
            entries: MutCell::new(None),
        }
    }

    /// Puts an entry in the place of one that `same` recognises, or behind the others. Gives its index.
    pub(crate) fn place(&self, entry: T, same: impl Fn(&T) -> bool) -> usize {
        self.entries.with_mut(|entries| {
            let entries = entries.get_or_insert_default();
            let index = match entries.iter().position(same) {
                Some(index) => {
                    entries[index] = entry;
                    index
                }
                None => {
                    entries.push(entry);
                    entries.len() - 1
                }
            };
            self.first.set(entries.as_ptr());
            index
        })
    }
}

/// What runs instead of code whose body is not there: the loop's function for unknown instructions makes it.
static UNREAD: [u16; 2] = [op::RESERVED as u16; 2];

pub use naja_bytecode::packed::WARMUP;
/// The counter after a successful specialisation: so many misses before the instruction gives the form up.
pub const COOLDOWN: u16 = 52 << 4;

impl CodeObject {
    /// A code object without a body, and with all numbers 0.
    fn empty(filename: Ref<Str>, name: Ref<Str>, qualname: Ref<Str>) -> CodeObject {
        CodeObject {
            units: Cell::new(UNREAD.as_ptr() as *const UnsafeCell<u16>),
            consts: Cell::new(std::ptr::null()),
            names: Cell::new(std::ptr::null()),
            body: UnsafeCell::new(None),
            packed: Cell::new(None),
            packed_at: 0,
            argcount: 0,
            posonlyargcount: 0,
            kwonlyargcount: 0,
            exact_args: u32::MAX,
            frame_bytes: 0,
            stacksize: 0,
            flags: 0,
            nlocalsplus: 0,
            nlocals: 0,
            ncellvars: 0,
            nfreevars: 0,
            filename: MutCell::new(filename),
            name,
            qualname,
            firstlineno: 0,
            version: Cell::new(0),
            first_traceable: 0,
            store_caches: SideTable::new(),
            global_caches: SideTable::new(),
            monitoring: MutCell::new(None),
        }
    }

    /// Makes a code object, with its nested ones, from the compiler's. Names are interned. Raises MemoryError.
    pub fn from_code(vm: &Vm, code: &Code) -> PyResult<Ref<CodeObject>> {
        Self::from_code_as(vm, code, None)
    }

    /// As [`CodeObject::from_code`], with another file name for it and the nested ones.
    pub fn from_code_as(
        vm: &Vm,
        code: &Code,
        filename: Option<&Ref<Str>>,
    ) -> PyResult<Ref<CodeObject>> {
        vm.check_stack()?;
        let text =
            |t: &naja_bytecode::code::Text| vm.interp.interner(|i| i.intern_wtf8(t.as_bytes()));
        let consts = code
            .consts
            .iter()
            .map(|c| constant_as(vm, c, filename))
            .collect::<PyResult<Vec<Value>>>()?;
        let names = |texts: &[naja_bytecode::code::Text]| texts.iter().map(text).collect();
        let parts = CodeParts {
            argcount: code.argcount,
            posonlyargcount: code.posonlyargcount,
            kwonlyargcount: code.kwonlyargcount,
            stacksize: code.stacksize,
            flags: code.flags,
            code: code.code.clone(),
            consts,
            names: names(&code.names),
            localsplusnames: names(&code.localsplusnames),
            localspluskinds: code.localspluskinds.clone(),
            filename: filename.map_or_else(|| text(&code.filename), Ref::clone),
            name: text(&code.name),
            qualname: text(&code.qualname),
            firstlineno: code.firstlineno,
            linetable: vm.new_bytes(&code.linetable)?,
            exceptiontable: vm.new_bytes(&code.exceptiontable)?,
        };
        make(vm, parts, true)
    }

    /// `co_filename`.
    pub fn filename(&self) -> Ref<Str> {
        self.filename.get()
    }

    /// Lends the file name, without counting a reference.
    pub fn with_filename(&self, f: impl FnOnce(&Str)) {
        self.filename.with(|name| f(name))
    }

    /// Sets the file name of this code and of nested code that has the old one. CPython: `update_code_filenames`.
    pub fn replace_filename(&self, vm: &Vm, old: &Ref<Str>, new: &Ref<Str>) -> PyResult<()> {
        vm.check_stack()?;
        if !crate::objects::str_::eq(&self.filename(), old) {
            return Ok(());
        }
        self.filename.set(new.clone());
        let Some(body) = self.made_body() else {
            // Nested ones take the name over when they are made.
            return Ok(());
        };
        for nested in body.consts.iter().filter_map(Value::downcast::<CodeObject>) {
            nested.replace_filename(vm, old, new)?
        }
        Ok(())
    }

    /// The number of arguments' slots: positional, keyword-only, `*args`, `**kwargs`.
    #[inline]
    pub fn total_args(&self) -> usize {
        let var = (self.flags & flags::VARARGS != 0) as u32
            + (self.flags & flags::VARKEYWORDS != 0) as u32;
        (self.argcount + self.kwonlyargcount + var) as usize
    }

    /// Whether calls with exactly `argcount` positional arguments need no argument processing.
    #[inline(always)]
    pub fn is_simple(&self) -> bool {
        self.exact_args != u32::MAX
    }

    /// Slots that a frame of this code needs behind its head.
    #[inline(always)]
    pub fn frame_slots(&self) -> usize {
        // One more: LOAD_GLOBAL and LOAD_ATTR write behind the top before they know whether that counts.
        frame_slots(self.nlocalsplus, self.stacksize)
    }

    #[inline(always)]
    pub(crate) fn first_unit(&self) -> *const u16 {
        self.units.get() as *const u16
    }

    /// The constants of code that runs.
    #[inline(always)]
    pub(crate) fn first_const(&self) -> *const Value {
        self.consts.get()
    }

    /// The names of code that runs.
    #[inline(always)]
    pub(crate) fn first_name(&self) -> *const Ref<Str> {
        self.names.get()
    }

    /// The body, if it has been made.
    fn made_body(&self) -> Option<&Body> {
        // SAFETY: set once, under the interpreter's lock, and never changed.
        unsafe { (*self.body.get()).as_deref() }
    }

    /// The body; made now if need be. None only without memory.
    fn body(&self) -> Option<&Body> {
        if self.made_body().is_none() {
            crate::runtime::with_current(|vm| {
                if self.ensure(vm).is_err() {
                    vm.clear_exception()
                }
            });
        }
        self.made_body()
    }

    /// Makes the body if it is not there. Raises MemoryError.
    #[inline]
    pub fn ensure(&self, vm: &Vm) -> PyResult<()> {
        match self.made_body() {
            Some(_) => Ok(()),
            None => lazy::make_body(vm, self),
        }
    }

    fn set_body(&self, body: Box<Body>) {
        self.units.set(body.units.as_ptr());
        self.consts.set(body.consts.as_ptr());
        self.names.set(body.names.as_ptr());
        // SAFETY: there was none, so that nobody has borrowed it.
        unsafe { *self.body.get() = Some(body) }
        self.packed.set(None);
    }

    /// The bytecode as it stands.
    pub(crate) fn units(&self) -> &[UnsafeCell<u16>] {
        self.body().map_or(&[], |b| &b.units)
    }

    /// `co_consts`
    pub fn consts(&self) -> &[Value] {
        self.body().map_or(&[], |b| &b.consts)
    }

    /// `co_names`
    pub fn names(&self) -> &[Ref<Str>] {
        self.body().map_or(&[], |b| &b.names)
    }

    /// Names of local variables, cells and free variables.
    pub fn localsplusnames(&self) -> &[Ref<Str>] {
        self.body().map_or(&[], |b| &b.localsplusnames)
    }

    /// Their kinds.
    pub fn localspluskinds(&self) -> &[u8] {
        self.body().map_or(&[], |b| &b.localspluskinds)
    }

    /// `co_linetable`
    pub fn linetable(&self) -> &[u8] {
        self.body().map_or(&[], |b| b.linetable.as_bytes())
    }

    /// `co_exceptiontable`
    pub fn exceptiontable(&self) -> &[u8] {
        self.body().map_or(&[], |b| b.exceptiontable.as_bytes())
    }

    /// The docstring of the functions made of this, without making the body. Raises MemoryError.
    pub fn docstring(&self, vm: &Vm) -> PyResult {
        if self.flags & flags::HAS_DOCSTRING == 0 {
            return Ok(Value::NONE);
        }
        match self.made_body() {
            Some(body) => Ok(body.consts.first().cloned().unwrap_or(Value::NONE)),
            None => lazy::first_const(vm, self),
        }
    }

    /// Whether the body has been made.
    pub(crate) fn is_read(&self) -> bool {
        self.made_body().is_some()
    }

    /// The bytecode as the compiler made it: `co_code`.
    pub fn original_bytes(&self) -> Vec<u8> {
        self.bytes_with(opcode::deopt)
    }

    /// The bytecode as it stands, caches zeroed: `_co_code_adaptive`.
    pub fn adaptive_bytes(&self) -> Vec<u8> {
        self.bytes_with(|opcode| opcode)
    }

    fn bytes_with(&self, f: impl Fn(u8) -> u8) -> Vec<u8> {
        if let Some(bytes) = self.body().and_then(|b| b.unsound.as_ref()) {
            return bytes.to_vec();
        }
        let mut bytes = Vec::with_capacity(self.units().len() * 2);
        let mut at = 0;
        while at < self.units().len() {
            let unit = self.unit(at);
            let real = crate::interpreter::trace::uninstrumented(self, at, unit as u8);
            bytes.extend([f(real), (unit >> 8) as u8]);
            let caches = opcode::cache_entries(opcode::deopt(real) as u16) as usize;
            bytes.extend(std::iter::repeat_n(0, caches * 2));
            at += 1 + caches;
        }
        bytes
    }

    /// Unit `at` as it stands.
    #[inline]
    pub fn unit(&self, at: usize) -> u16 {
        match self.units().get(at) {
            // SAFETY: units are plain words, changed only by the thread that holds the interpreter's lock.
            Some(cell) => unsafe { *cell.get() },
            None => op::RESERVED as u16,
        }
    }

    /// The unit offset of an instruction pointer into this code.
    #[inline(always)]
    pub(crate) fn offset_of(&self, pc: *const u16) -> usize {
        (pc as usize).wrapping_sub(self.first_unit() as usize) / 2
    }

    /// The store cache that an instruction refers to.
    #[inline(always)]
    pub(crate) fn store_cache(&self, index: u16) -> *const StoreCache {
        // SAFETY: specialised instructions hold indices of existing entries.
        unsafe { self.store_caches.first.get().add(index as usize) }
    }

    /// The global cache that an instruction refers to.
    #[inline(always)]
    pub(crate) fn global_cache(&self, index: u16) -> *const GlobalCache {
        // SAFETY: as above.
        unsafe { self.global_caches.first.get().add(index as usize) }
    }

    /// The line of the instruction at unit `at`, if it has one.
    pub fn line_at(&self, at: usize) -> Option<i32> {
        match naja_bytecode::location::line_of(self.linetable(), self.firstlineno, at) {
            line if line < 0 => None,
            line => Some(line),
        }
    }
}

fn frame_slots(nlocalsplus: u32, stacksize: u32) -> usize {
    (nlocalsplus + stacksize) as usize + 1
}

/// The value of `CodeObject::frame_bytes`.
fn frame_bytes(nlocalsplus: u32, stacksize: u32) -> u32 {
    let slots = HEAD_SLOTS + frame_slots(nlocalsplus, stacksize);
    (slots * size_of::<Slot>()) as u32
}

/// The value of `CodeObject::exact_args`.
fn exact_args(argcount: u32, kwonlyargcount: u32, code_flags: u32) -> u32 {
    const KINDS: u32 = flags::VARARGS | flags::VARKEYWORDS | flags::OPTIMIZED;
    if kwonlyargcount == 0 && code_flags & KINDS == flags::OPTIMIZED {
        argcount
    } else {
        u32::MAX
    }
}

/// The object of parts. What is not `sound` gets an instruction to run that raises SystemError.
fn make(vm: &Vm, parts: CodeParts, sound: bool) -> PyResult<Ref<CodeObject>> {
    let kinds = &parts.localspluskinds;
    let count = |bits: u8| kinds.iter().filter(|&&k| k & bits != 0).count() as u32;
    let code = &parts.code;
    let first_traceable = code.chunks_exact(2).position(|u| u[0] == op::RESUME);
    let body = Body {
        units: if sound {
            quicken(code)
        } else {
            quicken(&[first_unknown(code), 0])
        },
        unsound: (!sound).then(|| code.clone().into_boxed_slice()),
        consts: parts.consts.into(),
        names: parts.names.into(),
        localsplusnames: parts.localsplusnames.into(),
        localspluskinds: kinds.clone().into(),
        linetable: Table::Object(parts.linetable),
        exceptiontable: Table::Object(parts.exceptiontable),
    };
    let stacksize = if sound {
        parts.stacksize
    } else {
        parts.stacksize.clamp(1, 1 << 16)
    };
    let code = vm.new_object(CodeObject {
        nlocalsplus: kinds.len() as u32,
        frame_bytes: frame_bytes(kinds.len() as u32, stacksize),
        nlocals: count(kind::LOCAL),
        ncellvars: count(kind::CELL),
        nfreevars: count(kind::FREE),
        argcount: parts.argcount,
        posonlyargcount: parts.posonlyargcount,
        kwonlyargcount: parts.kwonlyargcount,
        exact_args: exact_args(parts.argcount, parts.kwonlyargcount, parts.flags),
        stacksize,
        flags: parts.flags,
        firstlineno: parts.firstlineno,
        first_traceable: if sound {
            first_traceable.unwrap_or(0) as u32
        } else {
            0
        },
        ..CodeObject::empty(parts.filename, parts.name, parts.qualname)
    })?;
    code.set_body(Box::new(body));
    Ok(code)
}

/// The first opcode that does not exist, for the message of running it.
fn first_unknown(code: &[u8]) -> u8 {
    let mut units = code.chunks_exact(2).map(|unit| unit[0]);
    units
        .find(|&opcode| opcode::info(opcode.into()).is_none())
        .unwrap_or(op::RESERVED)
}

fn quicken(code: &[u8]) -> Box<[UnsafeCell<u16>]> {
    let units = naja_bytecode::packed::quicken(code).into_iter();
    units.map(UnsafeCell::new).collect()
}

/// The value of a constant. Raises MemoryError.
pub fn constant(vm: &Vm, constant_: &Const) -> PyResult {
    constant_as(vm, constant_, None)
}

fn constant_as(vm: &Vm, constant_: &Const, filename: Option<&Ref<Str>>) -> PyResult {
    vm.check_stack()?;
    let all = |items: &[Const]| {
        items
            .iter()
            .map(|c| constant_as(vm, c, filename))
            .collect::<PyResult<Vec<Value>>>()
    };
    Ok(match constant_ {
        Const::None => Value::NONE,
        Const::True => Value::TRUE,
        Const::False => Value::FALSE,
        Const::Ellipsis => Value::ELLIPSIS,
        Const::Int(n) => vm.new_int(*n)?,
        Const::BigInt(n) => vm.new_bigint((**n).clone())?,
        Const::Float(x) => vm.new_float(*x)?,
        Const::Complex(re, im) => vm.new_complex(*re, *im)?,
        Const::Str(text) => {
            let bytes = text.as_bytes();
            // Constants that look like names are interned, as CPython does: attribute names are compared by address.
            if naja_bytecode::packed::looks_like_name(bytes) {
                vm.interp.interner(|i| i.intern_wtf8(bytes)).into_value()
            } else {
                vm.new_str_wtf8(bytes)?.into_value()
            }
        }
        Const::Bytes(bytes) => vm.new_bytes(bytes)?.into_value(),
        Const::Tuple(items) => vm.new_tuple(all(items)?)?.into_value(),
        Const::FrozenSet(items) => {
            crate::objects::set::FrozenSet::from_values(vm, all(items)?)?.into_value()
        }
        Const::Slice(parts) => {
            let [start, stop, step] = [
                constant(vm, &parts[0])?,
                constant(vm, &parts[1])?,
                constant(vm, &parts[2])?,
            ];
            crate::objects::slice::Slice::make(vm, start, stop, step)?.into_value()
        }
        Const::Code(code) => CodeObject::from_code_as(vm, code, filename)?.into_value(),
    })
}

#[naja_macros::pymethods]
impl CodeObject {
    #[pyslot(
        sig = "(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize,\n     flags, codestring, constants, names, varnames, filename, name,\n     qualname, firstlineno, linetable, exceptiontable, freevars=(),\n     cellvars=(), /)"
    )]
    fn new(_cls: &Ref<crate::objects::type_::Type>, vm: &Vm, args: Args) -> PyResult {
        build::new(vm, args)
    }

    /// Return a copy of the code object with new values for the specified fields.
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn replace(vm: &Vm, args: Args) -> PyResult {
        match args
            .args
            .first()
            .and_then(|zelf| zelf.downcast::<CodeObject>())
        {
            Some(code) => build::replace(vm, code, args),
            None => Err(vm.type_error(
                "descriptor 'replace' for 'code' objects doesn't apply to another object",
            )),
        }
    }

    /// The same as replace().
    #[pymethod(raw, sig = "($self, /, **changes)")]
    fn __replace__(vm: &Vm, args: Args) -> PyResult {
        CodeObject::replace(vm, args)
    }

    #[pymethod(sig = "($self, /)")]
    fn co_lines(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        lines::lines(vm, zelf)
    }

    #[pymethod(sig = "($self, /)")]
    fn co_branches(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        lines::branches(vm, zelf)
    }

    #[pymethod(sig = "($self, /)")]
    fn co_positions(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        lines::positions(vm, zelf)
    }

    /// (internal-only) Return the local variable name for the given oparg.
    ///
    /// WARNING: this method is for internal use only and may change or go
    /// away.
    #[pymethod(sig = "($self, /, oparg)")]
    fn _varname_from_oparg(&self, vm: &Vm, oparg: i32) -> PyResult {
        Ok(lines::varname(vm, self, oparg)?.into_value())
    }

    #[pygetter]
    fn co_lnotab(&self, vm: &Vm) -> PyResult {
        vm.warn(
            &vm.types.deprecation_warning,
            "co_lnotab is deprecated, use co_lines instead.",
            1,
        )?;
        Ok(vm.new_bytes(&lines::lnotab(self))?.into_value())
    }

    /// Return the size of the object in memory, in bytes; what has not been read yet does not count.
    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(&self) -> usize {
        let body = self.made_body().map_or(0, |b| {
            size_of::<Body>()
                + (b.consts.len() + b.names.len() + b.localsplusnames.len()) * 8
                + b.units.len() * 2
                + b.localspluskinds.len()
        });
        size_of::<CodeObject>() + 16 + body
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let file = crate::protocols::object::repr(vm, zelf.filename().as_value())?;
        let line = if zelf.firstlineno != 0 {
            zelf.firstlineno
        } else {
            -1
        };
        let text = format!(
            "<code object {} at {:#x}, file \"{}\", line {line}>",
            zelf.name.to_string_lossy(),
            zelf.as_ptr() as usize,
            file.to_string_lossy().trim_matches('\'')
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        let mut parts = vec![
            zelf.name.to_value(),
            vm.new_tuple(zelf.consts().to_vec())?.into_value(),
            vm.new_bytes(&zelf.original_bytes())?.into_value(),
            zelf.co_linetable(vm)?,
            zelf.co_exceptiontable(vm)?,
        ];
        for number in [
            zelf.argcount,
            zelf.posonlyargcount,
            zelf.kwonlyargcount,
            zelf.flags,
            zelf.firstlineno as u32,
        ] {
            parts.push(vm.new_int(number.into())?);
        }
        parts.extend(
            zelf.names()
                .iter()
                .chain(zelf.localsplusnames())
                .map(Ref::to_value),
        );
        let tuple = vm.new_tuple(parts)?;
        crate::protocols::hash::hash(vm, tuple.as_value())
    }

    #[pyslot]
    fn richcompare(
        vm: &Vm,
        a: &Value,
        b: &Value,
        op: crate::protocols::compare::CompareOp,
    ) -> PyResult {
        use crate::protocols::compare::{CompareOp, eq};
        let (Some(x), Some(y)) = (a.downcast::<CodeObject>(), b.downcast::<CodeObject>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let numbers = |c: &CodeObject| {
            (
                c.argcount,
                c.posonlyargcount,
                c.kwonlyargcount,
                c.flags,
                c.firstlineno,
                c.nlocals,
                c.stacksize,
            )
        };
        let same_names = |p: &[Ref<Str>], q: &[Ref<Str>]| {
            p.len() == q.len() && p.iter().zip(q).all(|(p, q)| p.is(q))
        };
        let mut equal = numbers(x) == numbers(y)
            && x.original_bytes() == y.original_bytes()
            && x.linetable() == y.linetable()
            && x.exceptiontable() == y.exceptiontable()
            && same_names(x.names(), y.names())
            && same_names(x.localsplusnames(), y.localsplusnames())
            && x.name.is(&y.name)
            && x.consts().len() == y.consts().len();
        for (p, q) in x.consts().iter().zip(y.consts()) {
            equal = equal && vm.type_of(p).is(vm.type_of(q)) && eq(vm, p, q)?;
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pymember]
    fn co_argcount(&self) -> u32 {
        self.argcount
    }

    #[pymember]
    fn co_posonlyargcount(&self) -> u32 {
        self.posonlyargcount
    }

    #[pymember]
    fn co_kwonlyargcount(&self) -> u32 {
        self.kwonlyargcount
    }

    #[pymember]
    fn co_stacksize(&self) -> u32 {
        self.stacksize
    }

    #[pymember]
    fn co_flags(&self) -> u32 {
        self.flags
    }

    #[pymember]
    fn co_nlocals(&self) -> u32 {
        self.nlocals
    }

    #[pymember]
    fn co_firstlineno(&self) -> i32 {
        self.firstlineno
    }

    #[pymember]
    fn co_name(&self) -> Value {
        self.name.to_value()
    }

    #[pymember]
    fn co_qualname(&self) -> Value {
        self.qualname.to_value()
    }

    #[pymember]
    fn co_filename(&self) -> Value {
        self.filename().into_value()
    }

    #[pymember]
    fn co_linetable(&self, vm: &Vm) -> PyResult {
        Ok(self.tables(vm)?.0.into_value())
    }

    #[pymember]
    fn co_exceptiontable(&self, vm: &Vm) -> PyResult {
        Ok(self.tables(vm)?.1.into_value())
    }

    #[pymember]
    fn co_names(&self, vm: &Vm) -> PyResult {
        Ok(vm
            .new_tuple(self.names().iter().map(Ref::to_value).collect())?
            .into_value())
    }

    #[pymember]
    fn co_consts(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_tuple(self.consts().to_vec())?.into_value())
    }

    #[pygetter]
    fn co_code(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&self.original_bytes())?.into_value())
    }

    #[pygetter]
    fn _co_code_adaptive(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_bytes(&self.adaptive_bytes())?.into_value())
    }

    #[pygetter]
    fn co_varnames(&self, vm: &Vm) -> PyResult {
        self.names_of(vm, kind::LOCAL)
    }

    #[pygetter]
    fn co_cellvars(&self, vm: &Vm) -> PyResult {
        self.names_of(vm, kind::CELL)
    }

    #[pygetter]
    fn co_freevars(&self, vm: &Vm) -> PyResult {
        self.names_of(vm, kind::FREE)
    }
}

impl CodeObject {
    /// Line table and exception table as objects.
    fn tables(&self, vm: &Vm) -> PyResult<(Ref<Bytes>, Ref<Bytes>)> {
        self.ensure(vm)?;
        match self.made_body() {
            Some(body) => Ok((body.linetable.object(vm)?, body.exceptiontable.object(vm)?)),
            None => Err(vm.memory_error("")),
        }
    }

    /// The names of the variables of one kind, as a tuple.
    fn names_of(&self, vm: &Vm, bits: u8) -> PyResult {
        let names = self
            .localsplusnames()
            .iter()
            .zip(self.localspluskinds())
            .filter(|(_, k)| **k & bits != 0);
        Ok(vm
            .new_tuple(names.map(|(n, _)| n.to_value()).collect())?
            .into_value())
    }
}
