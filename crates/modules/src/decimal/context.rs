//! `decimal.Context`, the thread's current context, and `localcontext`.
//!
//! Flags and traps are words shared with the views that `flags` and `traps` give; the current context is the value of a
//! context variable.
//! CPython: the second half of Modules/_decimal/_decimal.c.

use super::number::{Decimal, binary, div_mod, new_decimal, required, unary};
use super::{convert, signals};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_numbers::decimal::{self as dec, MAX_EMAX, MAX_PREC, MIN_EMIN, Round, status as bits};
use naja_vm::context::{Context as Variables, ContextVar};
use naja_vm::list::List;
use naja_vm::protocols::number;
use naja_vm::str_;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Vm};
use std::cell::Cell;
use std::rc::Rc;

const ROUNDING_ERROR: &str = "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, \
                              ROUND_UP, ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, \
                              ROUND_HALF_EVEN,\n   ROUND_05UP]";

/// Precision, bounds, rounding, flags and traps of decimal arithmetic.
#[pyclass(name = "Context", module = "decimal", flags(BASETYPE))]
#[repr(C)]
pub struct Context {
    pub core: Cell<dec::Context>,
    pub flags: Rc<Cell<u32>>,
    pub traps: Rc<Cell<u32>>,
    pub capitals: Cell<bool>,
    flags_view: MutCell<Option<Value>>,
    traps_view: MutCell<Option<Value>>,
}

/// The default context's values.
const DEFAULT: dec::Context = dec::Context {
    prec: 28,
    emax: 999_999,
    emin: -999_999,
    round: Round::HalfEven,
    clamp: false,
};

const DEFAULT_TRAPS: u32 = bits::IEEE_INVALID | bits::DIVISION_BY_ZERO | bits::OVERFLOW;

impl Context {
    pub fn with(core: dec::Context, traps: u32) -> Context {
        Context {
            core: Cell::new(core),
            flags: Rc::new(Cell::new(0)),
            traps: Rc::new(Cell::new(traps)),
            capitals: Cell::new(true),
            flags_view: MutCell::new(None),
            traps_view: MutCell::new(None),
        }
    }

    /// A copy with its own flags and traps.
    fn duplicate(&self, keep_flags: bool) -> Context {
        let copy = Context::with(self.core.get(), self.traps.get());
        copy.capitals.set(self.capitals.get());
        if keep_flags {
            copy.flags.set(self.flags.get());
        }
        copy
    }

    fn update(&self, change: impl FnOnce(&mut dec::Context)) {
        let mut core = self.core.get();
        change(&mut core);
        self.core.set(core);
    }

    /// Sets one of the attributes that a constructor or `localcontext` names.
    fn assign(&self, vm: &Vm, name: &str, value: &Value) -> PyResult<()> {
        match name {
            "prec" => {
                let prec = integer(vm, value)?;
                if !(1..=MAX_PREC).contains(&prec) {
                    return Err(vm.value_error("valid range for prec is [1, MAX_PREC]"));
                }
                self.update(|c| c.prec = prec);
            }
            "Emin" => {
                let emin = integer(vm, value)?;
                if !(MIN_EMIN..=0).contains(&emin) {
                    return Err(vm.value_error("valid range for Emin is [MIN_EMIN, 0]"));
                }
                self.update(|c| c.emin = emin);
            }
            "Emax" => {
                let emax = integer(vm, value)?;
                if !(0..=MAX_EMAX).contains(&emax) {
                    return Err(vm.value_error("valid range for Emax is [0, MAX_EMAX]"));
                }
                self.update(|c| c.emax = emax);
            }
            "rounding" => {
                let round = rounding(vm, value)?;
                self.update(|c| c.round = round);
            }
            "capitals" => match integer(vm, value)? {
                n @ (0 | 1) => self.capitals.set(n == 1),
                _ => return Err(vm.value_error("valid values for capitals are 0 or 1")),
            },
            "clamp" => match integer(vm, value)? {
                n @ (0 | 1) => self.update(|c| c.clamp = n == 1),
                _ => return Err(vm.value_error("valid values for clamp are 0 or 1")),
            },
            "flags" => self.flags.set(signal_bits(vm, value)?),
            "traps" => self.traps.set(signal_bits(vm, value)?),
            _ => {
                return Err(vm.type_error(format!(
                    "this function got an unexpected keyword argument '{name}'"
                )));
            }
        }
        Ok(())
    }
}

