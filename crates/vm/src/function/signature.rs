//! Parsing of the arguments of native functions by their signatures, with CPython's messages.
//!
//! CPython words its errors by how the C function takes its arguments; the same follows from the signature here: without
//! parameters (METH_NOARGS), one required positional-only (METH_O), positional-only (METH_FASTCALL with `_PyArg_CheckPositional`),
//! or with keywords (`_PyArg_UnpackKeywords`). CPython: Python/getargs.c.

use super::args::{Args, KwArgs};
use super::def::NativeFn;
use crate::objects::str_::{self, StrRef};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Payload, Ref, Value};
use smallvec::SmallVec;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    PosOnly,
    PosOrKw,
    VarArgs,
    KwOnly,
    VarKw,
}

/// One parameter.
pub struct Param {
    pub name: &'static str,
    pub kind: ParamKind,
    pub required: bool,
}

/// The parameters of a native function.
pub struct Signature {
    pub name: &'static str,
    pub params: &'static [Param],
}

impl Signature {
    /// For functions without parameters.
    #[inline(always)]
    pub fn bind_none(&self, vm: &Vm, args: &Args) -> PyResult<()> {
        if args.args.is_empty() { Ok(()) } else { Err(self.no_args(vm, args)) }
    }

    #[cold]
    fn no_args(&self, vm: &Vm, args: &Args) -> Raised {
        if args.keyword_count() > 0 {
            return vm.type_error(format!("{}() takes no keyword arguments", self.name));
        }
        vm.type_error(format!("{}() takes no arguments ({} given)", self.name, args.args.len()))
    }

