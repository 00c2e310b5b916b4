//! `_decimal`: decimal floating-point arithmetic for Python.
//!
//! The arithmetic is `naja_numbers::decimal`; here are the classes around it: number.rs the numbers, context.rs the
//! contexts, signals.rs exceptions and flags, convert.rs the way from Python's values.
//! CPython: Modules/_decimal/_decimal.c.

mod context;
mod convert;
mod number;
mod signals;

use context::{Context, ContextManager};
use naja_heap::{Ref, Value};
use naja_macros::pymodule;
use naja_numbers::decimal as dec;
use naja_vm::module::Module;
use naja_vm::protocols::attributes;
use naja_vm::{Args, PyResult, Vm};
use number::Decimal;

#[pymodule(
    name = "_decimal",
    doc = "Fast decimal arithmetic module",
    classes(Decimal, Context)
)]
pub mod module {
    use super::*;

    /// Get the current default context.
    #[pyfunction(sig = "()")]
    fn getcontext(vm: &Vm) -> PyResult {
        Ok(context::current(vm)?.into_value())
    }

    /// Set a new default context.
    #[pyfunction(sig = "(context, /)")]
    fn setcontext(vm: &Vm, context: &Value) -> PyResult<()> {
        context::set_current(vm, context)
    }

    /// Return a context manager for a copy of the supplied context.
    ///
    /// That will set the default context to a copy of ctx on entry to the
    /// with-statement and restore the previous default context when exiting
    /// the with-statement. If no context is supplied, a copy of the current
    /// default context is used.
    #[pyfunction(raw, sig = "(ctx=None, **kwargs)")]
    fn localcontext(vm: &Vm, args: Args) -> PyResult {
        context::local(vm, args)
    }

    /// Return a context object initialized to the proper values for one of the IEEE interchange formats.
    ///
    /// The argument must be a multiple of 32 and less than IEEE_CONTEXT_MAX_BITS.
    #[pyfunction(name = "IEEEContext", sig = "(bits, /)")]
    fn ieee_context(vm: &Vm, bits: &Value) -> PyResult {
        context::ieee(vm, bits)
    }

    #[pyexec]
    fn exec(vm: &Vm, module: &Ref<Module>) -> PyResult<()> {
        let set = |name: &str, value: Value| {
            attributes::set(vm, module.as_value(), &vm.intern(name), Some(&value))
        };
        let classes = signals::classes(vm)?;
        for (name, class) in signals::all_exceptions(vm)? {
            set(name, class.into_value())?;
        }
        set("DecimalTuple", classes.decimal_tuple.clone())?;
        let names = ["DefaultContext", "BasicContext", "ExtendedContext"];
        for (name, template) in names.iter().zip(context::templates(vm)?) {
            set(name, template.into_value())?;
        }
        for name in dec::ROUND_NAMES {
            set(name, vm.intern(name).into_value())?;
        }
        for (name, value) in [
            ("MAX_PREC", dec::MAX_PREC),
            ("MAX_EMAX", dec::MAX_EMAX),
            ("MIN_EMIN", dec::MIN_EMIN),
            ("MIN_ETINY", dec::MIN_ETINY),
            ("IEEE_CONTEXT_MAX_BITS", dec::IEEE_MAX_BITS),
        ] {
            set(name, vm.new_int(value)?)?;
        }
        set("HAVE_THREADS", Value::TRUE)?;
        set("HAVE_CONTEXTVAR", Value::TRUE)?;
        set("__version__", vm.new_str("1.70")?.into_value())?;
        set("__libmpdec_version__", vm.new_str("2.5.1")?.into_value())?;
        vm.class::<ContextManager>();
        let number = signals::attribute(vm, "numbers", "Number")?;
        let class = vm.class::<Decimal>().to_value();
        vm.call_method_str(&number, "register", &[class])?;
        Ok(())
    }
}