/// Bits from a list of signals or a dictionary.
fn signal_bits(vm: &Vm, value: &Value) -> PyResult<u32> {
    if value.downcast::<List>().is_some() {
        signals::bits_of_list(vm, value)
    } else {
        signals::bits_of_dict(vm, value)
    }
}

/// A Python int within `i64`.
fn integer(vm: &Vm, value: &Value) -> PyResult<i64> {
    if !number::is_int(vm, value) {
        return Err(vm.type_error("an integer is required"));
    }
    naja_vm::int::as_i64(value)
        .ok_or_else(|| vm.overflow_error("Python int too large to convert to C ssize_t"))
}

/// The rounding mode that a name is.
pub fn rounding(vm: &Vm, value: &Value) -> PyResult<Round> {
    str_::of(value)
        .and_then(|name| name.as_str())
        .and_then(Round::from_name)
        .ok_or_else(|| vm.type_error(ROUNDING_ERROR))
}

#[derive(Default)]
struct State {
    variable: MutCell<Option<Ref<ContextVar>>>,
    templates: MutCell<Option<[Ref<Context>; 3]>>,
}

/// `DefaultContext`, `BasicContext` and `ExtendedContext`.
pub fn templates(vm: &Vm) -> PyResult<[Ref<Context>; 3]> {
    let state = vm.interp.module_state::<State>();
    if let Some(templates) = state.templates.with(Clone::clone) {
        return Ok(templates);
    }
    let basic = dec::Context {
        prec: 9,
        round: Round::HalfUp,
        ..DEFAULT
    };
    let extended = dec::Context { prec: 9, ..DEFAULT };
    let basic_traps = DEFAULT_TRAPS | bits::UNDERFLOW | bits::CLAMPED;
    let made = [
        vm.new_object(Context::with(DEFAULT, DEFAULT_TRAPS))?,
        vm.new_object(Context::with(basic, basic_traps))?,
        vm.new_object(Context::with(extended, 0))?,
    ];
    state.templates.set(Some(made.clone()));
    Ok(made)
}

fn variable(vm: &Vm) -> PyResult<Ref<ContextVar>> {
    let state = vm.interp.module_state::<State>();
    if let Some(variable) = state.variable.with(Clone::clone) {
        return Ok(variable);
    }
    let made = ContextVar::make(vm, vm.intern("decimal_context"), None)?;
    state.variable.set(Some(made.clone()));
    Ok(made)
}

/// The thread's current context, made from the default one at first use.
#[inline]
pub fn current(vm: &Vm) -> PyResult<Ref<Context>> {
    let number = Variables::current_number(vm);
    let remembered = vm.found_in_context.with(|found| match found {
        Some((found_in, context)) if Some(*found_in) == number => {
            context.downcast::<Context>().cloned()
        }
        _ => None,
    });
    match remembered {
        Some(context) => Ok(context),
        None => find_current(vm),
    }
}

#[cold]
#[inline(never)]
fn find_current(vm: &Vm) -> PyResult<Ref<Context>> {
    let context = look_up(vm)?;
    if let Some(number) = Variables::current_number(vm) {
        vm.found_in_context.set(Some((number, context.to_value())));
    }
    Ok(context)
}

fn look_up(vm: &Vm) -> PyResult<Ref<Context>> {
    let variable = variable(vm)?;
    if let Some(value) = ContextVar::value(&variable, vm)?
        && let Ok(context) = value.downcast_into::<Context>()
    {
        return Ok(context);
    }
    let [default, ..] = templates(vm)?;
    let context = vm.new_object(default.duplicate(false))?;
    ContextVar::assign(&variable, vm, context.to_value())?;
    Ok(context)
}

