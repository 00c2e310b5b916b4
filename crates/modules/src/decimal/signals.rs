//! The signals of decimal arithmetic: their exception classes, the dictionaries `flags` and `traps`, and raising.
//!
//! A status word of `naja_numbers::decimal` is ORed into a context's flags; bits that are trapped become an exception of
//! the first matching class whose argument lists all of them. CPython: signal_map, cond_map and `dec_addstatus` in
//! Modules/_decimal/_decimal.c.

use super::context::Context;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::decimal::status as bits;
use naja_vm::dict::Dict;
use naja_vm::protocols::compare::CompareOp;
use naja_vm::protocols::{attributes, iterator, object, sequence};
use naja_vm::type_::Type;
use naja_vm::{PyResult, Raised, Vm};
use std::cell::Cell;
use std::rc::Rc;

/// Signals in the order of their dictionaries: name and status bits.
pub const SIGNALS: [(&str, u32); 9] = [
    ("InvalidOperation", bits::IEEE_INVALID),
    ("FloatOperation", bits::FLOAT_OPERATION),
    ("DivisionByZero", bits::DIVISION_BY_ZERO),
    ("Overflow", bits::OVERFLOW),
    ("Underflow", bits::UNDERFLOW),
    ("Subnormal", bits::SUBNORMAL),
    ("Inexact", bits::INEXACT),
    ("Rounded", bits::ROUNDED),
    ("Clamped", bits::CLAMPED),
];

/// Conditions that InvalidOperation stands for, in the order in which an exception lists them.
const CONDITIONS: [(&str, u32); 5] = [
    ("InvalidOperation", bits::INVALID_OPERATION),
    ("ConversionSyntax", bits::CONVERSION_SYNTAX),
    ("DivisionImpossible", bits::DIVISION_IMPOSSIBLE),
    ("DivisionUndefined", bits::DIVISION_UNDEFINED),
    ("InvalidContext", bits::INVALID_CONTEXT),
];

const INVALID_SIGNALS: &str = "valid values for signals are:\n  [InvalidOperation, FloatOperation, \
                               DivisionByZero,\n   Overflow, Underflow, Subnormal, Inexact, \
                               Rounded,\n   Clamped]";

/// The module's classes that Python's own machinery makes.
pub struct Classes {
    pub decimal_exception: Ref<Type>,
    /// Of [`SIGNALS`].
    signals: Vec<Ref<Type>>,
    /// Of [`CONDITIONS`].
    conditions: Vec<Ref<Type>>,
    pub signal_dict: Ref<Type>,
    pub decimal_tuple: Value,
    pub rational: Value,
}

#[derive(Default)]
struct State {
    classes: MutCell<Option<Rc<Classes>>>,
}

/// The module's classes, made at first use.
pub fn classes(vm: &Vm) -> PyResult<Rc<Classes>> {
    let state = vm.interp.module_state::<State>();
    if let Some(classes) = state.classes.with(Clone::clone) {
        return Ok(classes);
    }
    let made = Rc::new(make_classes(vm)?);
    state.classes.set(Some(made.clone()));
    Ok(made)
}

fn make_class(vm: &Vm, module: &str, name: &str, bases: &[&Ref<Type>]) -> PyResult<Ref<Type>> {
    let dict = vm.new_dict()?;
    let module = vm.new_str(module)?.into_value();
    dict.set_str(vm, &vm.names.__module__, module)?;
    let bases = bases.iter().map(|base| base.to_value()).collect();
    let args = [
        vm.new_str(name)?.into_value(),
        vm.new_tuple(bases)?.into_value(),
        dict.into_value(),
    ];
    let class = vm.call(vm.types.type_.as_value(), &args)?;
    class
        .downcast_into::<Type>()
        .map_err(|_| vm.system_error("type() made no class"))
}

fn make_classes(vm: &Vm) -> PyResult<Classes> {
    let make = |name: &str, bases: &[&Ref<Type>]| make_class(vm, "decimal", name, bases);
    let base = make("DecimalException", &[&vm.types.arithmetic_error])?;
    let invalid = make("InvalidOperation", &[&base])?;
    let zero = &vm.types.zero_division_error;
    let float = make("FloatOperation", &[&base, &vm.types.type_error])?;
    let by_zero = make("DivisionByZero", &[&base, zero])?;
    let subnormal = make("Subnormal", &[&base])?;
    let inexact = make("Inexact", &[&base])?;
    let rounded = make("Rounded", &[&base])?;
    let clamped = make("Clamped", &[&base])?;
    let overflow = make("Overflow", &[&inexact, &rounded])?;
    let underflow = make("Underflow", &[&inexact, &rounded, &subnormal])?;
    let conditions = vec![
        invalid.clone(),
        make("ConversionSyntax", &[&invalid])?,
        make("DivisionImpossible", &[&invalid])?,
        make("DivisionUndefined", &[&invalid, zero])?,
        make("InvalidContext", &[&invalid])?,
    ];
    let signals = vec![
        invalid, float, by_zero, overflow, underflow, subnormal, inexact, rounded, clamped,
    ];
    Ok(Classes {
        decimal_exception: base,
        signals,
        conditions,
        signal_dict: make_signal_dict(vm)?,
        decimal_tuple: make_decimal_tuple(vm)?,
        rational: attribute(vm, "numbers", "Rational")?,
    })
}

