//! `atexit`: functions called at the end of an interpreter, the last registered first.
//!
//! Each callback stands in the interpreter's state as a tuple (function, arguments, keyword arguments); an unregistered one
//! leaves the list. `run` is called by whoever ends the interpreter.
//!
//! CPython: Modules/atexitmodule.c.

use crate::function::Args;
use crate::objects::dict::Dict;
use crate::objects::exception::write_unraisable_while;
use crate::objects::tuple::Tuple;
use crate::protocols::compare;
use crate::vm::{PyResult, Vm};
use naja_heap::Value;
use naja_macros::pymodule;

/// Calls all registered functions; what one raises is reported, and the next one called.
pub fn run(vm: &Vm) {
    while let Some(callback) = vm.interp.state.atexit.with_mut(Vec::pop) {
        let parts = callback.downcast::<Tuple>().map(|t| t.items());
        let Some([function, args, keywords]) = parts else {
            continue;
        };
        let args = args.downcast::<Tuple>().map_or(&[][..], |t| t.items());
        let result = vm.call_with(function, args, keywords.downcast::<Dict>());
        if result.is_err() {
            write_unraisable_while(vm, "in atexit callback", function);
        }
    }
}

#[pymodule(
    name = "atexit",
    doc = "allow programmer to define multiple exit functions to be executed\nupon normal program termination.\n\nTwo public functions, register and unregister, are defined.\n"
)]
pub mod module {
    use super::*;

    /// Register a function to be executed upon normal program termination
    ///
    ///     func - function to be called at exit
    ///     args - optional arguments to pass to func
    ///     kwargs - optional keyword arguments to pass to func
    ///
    ///     func is returned to facilitate usage as a decorator.
    #[pyfunction(raw, sig = "(func, /, *args, **kwargs)")]
    fn register(vm: &Vm, args: Args) -> PyResult {
        let Some((function, rest)) = args.positional().split_first() else {
            return Err(vm.type_error("register() takes at least 1 argument (0 given)"));
        };
        if vm.type_of(function).slots.call.get().is_none() {
            return Err(vm.type_error("the first argument must be callable"));
        }
        let keywords = vm.new_dict()?;
        for (name, value) in args.keywords() {
            keywords.set_str(vm, name, value.clone())?;
        }
        let rest = Tuple::from_slice(vm, rest)?;
        let parts = vec![function.clone(), rest.into_value(), keywords.into_value()];
        let callback = vm.new_tuple(parts)?.into_value();
        vm.interp.state.atexit.with_mut(|all| all.push(callback));
        Ok(function.clone())
    }

    /// Clear the list of previously registered exit functions.
    #[pyfunction]
    fn _clear(vm: &Vm) {
        drop(vm.interp.state.atexit.take())
    }

    /// Run all registered exit functions.
    ///
    /// If a callback raises an exception, it is logged with sys.unraisablehook.
    #[pyfunction]
    fn _run_exitfuncs(vm: &Vm) {
        run(vm)
    }

    /// Return the number of registered exit functions.
    #[pyfunction]
    fn _ncallbacks(vm: &Vm) -> usize {
        vm.interp.state.atexit.with(Vec::len)
    }

    /// Unregister an exit function which was previously registered using
    /// atexit.register
    ///
    ///     func - function to be unregistered
    #[pyfunction(sig = "(func, /)")]
    fn unregister(vm: &Vm, func: &Value) -> PyResult<()> {
        let state = &vm.interp.state.atexit;
        // Comparing may run anything, also code that registers: each is looked for again before it goes.
        for callback in state.get().into_iter().rev() {
            let function = callback.downcast::<Tuple>().and_then(|t| t.get(0));
            if let Some(function) = function
                && compare::eq(vm, function, func)?
            {
                let _gone = state.with_mut(|all| {
                    let at = all.iter().position(|c| c.is(&callback))?;
                    Some(all.remove(at))
                });
            }
        }
        Ok(())
    }
}