/// The context given as an optional argument.
#[inline]
pub fn context_or_current(vm: &Vm, given: Option<&Value>) -> PyResult<Ref<Context>> {
    match given {
        None => current(vm),
        Some(value) if value.is_none() => current(vm),
        Some(value) => match value.downcast::<Context>() {
            Some(context) => Ok(context.clone()),
            None => Err(vm.type_error("optional argument must be a context")),
        },
    }
}

/// Makes `value` the current context; a template is copied.
pub fn set_current(vm: &Vm, value: &Value) -> PyResult<()> {
    let Some(context) = value.downcast::<Context>() else {
        return Err(vm.type_error("argument must be a context"));
    };
    let is_template = templates(vm)?.iter().any(|t| t.is(context));
    let context = if is_template {
        vm.new_object(context.duplicate(false))?
    } else {
        context.clone()
    };
    ContextVar::assign(&variable(vm)?, vm, context.into_value())?;
    Ok(())
}

/// The context of an IEEE interchange format.
pub fn ieee(vm: &Vm, size: &Value) -> PyResult {
    let size = integer(vm, size)?;
    let Some(core) = dec::Context::ieee(size) else {
        return Err(vm.value_error(format!(
            "argument must be a multiple of 32, with a maximum of {}",
            dec::IEEE_MAX_BITS
        )));
    };
    Ok(vm.new_object(Context::with(core, 0))?.into_value())
}

/// `localcontext(ctx=None, **kwargs)`.
pub fn local(vm: &Vm, args: Args) -> PyResult {
    let mut given = None;
    match args.positional() {
        [] => {}
        [context] => given = Some(context),
        more => {
            return Err(vm.type_error(format!(
                "localcontext() takes at most 1 positional argument ({} given)",
                more.len()
            )));
        }
    }
    if let Some(context) = args.keyword("ctx") {
        given = Some(context);
    }
    let global = current(vm)?;
    let source = match given {
        None => global.clone(),
        Some(value) if value.is_none() => global.clone(),
        Some(value) => match value.downcast::<Context>() {
            Some(context) => context.clone(),
            None => return Err(vm.type_error("optional argument must be a context")),
        },
    };
    let local = vm.new_object(source.duplicate(true))?;
    for (name, value) in args.keywords() {
        if name.as_bytes() != b"ctx" && !value.is_none() {
            local.assign(vm, &name.to_string_lossy(), value)?;
        }
    }
    Ok(vm
        .new_object(ContextManager { local, global })?
        .into_value())
}

/// What `localcontext` gives: sets one context and restores another.
#[pyclass(name = "ContextManager", module = "decimal", flags(NO_NEW))]
pub struct ContextManager {
    local: Ref<Context>,
    global: Ref<Context>,
}

#[pymethods]
impl ContextManager {
    /// Set the local context.
    #[pymethod(name = "__enter__", sig = "($self, /)")]
    fn enter(&self, vm: &Vm) -> PyResult {
        set_current(vm, self.local.as_value())?;
        Ok(self.local.to_value())
    }

    /// Restore the previous context.
    #[pymethod(name = "__exit__", raw)]
    fn exit(vm: &Vm, args: Args) -> PyResult {
        let zelf = args
            .args
            .first()
            .and_then(|v| v.downcast::<ContextManager>());
        let Some(zelf) = zelf else {
            return Err(vm.type_error("__exit__ needs a ContextManager"));
        };
        set_current(vm, zelf.global.as_value())?;
        Ok(Value::FALSE)
    }
}

fn attribute_value(vm: &Vm, value: Option<Value>) -> PyResult {
    value.ok_or_else(|| vm.attribute_error("context attributes cannot be deleted"))
}

