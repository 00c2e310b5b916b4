//! `_lsprof`: the profiler under `cProfile`, a tool of `sys.monitoring`.
//!
//! Each callable has an entry with its times and counts, and inside it one for each callable called from it. The calls
//! under way form a stack; a call's own time is its time less that of the calls it made. CPython: Modules/_lsprof.c.

use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods, pymodule};
use naja_vm::code::CodeObject;
use naja_vm::function::descriptor::MethodDescriptor;
use naja_vm::function::native::NativeFunction;
use naja_vm::interpreter::monitor::event;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::structseq;
use naja_vm::type_::Type;
use naja_vm::{PyResult, Traverse, Visitor, Vm};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::time::Instant;

naja_vm::struct_sequence! {
    pub ENTRY = "profiler_entry" in "_lsprof", "";
    0 "code" "code object or built-in function name";
    1 "callcount" "how many times this was called";
    2 "reccallcount" "how many times called recursively";
    3 "totaltime" "total time in this entry";
    4 "inlinetime" "inline time in this entry (not in subcalls)";
    5 "calls" "details of the calls";
}

naja_vm::struct_sequence! {
    pub SUBENTRY = "profiler_subentry" in "_lsprof", "";
    0 "code" "called code object or built-in function name";
    1 "callcount" "how many times this is called";
    2 "reccallcount" "how many times this is called recursively";
    3 "totaltime" "total time spent in this call";
    4 "inlinetime" "inline time (not in further subcalls)";
}

/// The number of the tool.
const TOOL: usize = 2;

/// What is known of the calls of one callable (from one caller, or from all).
#[derive(Default, Clone)]
struct Counts {
    total: f64,
    inline: f64,
    calls: i64,
    recursive: i64,
    level: i64,
}

impl Counts {
    fn stop(&mut self, total: f64, inline: f64) {
        self.level -= 1;
        if self.level == 0 {
            self.total += total;
        } else {
            self.recursive += 1;
        }
        self.inline += inline;
        self.calls += 1;
    }
}

struct Entry {
    /// A code object, or the text that stands for a native callable.
    code: Value,
    counts: Counts,
    callees: Vec<(usize, Counts)>,
}

/// A call under way.
struct Call {
    entry: usize,
    start: f64,
    inner: f64,
}

#[derive(Default)]
struct Data {
    entries: Vec<Entry>,
    by_key: FxHashMap<usize, usize>,
    stack: Vec<Call>,
    /// Keeps native callables alive whose address is a key.
    kept: Vec<Value>,
}

/// Build a profiler object using the specified timer function.
///
/// The default timer is a fast built-in one based on real time.
/// For custom timer functions returning integers, 'timeunit' can
/// be a float specifying a scale (that is, how long each integer unit
/// is, in seconds).
#[pyclass(name = "Profiler", module = "_lsprof", gc, flags(BASETYPE, HAS_DICT))]
pub struct Profiler {
    timer: MutCell<Option<Value>>,
    unit: Cell<f64>,
    subcalls: Cell<bool>,
    builtins: Cell<bool>,
    enabled: Cell<bool>,
    origin: Instant,
    data: MutCell<Data>,
}

impl Traverse for Profiler {
    fn traverse(&self, v: &mut Visitor) {
        self.timer.with(|t| v.opt(t));
        self.data.with(|d| {
            d.entries.iter().for_each(|e| v.value(&e.code));
            d.kept.iter().for_each(|k| v.value(k));
        });
    }
    fn clear(&self) {
        drop(self.timer.take());
    }
}

impl Profiler {
    /// The time: seconds, or units of the timer. A timer that fails is reported, and counts as 0.
    fn now(&self, vm: &Vm) -> f64 {
        let Some(timer) = self.timer.get() else {
            return self.origin.elapsed().as_secs_f64();
        };
        let result = vm.call(&timer, &[]).and_then(|value| {
            if self.unit.get() > 0.0 {
                number::index_i64(vm, &value).map(|n| n.unwrap_or(0) as f64)
            } else {
                number::as_f64(vm, &value)
            }
        });
        result.unwrap_or_else(|_| {
            naja_vm::exception::write_unraisable(vm, Some(&timer));
            0.0
        })
    }