    /// For functions of one required positional-only parameter.
    #[inline(always)]
    pub fn bind_one<'a>(&self, vm: &Vm, args: &Args<'a>) -> PyResult<&'a Value> {
        match (args.args, args.kwnames) {
            ([one], None) => Ok(one),
            _ => Err(self.not_one(vm, args)),
        }
    }

    #[cold]
    fn not_one(&self, vm: &Vm, args: &Args) -> Raised {
        if args.keyword_count() > 0 {
            return vm.type_error(format!("{}() takes no keyword arguments", self.name));
        }
        vm.type_error(format!("{}() takes exactly one argument ({} given)", self.name, args.args.len()))
    }

    fn count(&self, kinds: &[ParamKind]) -> usize {
        self.params.iter().filter(|p| kinds.contains(&p.kind)).count()
    }

    fn has(&self, kind: ParamKind) -> bool {
        self.params.iter().any(|p| p.kind == kind)
    }

    /// Finds the argument of each parameter. `bound` has one place for each.
    pub fn bind<'a>(&self, vm: &Vm, args: &Args<'a>, bound: &mut [Option<&'a Value>]) -> PyResult<()> {
        use ParamKind::*;
        let positional = args.positional();
        let max_positional = self.count(&[PosOnly, PosOrKw]);
        let takes_keywords = self.has(PosOrKw) || self.has(KwOnly) || self.has(VarKw);
        if !takes_keywords && args.keyword_count() > 0 {
            return Err(vm.type_error(format!("{}() takes no keyword arguments", self.name)));
        }
        if positional.len() > max_positional && !self.has(VarArgs) {
            return Err(self.too_many(vm, args, takes_keywords, max_positional));
        }
        for (place, value) in bound.iter_mut().zip(positional).take(max_positional) {
            *place = Some(value);
        }
        for (name, value) in args.keywords() {
            let found = self.params.iter().position(|p| matches!(p.kind, PosOrKw | KwOnly) && p.name.as_bytes() == name.as_bytes());
            match found {
                Some(index) if bound[index].is_some() => {
                    return Err(vm.type_error(format!(
                        "argument for {}() given by name ('{}') and position ({})",
                        self.name,
                        self.params[index].name,
                        index + 1
                    )));
                }
                Some(index) => bound[index] = Some(value),
                None if self.has(VarKw) => {}
                None => return Err(self.unexpected(vm, bound, &name.to_string_lossy())),
            }
        }
        let missing = self.params.iter().zip(&*bound).position(|(p, b)| p.required && b.is_none());
        match missing {
            Some(index) => Err(self.missing_in(vm, index, positional.len(), takes_keywords)),
            None => Ok(()),
        }
    }

    #[cold]
    fn too_many(&self, vm: &Vm, args: &Args, takes_keywords: bool, max: usize) -> Raised {
        use ParamKind::*;
        let min = self.params.iter().filter(|p| matches!(p.kind, PosOnly | PosOrKw) && p.required).count();
        let given = args.args.len();
        if !takes_keywords {
            return self.wrong_positional(vm, given, min, max);
        }
        let positional_given = args.positional().len();
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        if max == 0 {
            return vm.type_error(format!("{}() takes no positional arguments", self.name));
        }
        let total = self.count(&[PosOnly, PosOrKw, KwOnly]);
        let least = if min < max { "at most" } else { "exactly" };
        if total == max {
            vm.type_error(format!("{}() takes {least} {max} argument{} ({given} given)", self.name, plural(max)))
        } else {
            vm.type_error(format!(
                "{}() takes {least} {max} positional argument{} ({positional_given} given)",
                self.name,
                plural(max)
            ))
        }
    }

    #[cold]
    fn wrong_positional(&self, vm: &Vm, given: usize, min: usize, max: usize) -> Raised {
        let (word, n) = if min == max {
            ("", min)
        } else if given < min {
            ("at least ", min)
        } else {
            ("at most ", max)
        };
        let plural = if n == 1 { "" } else { "s" };
        vm.type_error(format!("{} expected {word}{n} argument{plural}, got {given}", self.name))
    }

    #[cold]
    fn unexpected(&self, vm: &Vm, bound: &[Option<&Value>], name: &str) -> Raised {
        // A missing required argument is complained about first.
        for (index, (param, value)) in self.params.iter().zip(bound).enumerate() {
            if param.required && value.is_none() && matches!(param.kind, ParamKind::PosOnly) {
                return self.missing_in(vm, index, index, true);
            }
        }
        if self.params.iter().any(|p| p.kind == ParamKind::PosOnly && p.name == name) {
            return vm.type_error(format!("{}() got some positional-only arguments passed as keyword arguments: '{name}'", self.name));
        }
        vm.type_error(format!("{}() got an unexpected keyword argument '{name}'", self.name))
    }

    #[cold]
    fn missing_in(&self, vm: &Vm, index: usize, given: usize, takes_keywords: bool) -> Raised {
        use ParamKind::*;
        let max = self.count(&[PosOnly, PosOrKw]);
        let min = self.params.iter().filter(|p| matches!(p.kind, PosOnly | PosOrKw) && p.required).count();
        if !takes_keywords {
            return match self.has(VarArgs) {
                true => {
                    let plural = if min == 1 { "" } else { "s" };
                    vm.type_error(format!("{} expected at least {min} argument{plural}, got {given}", self.name))
                }
                false => self.wrong_positional(vm, given, min, max),
            };
        }
        let param = &self.params[index];
        if param.kind == PosOnly {
            let posonly = self.params.iter().filter(|p| p.kind == PosOnly && p.required).count();
            let plural = if posonly == 1 { "" } else { "s" };
            let most = if posonly < max { "at least" } else { "exactly" };
            return vm.type_error(format!("{}() takes {most} {posonly} positional argument{plural} ({given} given)", self.name));
        }
        if param.kind == KwOnly {
            return vm.type_error(format!("{}() missing required argument '{}' (pos {})", self.name, param.name, index + 1));
        }
        vm.type_error(format!("{}() missing required argument '{}' (pos {})", self.name, param.name, index + 1))
    }

    /// The error for a required parameter that got no argument.
    #[cold]
    pub fn missing(&self, vm: &Vm, index: usize) -> Raised {
        self.missing_in(vm, index, index, true)
    }

    /// The arguments of a `*args` parameter.
    pub fn var_args<'a>(&self, args: &Args<'a>) -> &'a [Value] {
        let before = self.count(&[ParamKind::PosOnly, ParamKind::PosOrKw]);
        args.positional().get(before..).unwrap_or(&[])
    }

    /// The arguments of a `**kwargs` parameter.
    pub fn var_keywords<'a>(&self, args: &Args<'a>) -> KwArgs<'a> {
        KwArgs(
            args.keywords()
                .filter(|(name, _)| {
                    !self.params.iter().any(|p| {
                        matches!(p.kind, ParamKind::PosOrKw | ParamKind::KwOnly) && p.name.as_bytes() == name.as_bytes()
                    })
                })
                .collect(),
        )
    }

    /// How messages name parameter `index`: "argument 'x'", or "argument 1" where it has no name for callers.
    pub fn describe(&self, index: usize) -> String {
        match self.params.get(index) {
            Some(p) if p.kind == ParamKind::PosOnly => {
                if self.params.len() == 1 {
                    "argument".to_string()
                } else {
                    format!("argument {}", index + 1)
                }
            }
            Some(p) => format!("argument '{}'", p.name),
            None => format!("argument {}", index + 1),
        }
    }
}