#[pymethods]
impl Context {
    #[pyslot(
        sig = "(prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None)"
    )]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        let _ = args;
        let [default, ..] = templates(vm)?;
        Ok(vm
            .new_object_of(cls, default.duplicate(false))?
            .into_value())
    }

    #[pyslot]
    fn init(&self, vm: &Vm, args: Args) -> PyResult<()> {
        const NAMES: [&str; 8] = [
            "prec", "rounding", "Emin", "Emax", "capitals", "clamp", "flags", "traps",
        ];
        if args.positional().len() > NAMES.len() {
            return Err(vm.type_error(format!(
                "Context() takes at most 8 arguments ({} given)",
                args.positional().len() + args.keyword_count()
            )));
        }
        let positional = NAMES.iter().copied().zip(args.positional());
        for (name, value) in positional {
            if args.keyword(name).is_some() {
                return Err(vm.type_error(format!(
                    "argument for Context() given by name ('{name}') and position"
                )));
            }
            if !value.is_none() {
                self.assign(vm, name, value)?;
            }
        }
        for (name, value) in args.keywords() {
            if !value.is_none() || !NAMES.contains(&&*name.to_string_lossy()) {
                self.assign(vm, &name.to_string_lossy(), value)?;
            }
        }
        Ok(())
    }

    #[pyslot]
    fn repr(&self, vm: &Vm) -> PyResult {
        let core = self.core.get();
        // The order of the status bits.
        const ORDER: [usize; 9] = [8, 0, 2, 6, 1, 3, 7, 5, 4];
        let names = |status: u32| {
            let all = ORDER.iter().filter_map(|i| signals::SIGNALS.get(*i));
            let on = all.filter(|(_, bits)| status & bits != 0);
            on.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "Context(prec={}, rounding={}, Emin={}, Emax={}, capitals={}, clamp={}, flags=[{}], traps=[{}])",
            core.prec,
            core.round.name(),
            core.emin,
            core.emax,
            u8::from(self.capitals.get()),
            u8::from(core.clamp),
            names(self.flags.get()),
            names(self.traps.get())
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pygetter(name = "rounding")]
    fn get_rounding(&self, vm: &Vm) -> PyResult {
        Ok(vm.intern(self.core.get().round.name()).into_value())
    }

    /// The smallest exponent of a subnormal number.
    #[pymethod(name = "Etiny", sig = "($self, /)")]
    fn etiny(&self) -> i64 {
        self.core.get().etiny()
    }

    /// The largest exponent of a number of full precision.
    #[pymethod(name = "Etop", sig = "($self, /)")]
    fn etop(&self) -> i64 {
        self.core.get().etop()
    }

    /// The base, which is ten.
    #[pymethod(sig = "($self, /)")]
    fn radix(&self, vm: &Vm) -> PyResult {
        new_decimal(vm, dec::Decimal::from_i64(10))
    }

    /// Turn all flags off.
    #[pymethod(sig = "($self, /)")]
    fn clear_flags(&self) {
        self.flags.set(0);
    }

    /// Turn all traps off.
    #[pymethod(sig = "($self, /)")]
    fn clear_traps(&self) {
        self.traps.set(0);
    }

    /// A copy with its own flags and traps.
    #[pymethod(sig = "($self, /)")]
    fn copy(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_object(self.duplicate(true))?.into_value())
    }

    #[pymethod(name = "__copy__", sig = "($self, /)")]
    fn dunder_copy(&self, vm: &Vm) -> PyResult {
        Ok(vm.new_object(self.duplicate(true))?.into_value())
    }

    #[pymethod(name = "__reduce__", sig = "($self, /)")]
    fn reduce(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let core = zelf.core.get();
        let list = |status: u32| -> PyResult {
            Ok(vm.new_list(signals::signal_list(vm, status)?)?.into_value())
        };
        let args = vec![
            vm.new_int(core.prec)?,
            vm.intern(core.round.name()).into_value(),
            vm.new_int(core.emin)?,
            vm.new_int(core.emax)?,
            Value::small_int(i64::from(zelf.capitals.get())),
            Value::small_int(i64::from(core.clamp)),
            list(zelf.flags.get())?,
            list(zelf.traps.get())?,
        ];
        let class = vm.type_of(zelf.as_value()).to_ref().into_value();
        let args = vm.new_tuple(args)?.into_value();
        Ok(vm.new_tuple(vec![class, args])?.into_value())
    }

    /// A new number from another value, rounded to the context.
    #[pymethod(sig = "($self, num=\"0\", /)")]
    fn create_decimal(zelf: &Ref<Self>, vm: &Vm, num: Option<Value>) -> PyResult {
        convert::rounded(vm, num.as_ref(), zelf)
    }

    /// A new number from a float, rounded to the context.
    #[pymethod(sig = "($self, f, /)")]
    fn create_decimal_from_float(zelf: &Ref<Self>, vm: &Vm, f: &Value) -> PyResult {
        let exact = convert::from_float(vm, f)?;
        let mut status = 0;
        let result = dec::finalize(exact, &zelf.core.get(), &mut status);
        zelf.add_status(vm, status)?;
        new_decimal(vm, result)
    }

    #[pymethod(sig = "($self, object, /)")]
    fn _apply(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult {
        unary(vm, &*required(vm, object)?, zelf, |a, ctx, status| {
            dec::finalize(a.clone(), ctx, status)
        })
    }

    /// The operand, which is canonical already.
    #[pymethod(sig = "($self, x, /)")]
    fn canonical(&self, vm: &Vm, x: &Value) -> PyResult {
        match x.downcast::<Decimal>() {
            Some(_) => Ok(x.clone()),
            None => Err(vm.type_error("argument must be a Decimal")),
        }
    }

    /// True for every Decimal.
    #[pymethod(sig = "($self, x, /)")]
    fn is_canonical(&self, vm: &Vm, x: &Value) -> PyResult {
        match x.downcast::<Decimal>() {
            Some(_) => Ok(Value::TRUE),
            None => Err(vm.type_error("argument must be a Decimal")),
        }
    }

    /// Compare representations: -1, 0 or 1.
    #[pymethod(sig = "($self, x, y, /)")]
    fn compare_total(&self, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        new_decimal(
            vm,
            dec::compare_total(&*required(vm, x)?, &*required(vm, y)?),
        )
    }

    /// As compare_total, without signs.
    #[pymethod(sig = "($self, x, y, /)")]
    fn compare_total_mag(&self, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        new_decimal(
            vm,
            dec::compare_total_mag(&*required(vm, x)?, &*required(vm, y)?),
        )
    }

    /// A copy without sign.
    #[pymethod(sig = "($self, x, /)")]
    fn copy_abs(&self, vm: &Vm, x: &Value) -> PyResult {
        new_decimal(vm, required(vm, x)?.copy_abs())
    }

    /// A copy.
    #[pymethod(sig = "($self, x, /)")]
    fn copy_decimal(&self, vm: &Vm, x: &Value) -> PyResult {
        new_decimal(vm, required(vm, x)?.into_owned())
    }

    /// A copy with the other sign.
    #[pymethod(sig = "($self, x, /)")]
    fn copy_negate(&self, vm: &Vm, x: &Value) -> PyResult {
        new_decimal(vm, required(vm, x)?.copy_negate())
    }

    /// The first operand with the sign of the second.
    #[pymethod(sig = "($self, x, y, /)")]
    fn copy_sign(&self, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        let (x, y) = (required(vm, x)?, required(vm, y)?);
        new_decimal(vm, x.with_sign(y.negative))
    }

    /// Integer quotient and remainder.
    #[pymethod(sig = "($self, x, y, /)")]
    fn divmod(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        div_mod(vm, &*required(vm, x)?, &*required(vm, y)?, zelf)
    }

    /// x * y + z with one rounding.
    #[pymethod(sig = "($self, x, y, z, /)")]
    fn fma(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value, z: &Value) -> PyResult {
        let (x, y, z) = (required(vm, x)?, required(vm, y)?, required(vm, z)?);
        unary(vm, &x, zelf, |a, ctx, status| {
            dec::fma(a, &y, &z, ctx, status)
        })
    }

    /// a ** b, or a ** b % modulo.
    #[pymethod(sig = "($self, /, a, b, modulo=None)")]
    fn power(zelf: &Ref<Self>, vm: &Vm, a: &Value, b: &Value, modulo: Option<Value>) -> PyResult {
        let (a, b) = (required(vm, a)?, required(vm, b)?);
        match modulo.filter(|m| !m.is_none()) {
            None => binary(vm, &a, &b, zelf, dec::power),
            Some(m) => {
                let m = required(vm, &m)?;
                unary(vm, &a, zelf, |a, ctx, status| {
                    dec::power_modulo(a, &b, &m, ctx, status)
                })
            }
        }
    }

    /// Whether both have the same exponent.
    #[pymethod(sig = "($self, x, y, /)")]
    fn same_quantum(&self, vm: &Vm, x: &Value, y: &Value) -> PyResult<bool> {
        Ok(dec::same_quantum(&*required(vm, x)?, &*required(vm, y)?))
    }

    /// The name of the operand's class.
    #[pymethod(sig = "($self, x, /)")]
    fn number_class(&self, vm: &Vm, x: &Value) -> PyResult {
        let name = required(vm, x)?.number_class(&self.core.get());
        Ok(vm.new_str(name)?.into_value())
    }

    /// The text in scientific notation.
    #[pymethod(sig = "($self, x, /)")]
    fn to_sci_string(&self, vm: &Vm, x: &Value) -> PyResult<String> {
        Ok(dec::to_sci(&*required(vm, x)?, self.capitals.get()))
    }

    /// The text in engineering notation.
    #[pymethod(sig = "($self, x, /)")]
    fn to_eng_string(&self, vm: &Vm, x: &Value) -> PyResult<String> {
        Ok(dec::to_eng(&*required(vm, x)?, self.capitals.get()))
    }

    /// e to the power of x.
    #[pymethod(sig = "($self, x, /)")]
    fn exp(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::exp)
    }

    /// The natural logarithm.
    #[pymethod(sig = "($self, x, /)")]
    fn ln(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::ln)
    }

    /// The logarithm to base ten.
    #[pymethod(sig = "($self, x, /)")]
    fn log10(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::log10)
    }

    /// The exponent of the first digit.
    #[pymethod(sig = "($self, x, /)")]
    fn logb(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::logb)
    }

    /// Invert all digits of a logical operand.
    #[pymethod(sig = "($self, x, /)")]
    fn logical_invert(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::logical_invert)
    }

    /// The largest representable number smaller than x.
    #[pymethod(sig = "($self, x, /)")]
    fn next_minus(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::next_minus)
    }

    /// The smallest representable number larger than x.
    #[pymethod(sig = "($self, x, /)")]
    fn next_plus(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::next_plus)
    }

    /// Strip trailing zeros; every zero becomes 0.
    #[pymethod(sig = "($self, x, /)")]
    fn normalize(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::reduce)
    }

    /// The square root, rounded to the nearest even.
    #[pymethod(sig = "($self, x, /)")]
    fn sqrt(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::sqrt)
    }

    /// The absolute value.
    #[pymethod(sig = "($self, x, /)")]
    fn abs(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::abs)
    }

    /// The negated operand.
    #[pymethod(sig = "($self, x, /)")]
    fn minus(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::minus)
    }

    /// The operand under the context.
    #[pymethod(sig = "($self, x, /)")]
    fn plus(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        unary(vm, &*required(vm, x)?, zelf, dec::plus)
    }

    /// Compare by value: -1, 0, 1 or NaN.
    #[pymethod(sig = "($self, x, y, /)")]
    fn compare(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::compare,
        )
    }

    /// As compare, but every NaN signals.
    #[pymethod(sig = "($self, x, y, /)")]
    fn compare_signal(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::compare_signal,
        )
    }

    /// Digit-wise and of logical operands.
    #[pymethod(sig = "($self, x, y, /)")]
    fn logical_and(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::logical_and,
        )
    }

    /// Digit-wise or of logical operands.
    #[pymethod(sig = "($self, x, y, /)")]
    fn logical_or(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::logical_or,
        )
    }

    /// Digit-wise exclusive or of logical operands.
    #[pymethod(sig = "($self, x, y, /)")]
    fn logical_xor(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::logical_xor,
        )
    }

    /// The larger operand; a number wins over a quiet NaN.
    #[pymethod(sig = "($self, x, y, /)")]
    fn max(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::max)
    }

    /// The operand of larger magnitude.
    #[pymethod(sig = "($self, x, y, /)")]
    fn max_mag(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::max_mag,
        )
    }

    /// The smaller operand; a number wins over a quiet NaN.
    #[pymethod(sig = "($self, x, y, /)")]
    fn min(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::min)
    }

    /// The operand of smaller magnitude.
    #[pymethod(sig = "($self, x, y, /)")]
    fn min_mag(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::min_mag,
        )
    }

    /// The neighbour of the first operand towards the second.
    #[pymethod(sig = "($self, x, y, /)")]
    fn next_toward(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::next_toward,
        )
    }

    /// The remainder of the quotient rounded to the nearest integer.
    #[pymethod(sig = "($self, x, y, /)")]
    fn remainder_near(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::rem_near,
        )
    }

    /// Rotate the coefficient by a number of digits.
    #[pymethod(sig = "($self, x, y, /)")]
    fn rotate(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::rotate,
        )
    }

    /// Add the second operand to the exponent.
    #[pymethod(sig = "($self, x, y, /)")]
    fn scaleb(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::scaleb,
        )
    }

    /// Shift the coefficient by a number of digits.
    #[pymethod(sig = "($self, x, y, /)")]
    fn shift(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::shift)
    }

    /// The sum.
    #[pymethod(sig = "($self, x, y, /)")]
    fn add(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::add)
    }

    /// The quotient.
    #[pymethod(sig = "($self, x, y, /)")]
    fn divide(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::div)
    }

    /// The integer part of the quotient.
    #[pymethod(sig = "($self, x, y, /)")]
    fn divide_int(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::div_int,
        )
    }

    /// The product.
    #[pymethod(sig = "($self, x, y, /)")]
    fn multiply(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::mul)
    }

    /// The first operand with the exponent of the second.
    #[pymethod(sig = "($self, x, y, /)")]
    fn quantize(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(
            vm,
            &*required(vm, x)?,
            &*required(vm, y)?,
            zelf,
            dec::quantize,
        )
    }

    /// The remainder of the integer quotient.
    #[pymethod(sig = "($self, x, y, /)")]
    fn remainder(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::rem)
    }

    /// The difference.
    #[pymethod(sig = "($self, x, y, /)")]
    fn subtract(zelf: &Ref<Self>, vm: &Vm, x: &Value, y: &Value) -> PyResult {
        binary(vm, &*required(vm, x)?, &*required(vm, y)?, zelf, dec::sub)
    }

    /// Whether it is a finite number.
    #[pymethod(sig = "($self, x, /)")]
    fn is_finite(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_finite())
    }

    /// Whether it is infinite.
    #[pymethod(sig = "($self, x, /)")]
    fn is_infinite(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_infinite())
    }

    /// Whether it is a NaN, quiet or signaling.
    #[pymethod(sig = "($self, x, /)")]
    fn is_nan(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_nan())
    }

    /// Whether it is a quiet NaN.
    #[pymethod(sig = "($self, x, /)")]
    fn is_qnan(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_qnan())
    }

    /// Whether the sign is negative.
    #[pymethod(sig = "($self, x, /)")]
    fn is_signed(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.negative)
    }

    /// Whether it is a signaling NaN.
    #[pymethod(sig = "($self, x, /)")]
    fn is_snan(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_snan())
    }

    /// Whether it is zero.
    #[pymethod(sig = "($self, x, /)")]
    fn is_zero(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_zero())
    }

    /// Whether it is finite, not zero and not subnormal.
    #[pymethod(sig = "($self, x, /)")]
    fn is_normal(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_normal(&self.core.get()))
    }

    /// Whether it is not zero and below the smallest normal number.
    #[pymethod(sig = "($self, x, /)")]
    fn is_subnormal(&self, vm: &Vm, x: &Value) -> PyResult<bool> {
        Ok(required(vm, x)?.is_subnormal(&self.core.get()))
    }

    /// Round to an integer, with the signals Inexact and Rounded.
    #[pymethod(sig = "($self, x, /)")]
    fn to_integral_exact(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        let x = required(vm, x)?;
        unary(vm, &x, zelf, |a, ctx, status| {
            dec::to_integral(a, true, ctx, status)
        })
    }

    /// Round to an integer without signals.
    #[pymethod(sig = "($self, x, /)")]
    fn to_integral_value(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        let x = required(vm, x)?;
        unary(vm, &x, zelf, |a, ctx, status| {
            dec::to_integral(a, false, ctx, status)
        })
    }

    /// Round to an integer without signals.
    #[pymethod(sig = "($self, x, /)")]
    fn to_integral(zelf: &Ref<Self>, vm: &Vm, x: &Value) -> PyResult {
        let x = required(vm, x)?;
        unary(vm, &x, zelf, |a, ctx, status| {
            dec::to_integral(a, false, ctx, status)
        })
    }

    #[pygetter(name = "prec")]
    fn get_prec(&self) -> i64 {
        self.core.get().prec
    }

    #[pygetter(name = "Emin")]
    fn get_emin(&self) -> i64 {
        self.core.get().emin
    }

    #[pygetter(name = "Emax")]
    fn get_emax(&self) -> i64 {
        self.core.get().emax
    }

    #[pygetter(name = "capitals")]
    fn get_capitals(&self) -> i64 {
        i64::from(self.capitals.get())
    }

    #[pygetter(name = "clamp")]
    fn get_clamp(&self) -> i64 {
        i64::from(self.core.get().clamp)
    }

    #[pysetter(name = "prec")]
    fn set_prec(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "prec", &attribute_value(vm, value)?)
    }

    #[pysetter(name = "Emin")]
    fn set_emin(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "Emin", &attribute_value(vm, value)?)
    }

    #[pysetter(name = "Emax")]
    fn set_emax(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "Emax", &attribute_value(vm, value)?)
    }

    #[pysetter(name = "capitals")]
    fn set_capitals(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "capitals", &attribute_value(vm, value)?)
    }

    #[pysetter(name = "clamp")]
    fn set_clamp(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "clamp", &attribute_value(vm, value)?)
    }

    #[pysetter(name = "rounding")]
    fn set_rounding(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.assign(vm, "rounding", &attribute_value(vm, value)?)
    }

    #[pygetter(name = "flags")]
    fn get_flags(&self, vm: &Vm) -> PyResult {
        if let Some(view) = self.flags_view.get() {
            return Ok(view);
        }
        let view = signals::view(vm, &self.flags)?;
        self.flags_view.set(Some(view.clone()));
        Ok(view)
    }

    #[pysetter(name = "flags")]
    fn set_flags(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = attribute_value(vm, value)?;
        self.flags.set(signals::bits_of_dict(vm, &value)?);
        Ok(())
    }

    #[pygetter(name = "traps")]
    fn get_traps(&self, vm: &Vm) -> PyResult {
        if let Some(view) = self.traps_view.get() {
            return Ok(view);
        }
        let view = signals::view(vm, &self.traps)?;
        self.traps_view.set(Some(view.clone()));
        Ok(view)
    }

    #[pysetter(name = "traps")]
    fn set_traps(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = attribute_value(vm, value)?;
        self.traps.set(signals::bits_of_dict(vm, &value)?);
        Ok(())
    }
}