/// `module.name`, imported.
pub fn attribute(vm: &Vm, module: &str, name: &str) -> PyResult {
    let module = naja_vm::import::import_simple(vm, module)?;
    attributes::get_by(vm, &module, name)
}

fn make_decimal_tuple(vm: &Vm) -> PyResult {
    let namedtuple = attribute(vm, "collections", "namedtuple")?;
    let args = [
        vm.new_str("DecimalTuple")?.into_value(),
        vm.new_str("sign digits exponent")?.into_value(),
    ];
    let class = vm.call(&namedtuple, &args)?;
    let module = vm.new_str("decimal")?.into_value();
    attributes::set(vm, &class, &vm.names.__module__, Some(&module))?;
    Ok(class)
}

/// The class of the dictionaries: the mixin with `MutableMapping`'s methods.
fn make_signal_dict(vm: &Vm) -> PyResult<Ref<Type>> {
    let mapping = attribute(vm, "collections.abc", "MutableMapping")?;
    let meta = vm.type_of(&mapping).to_ref().into_value();
    let bases = vec![vm.class::<SignalDictMixin>().to_value(), mapping];
    let args = [
        vm.new_str("SignalDict")?.into_value(),
        vm.new_tuple(bases)?.into_value(),
        vm.new_dict()?.into_value(),
    ];
    vm.call(&meta, &args)?
        .downcast_into::<Type>()
        .map_err(|_| vm.system_error("type() made no class"))
}

/// Every exception class with its name, for the module's attributes.
pub fn all_exceptions(vm: &Vm) -> PyResult<Vec<(&'static str, Ref<Type>)>> {
    let classes = classes(vm)?;
    let mut all = vec![("DecimalException", classes.decimal_exception.clone())];
    let signals = SIGNALS.iter().zip(&classes.signals);
    all.extend(signals.map(|((name, _), class)| (*name, class.clone())));
    let conditions = CONDITIONS.iter().zip(&classes.conditions).skip(1);
    all.extend(conditions.map(|((name, _), class)| (*name, class.clone())));
    Ok(all)
}

/// The bits of the signal that an exception class is.
pub fn signal_bits(vm: &Vm, class: &Value) -> PyResult<u32> {
    let classes = classes(vm)?;
    classes
        .signals
        .iter()
        .position(|signal| signal.as_value().is(class))
        .and_then(|i| SIGNALS.get(i))
        .map(|(_, bits)| *bits)
        .ok_or_else(|| invalid_signal(vm))
}

#[cold]
fn invalid_signal(vm: &Vm) -> Raised {
    vm.raise(&vm.types.key_error, INVALID_SIGNALS)
}

/// The classes of the signals in a status word.
pub fn signal_list(vm: &Vm, status: u32) -> PyResult<Vec<Value>> {
    let classes = classes(vm)?;
    Ok(SIGNALS
        .iter()
        .zip(&classes.signals)
        .filter(|((_, bits), _)| status & bits != 0)
        .map(|(_, class)| class.to_value())
        .collect())
}

/// Raises the exception for trapped bits.
#[cold]
pub fn raise(vm: &Vm, trapped: u32) -> Raised {
    match raise_trapped(vm, trapped) {
        Ok(never) => never,
        Err(raised) => raised,
    }
}

fn raise_trapped(vm: &Vm, trapped: u32) -> PyResult<Raised> {
    let classes = classes(vm)?;
    let first = SIGNALS
        .iter()
        .zip(&classes.signals)
        .find(|((_, bits), _)| trapped & bits != 0);
    let Some((_, class)) = first else {
        return Ok(vm.system_error("internal error in decimal: no signal"));
    };
    let conditions = CONDITIONS.iter().zip(&classes.conditions);
    let signals = SIGNALS.iter().zip(&classes.signals).skip(1);
    let list = conditions
        .chain(signals)
        .filter(|((_, bits), _)| trapped & bits != 0)
        .map(|(_, class)| class.to_value())
        .collect();
    let list = vm.new_list(list)?.into_value();
    Ok(vm.raise_with(class, &[list]))
}

/// Bits from a list of signals.
pub fn bits_of_list(vm: &Vm, list: &Value) -> PyResult<u32> {
    let items = sequence::collect(vm, list)?;
    let mut status = 0;
    for item in &items {
        status |= signal_bits(vm, item)?;
    }
    Ok(status)
}