    fn enter(
        &self,
        vm: &Vm,
        key: usize,
        code: impl FnOnce() -> PyResult<(Value, Option<Value>)>,
    ) -> PyResult<()> {
        let known = self.data.with(|d| d.by_key.get(&key).copied());
        let entry = match known {
            Some(entry) => entry,
            None => {
                let (code, kept) = code()?;
                self.data.with_mut(|d| {
                    d.kept.extend(kept);
                    d.entries.push(Entry {
                        code,
                        counts: Counts::default(),
                        callees: Vec::new(),
                    });
                    d.by_key.insert(key, d.entries.len() - 1);
                    d.entries.len() - 1
                })
            }
        };
        let start = self.now(vm);
        let subcalls = self.subcalls.get();
        self.data.with_mut(|d| {
            if let Some(e) = d.entries.get_mut(entry) {
                e.counts.level += 1
            }
            if subcalls
                && let Some(caller) = d.stack.last().map(|c| c.entry)
                && let Some(counts) = callee(d, caller, entry)
            {
                counts.level += 1
            }
            d.stack.push(Call {
                entry,
                start,
                inner: 0.0,
            });
        });
        Ok(())
    }

    /// The innermost call ends, if it is that of `key` (None: of whatever).
    fn leave(&self, vm: &Vm, key: Option<usize>) {
        if self.data.with(|d| d.stack.is_empty()) {
            return;
        }
        let now = self.now(vm);
        let subcalls = self.subcalls.get();
        self.data.with_mut(|d| {
            let Some(call) = d.stack.pop() else { return };
            let entry = match key {
                Some(key) => match d.by_key.get(&key) {
                    Some(&entry) => entry,
                    None => return,
                },
                None => call.entry,
            };
            let total = now - call.start;
            let inline = total - call.inner;
            let caller = d.stack.last_mut().map(|outer| {
                outer.inner += total;
                outer.entry
            });
            if let Some(e) = d.entries.get_mut(entry) {
                e.counts.stop(total, inline)
            }
            if subcalls
                && let Some(caller) = caller
                && let Some(counts) = callee(d, caller, entry)
            {
                counts.stop(total, inline)
            }
        });
    }

    fn factor(&self) -> f64 {
        match self.unit.get() {
            unit if self.timer.with(Option::is_some) && unit > 0.0 => unit,
            _ => 1.0,
        }
    }
}

fn callee(d: &mut Data, caller: usize, entry: usize) -> Option<&mut Counts> {
    let callees = &mut d.entries.get_mut(caller)?.callees;
    let at = match callees.iter().position(|(e, _)| *e == entry) {
        Some(at) => at,
        None => {
            callees.push((entry, Counts::default()));
            callees.len() - 1
        }
    };
    callees.get_mut(at).map(|(_, counts)| counts)
}

/// The native function behind a callable that a call event tells of.
fn native(vm: &Vm, callable: &Value, object: &Value) -> PyResult<Option<Ref<NativeFunction>>> {
    if let Some(function) = callable.downcast::<NativeFunction>() {
        return Ok(Some(function.clone()));
    }
    if callable.downcast::<MethodDescriptor>().is_some() {
        let missing = vm.interp.state.monitoring.missing.get();
        if missing.is_some_and(|m| m.is(object)) {
            return Ok(None);
        }
        if let Some(get) = vm.type_of(callable).slots.descr_get.get() {
            let class = vm.type_of(object).to_ref().into_value();
            let bound = get(vm, callable, Some(object), Some(&class))?;
            return Ok(bound.downcast_into::<NativeFunction>().ok());
        }
    }
    Ok(None)
}

/// The text that stands for a native function.
fn describe(vm: &Vm, function: &Ref<NativeFunction>) -> PyResult {
    let name = function.def.name;
    let text = |value: &Value| -> PyResult<Option<String>> {
        Ok(naja_vm::str_::of(value).map(|t| t.to_string_lossy().into_owned()))
    };
    match &function.zelf {
        Some(zelf) if zelf.downcast::<naja_vm::module::Module>().is_none() && !zelf.is_none() => {
            let class = vm.type_of(zelf).to_ref();
            if let Some(method) = class.lookup(vm, &vm.intern(name)) {
                return Ok(object::repr(vm, &method)?.into_value());
            }
        }
        _ => {
            let module =
                attributes::get_optional(vm, function.as_value(), &vm.intern("__module__"))?;
            if let Some(module) = module.as_ref().map(text).transpose()?.flatten() {
                return Ok(vm
                    .new_str(format!("<built-in method {module}.{name}>"))?
                    .into_value());
            }
        }
    }
    Ok(vm
        .new_str(format!("<built-in method {name}>"))?
        .into_value())
}

const CALLBACKS: [(usize, &str); 9] = [
    (event::PY_START, "_pystart_callback"),
    (event::PY_RESUME, "_pystart_callback"),
    (event::PY_THROW, "_pythrow_callback"),
    (event::PY_RETURN, "_pyreturn_callback"),
    (event::PY_YIELD, "_pyreturn_callback"),
    (event::PY_UNWIND, "_pyreturn_callback"),
    (event::CALL, "_ccall_callback"),
    (event::C_RETURN, "_creturn_callback"),
    (event::C_RAISE, "_creturn_callback"),
];