/// The object that a method was called on, and the other arguments.
#[inline(always)]
pub fn receiver<'a, T: Payload>(vm: &Vm, args: Args<'a>, sig: &Signature) -> PyResult<(&'a Ref<T>, Args<'a>)> {
    match args.args.first().and_then(|v| v.downcast::<T>()) {
        Some(object) if args.args.len() > args.keyword_count() => Ok((object, args.rest())),
        _ => Err(bad_receiver(vm, args.args.first(), T::NAME, sig.name)),
    }
}

/// As [`receiver`], for methods that take any object.
#[inline(always)]
pub fn receiver_value<'a>(vm: &Vm, args: Args<'a>, sig: &Signature) -> PyResult<(&'a Value, Args<'a>)> {
    match args.args.first() {
        Some(object) => Ok((object, args.rest())),
        None => Err(bad_receiver(vm, None, "object", sig.name)),
    }
}

#[cold]
fn bad_receiver(vm: &Vm, got: Option<&Value>, wanted: &str, name: &str) -> Raised {
    match got {
        Some(value) => vm.type_error(format!(
            "descriptor '{name}' for '{wanted}' objects doesn't apply to a '{}' object",
            vm.type_of(value).full_name()
        )),
        None => vm.type_error(format!("unbound method {wanted}.{name}() needs an argument")),
    }
}

/// The payload of the object that a slot is called on.
#[inline(always)]
pub fn slot_receiver<'a, T: Payload>(vm: &Vm, value: &'a Value, slot: &str) -> PyResult<&'a Ref<T>> {
    match value.downcast::<T>() {
        Some(object) => Ok(object),
        None => Err(bad_slot_receiver(vm, value, T::NAME, slot)),
    }
}

#[cold]
fn bad_slot_receiver(vm: &Vm, value: &Value, wanted: &str, slot: &str) -> Raised {
    vm.type_error(format!("descriptor '__{slot}__' requires a '{wanted}' object but received a '{}'", vm.type_of(value).full_name()))
}

/// The payload of the object whose attribute is asked for.
#[inline(always)]
pub fn attribute_receiver<'a, T: Payload>(vm: &Vm, value: &'a Value) -> PyResult<&'a Ref<T>> {
    match value.downcast::<T>() {
        Some(object) => Ok(object),
        None => Err(bad_slot_receiver(vm, value, T::NAME, "get")),
    }
}

/// Calls a native function with `receiver` before the arguments.
pub fn with_receiver(vm: &Vm, receiver: &Value, args: Args, call: NativeFn) -> PyResult {
    let mut all: SmallVec<[Value; 8]> = SmallVec::with_capacity(args.args.len() + 1);
    all.push(receiver.clone());
    all.extend(args.args.iter().cloned());
    call(vm, Args { args: &all, kwnames: args.kwnames })
}

/// Whether a keyword name is interned (compile-time names are): a hint for lookups by address.
pub fn is_interned(name: &Value) -> bool {
    str_::of(name).is_some_and(|n| n.is_interned())
}