/// Bits from a dictionary with all signals, or another context's.
pub fn bits_of_dict(vm: &Vm, value: &Value) -> PyResult<u32> {
    if let Some(dict) = value.downcast::<SignalDictMixin>() {
        return Ok(dict.bits.get());
    }
    let Some(dict) = value.downcast::<Dict>() else {
        return Err(vm.type_error("argument must be a signal dict"));
    };
    if dict.len() != SIGNALS.len() {
        return Err(vm.raise(&vm.types.key_error, "invalid signal dict"));
    }
    let mut status = 0;
    for (key, value) in dict.items_vec() {
        let bits = signal_bits(vm, &key)?;
        if object::is_true(vm, &value)? {
            status |= bits;
        }
    }
    Ok(status)
}

/// The view of a context's flags or traps.
#[pyclass(name = "SignalDictMixin", module = "decimal", flags(BASETYPE))]
#[repr(C)]
pub struct SignalDictMixin {
    pub bits: Rc<Cell<u32>>,
}

/// A new view of a status word.
pub fn view(vm: &Vm, bits: &Rc<Cell<u32>>) -> PyResult {
    let class = classes(vm)?.signal_dict.clone();
    let view = SignalDictMixin { bits: bits.clone() };
    Ok(vm.new_object_of(&class, view)?.into_value())
}

#[pymethods]
impl SignalDictMixin {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: naja_vm::Args) -> PyResult {
        let _ = args;
        let view = SignalDictMixin {
            bits: Rc::new(Cell::new(0)),
        };
        Ok(vm.new_object_of(cls, view)?.into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: naja_vm::Args) -> PyResult<()> {
        let _ = (vm, args);
        Ok(())
    }

    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let mut text = String::from("{");
        for (i, ((_, bits), class)) in SIGNALS.iter().zip(&classes(vm)?.signals).enumerate() {
            if i > 0 {
                text.push_str(", ");
            }
            text.push_str(&object::repr(vm, class.as_value())?.to_string_lossy());
            text.push_str(if self.bits.get() & bits != 0 {
                ":True"
            } else {
                ":False"
            });
        }
        text.push('}');
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn iter(&self, vm: &Vm) -> PyResult {
        let signals = signal_list(vm, u32::MAX)?;
        iterator::iter(vm, vm.new_tuple(signals)?.as_value())
    }

    #[pyslot(name = "mp_len")]
    fn length(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(SIGNALS.len())
    }

    #[pyslot(name = "subscript")]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        let bits = signal_bits(vm, key)?;
        Ok(Value::from_bool(self.bits.get() & bits != 0))
    }

    #[pyslot(name = "set_subscript")]
    fn set_subscript(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(vm.value_error("signal keys cannot be deleted"));
        };
        let bits = signal_bits(vm, key)?;
        let rest = self.bits.get() & !bits;
        let on = object::is_true(vm, value)?;
        self.bits.set(if on { rest | bits } else { rest });
        Ok(())
    }

    #[pyslot]
    fn richcompare(&self, vm: &Vm, other: &Value, op: CompareOp) -> PyResult {
        let wanted = match op {
            CompareOp::Eq => true,
            CompareOp::Ne => false,
            _ => return Ok(Value::NOT_IMPLEMENTED),
        };
        let known = other.downcast::<SignalDictMixin>().is_some();
        if !known && other.downcast::<Dict>().is_none() {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let normal = |status: u32| -> Vec<bool> {
            SIGNALS.iter().map(|(_, bits)| status & bits != 0).collect()
        };
        let theirs = match bits_of_dict(vm, other) {
            Ok(bits) => bits,
            Err(Raised) if !known && vm.catch(&vm.types.key_error) => {
                return Ok(Value::from_bool(!wanted));
            }
            Err(raised) => return Err(raised),
        };
        let equal = normal(self.bits.get()) == normal(theirs);
        Ok(Value::from_bool(equal == wanted))
    }

    /// A plain dictionary with the same items.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        let dict = vm.new_dict()?;
        for ((_, bits), class) in SIGNALS.iter().zip(&classes(vm)?.signals) {
            let on = Value::from_bool(self.bits.get() & bits != 0);
            dict.set(vm, class.as_value(), on)?;
        }
        Ok(dict.into_value())
    }
}

impl Context {
    /// Adds status bits to the flags; raises for trapped ones.
    #[inline]
    pub fn add_status(&self, vm: &Vm, status: u32) -> PyResult<()> {
        if status == 0 {
            return Ok(());
        }
        self.flags.set(self.flags.get() | status);
        let trapped = status & self.traps.get();
        if status & bits::MALLOC_ERROR != 0 {
            return Err(vm.memory_error(""));
        }
        if trapped != 0 {
            return Err(raise(vm, trapped));
        }
        Ok(())
    }
}