/// Calls a function of `sys.monitoring`.
fn monitoring(vm: &Vm, name: &str, args: &[Value]) -> PyResult {
    let module = vm.sys_attr("monitoring")?;
    let Some(module) = module else {
        return Err(vm.runtime_error("lost sys.monitoring"));
    };
    vm.call_method_str(&module, name, args)
}

#[pymethods]
impl Profiler {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: naja_vm::Args) -> PyResult {
        let profiler = Profiler {
            timer: MutCell::new(None),
            unit: Cell::new(0.0),
            subcalls: Cell::new(true),
            builtins: Cell::new(true),
            enabled: Cell::new(false),
            origin: Instant::now(),
            data: MutCell::new(Data::default()),
        };
        Ok(vm.new_object_of(cls, profiler)?.into_value())
    }

    #[pyslot(sig = "(timer=None, timeunit=0.0, subcalls=True, builtins=True)")]
    fn init(
        zelf: &Ref<Self>,
        vm: &Vm,
        timer: Option<Value>,
        timeunit: Option<f64>,
        subcalls: Option<bool>,
        builtins: Option<bool>,
    ) -> PyResult<()> {
        vm.permit(naja_vm::runtime::Access::Clock)?;
        drop(zelf.timer.replace(timer.filter(|t| !t.is_none())));
        zelf.unit.set(timeunit.unwrap_or(0.0));
        zelf.subcalls.set(subcalls.unwrap_or(true));
        zelf.builtins.set(builtins.unwrap_or(true));
        Ok(())
    }

    /// list of profiler_entry objects.
    ///
    /// getstats() -> list of profiler_entry objects
    ///
    /// Return all information collected by the profiler.
    /// Each profiler_entry is a tuple-like object with the
    /// following attributes:
    ///
    ///     code          code object
    ///     callcount     how many times this was called
    ///     reccallcount  how many times called recursively
    ///     totaltime     total time in this entry
    ///     inlinetime    inline time in this entry (not in subcalls)
    ///     calls         details of the calls
    ///
    /// The calls attribute is either None or a list of
    /// profiler_subentry objects:
    ///
    ///     code          called code object
    ///     callcount     how many times this is called
    ///     reccallcount  how many times this is called recursively
    ///     totaltime     total time spent in this call
    ///     inlinetime    inline time (not in further subcalls)
    #[pymethod(sig = "($self, /)")]
    fn getstats(&self, vm: &Vm) -> PyResult {
        let factor = self.factor();
        type Row = (Value, Counts, Vec<(Value, Counts)>);
        let rows: Vec<Row> = self.data.with(|d| {
            let name = |entry: usize| d.entries.get(entry).map_or(Value::NONE, |e| e.code.clone());
            let callees = |e: &Entry| {
                e.callees
                    .iter()
                    .map(|(c, counts)| (name(*c), counts.clone()))
                    .collect()
            };
            d.entries
                .iter()
                .map(|e| (e.code.clone(), e.counts.clone(), callees(e)))
                .collect()
        });
        let numbers = |code: Value, counts: &Counts| -> PyResult<Vec<Value>> {
            Ok(vec![
                code,
                vm.new_int(counts.calls)?,
                vm.new_int(counts.recursive)?,
                vm.new_float(factor * counts.total)?,
                vm.new_float(factor * counts.inline)?,
            ])
        };
        let mut stats = Vec::new();
        for (code, counts, callees) in rows {
            if counts.calls == 0 {
                continue;
            }
            let mut calls = Vec::new();
            for (code, counts) in callees.into_iter().filter(|(_, c)| c.calls > 0) {
                calls.push(structseq::make(vm, &SUBENTRY, numbers(code, &counts)?)?);
            }
            let mut items = numbers(code, &counts)?;
            items.push(if calls.is_empty() {
                Value::NONE
            } else {
                vm.new_list(calls)?.into_value()
            });
            stats.push(structseq::make(vm, &ENTRY, items)?);
        }
        Ok(vm.new_list(stats)?.into_value())
    }

    /// Start collecting profiling information.
    ///
    ///   subcalls
    ///     If True, also records for each function
    ///     statistics separated according to its current caller.
    ///   builtins
    ///     If True, records the time spent in
    ///     built-in functions separately from their caller.
    #[pymethod(sig = "($self, /, subcalls=True, builtins=True)")]
    fn enable(
        zelf: &Ref<Self>,
        vm: &Vm,
        subcalls: Option<bool>,
        builtins: Option<bool>,
    ) -> PyResult<()> {
        let tool = vm.new_int(TOOL as i64)?;
        monitoring(
            vm,
            "use_tool_id",
            &[tool.clone(), vm.new_str("cProfile")?.into_value()],
        )?;
        zelf.subcalls.set(subcalls.unwrap_or(true));
        zelf.builtins.set(builtins.unwrap_or(true));
        let mut events = 0;
        for (event, callback) in CALLBACKS {
            let callback = attributes::get_by(vm, zelf.as_value(), callback)?;
            monitoring(
                vm,
                "register_callback",
                &[tool.clone(), vm.new_int(1 << event)?, callback],
            )?;
            events |= 1 << event;
        }
        zelf.enabled.set(true);
        monitoring(vm, "set_events", &[tool, vm.new_int(events)?])?;
        Ok(())
    }

    /// Stop collecting profiling information.
    #[pymethod(sig = "($self, /)")]
    fn disable(&self, vm: &Vm) -> PyResult<()> {
        if self.enabled.replace(false) {
            let tool = vm.new_int(TOOL as i64)?;
            monitoring(vm, "set_events", &[tool.clone(), vm.new_int(0)?])?;
            for (event, _) in CALLBACKS {
                monitoring(
                    vm,
                    "register_callback",
                    &[tool.clone(), vm.new_int(1 << event)?, Value::NONE],
                )?;
            }
            monitoring(vm, "free_tool_id", &[tool])?;
            while !self.data.with(|d| d.stack.is_empty()) {
                self.leave(vm, None);
            }
        }
        Ok(())
    }

    /// Clear all profiling information collected so far.
    #[pymethod(sig = "($self, /)")]
    fn clear(&self) {
        drop(self.data.replace(Data::default()));
    }

    #[pymethod(sig = "($self, code, instruction_offset, /)")]
    fn _pystart_callback(&self, vm: &Vm, code: &Value, instruction_offset: &Value) -> PyResult<()> {
        let _ = instruction_offset;
        self.enter(vm, key_of(code), || Ok((code.clone(), None)))
    }

    #[pymethod(sig = "($self, code, instruction_offset, exception, /)")]
    fn _pythrow_callback(
        &self,
        vm: &Vm,
        code: &Value,
        instruction_offset: &Value,
        exception: &Value,
    ) -> PyResult<()> {
        let _ = (instruction_offset, exception);
        self.enter(vm, key_of(code), || Ok((code.clone(), None)))
    }

    #[pymethod(sig = "($self, code, instruction_offset, retval, /)")]
    fn _pyreturn_callback(
        &self,
        vm: &Vm,
        code: &Value,
        instruction_offset: &Value,
        retval: &Value,
    ) {
        let _ = (instruction_offset, retval);
        self.leave(vm, Some(key_of(code)));
    }

    #[pymethod(sig = "($self, code, instruction_offset, callable, self_arg, /)")]
    fn _ccall_callback(
        &self,
        vm: &Vm,
        code: &Value,
        instruction_offset: &Value,
        callable: &Value,
        self_arg: &Value,
    ) -> PyResult<()> {
        let _ = (code, instruction_offset);
        if self.builtins.get()
            && let Some(function) = native(vm, callable, self_arg)?
        {
            let key = std::ptr::from_ref(function.def) as usize;
            self.enter(vm, key, || {
                Ok((describe(vm, &function)?, Some(function.to_value())))
            })?;
        }
        Ok(())
    }

    #[pymethod(sig = "($self, code, instruction_offset, callable, self_arg,\n                  /)")]
    fn _creturn_callback(
        &self,
        vm: &Vm,
        code: &Value,
        instruction_offset: &Value,
        callable: &Value,
        self_arg: &Value,
    ) -> PyResult<()> {
        let _ = (code, instruction_offset);
        if self.builtins.get()
            && let Some(function) = native(vm, callable, self_arg)?
        {
            self.leave(vm, Some(std::ptr::from_ref(function.def) as usize));
        }
        Ok(())
    }
}

/// Code objects are told apart by address.
fn key_of(code: &Value) -> usize {
    match code.downcast::<CodeObject>() {
        Some(code) => code.as_ptr() as usize,
        None => 0,
    }
}

#[pymodule(name = "_lsprof", doc = "Fast profiler", classes(Profiler))]
pub mod module {
    use super::*;

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<naja_vm::module::Module>) -> PyResult<()> {
        module.set(
            vm,
            "profiler_entry",
            structseq::class(vm, &ENTRY).into_value(),
        )?;
        module.set(
            vm,
            "profiler_subentry",
            structseq::class(vm, &SUBENTRY).into_value(),
        )
    }
}
