//! Parsing of the arguments of native functions by their signatures, with CPython's messages.
//!
//! CPython words its errors by how the C function takes its arguments; the same follows from the signature here: without
//! parameters (METH_NOARGS), one required positional-only (METH_O), positional-only (METH_FASTCALL with `_PyArg_CheckPositional`),
//! or with keywords (`_PyArg_UnpackKeywords`). CPython: Python/getargs.c.

use super::args::{Args, KwArgs};
use super::def::NativeFn;
use crate::objects::str_::Str;
use crate::objects::type_::{Type, TypeFlags};
use crate::vm::{PyResult, Raised, Vm};
use naja_heap::{Payload, Ref, Value};

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

/// The parameters of a native function, with the counts that parsing needs.
pub struct Signature {
    /// The class of a method (`list`), the module of a function (`math`); empty for constructors and functions of
    /// `builtins`. Some messages name it ("list.append() takes ...").
    pub owner: &'static str,
    pub name: &'static str,
    pub params: &'static [Param],
    /// Positional-only parameters, and how many of these are required.
    pos_only: usize,
    min_pos_only: usize,
    /// Parameters that can be given by position, and how many of these are required.
    max_positional: usize,
    min_positional: usize,
    /// Required keyword-only parameters.
    min_keywords: usize,
    /// Parameters without `*args` and `**kwargs`.
    named: usize,
    /// Whether anything can be given by keyword.
    takes_keywords: bool,
    var_args: bool,
    var_keywords: bool,
}

/// "s", unless there is one.
fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl Signature {
    /// The signature of `owner.name`. Parameters stand in the order that Python prescribes.
    pub const fn new(
        owner: &'static str,
        name: &'static str,
        params: &'static [Param],
    ) -> Signature {
        let owner = if is_builtins(owner) { "" } else { owner };
        let mut sig = Signature {
            owner,
            name,
            params,
            pos_only: 0,
            min_pos_only: 0,
            max_positional: 0,
            min_positional: 0,
            min_keywords: 0,
            named: 0,
            takes_keywords: false,
            var_args: false,
            var_keywords: false,
        };
        let mut i = 0;
        while i < params.len() {
            let required = params[i].required as usize;
            match params[i].kind {
                ParamKind::PosOnly => {
                    sig.pos_only += 1;
                    sig.min_pos_only += required;
                    sig.max_positional += 1;
                    sig.min_positional += required;
                    sig.named += 1;
                }
                ParamKind::PosOrKw => {
                    sig.max_positional += 1;
                    sig.min_positional += required;
                    sig.named += 1;
                    sig.takes_keywords = true;
                }
                ParamKind::KwOnly => {
                    sig.min_keywords += required;
                    sig.named += 1;
                    sig.takes_keywords = true;
                }
                ParamKind::VarArgs => sig.var_args = true,
                ParamKind::VarKw => {
                    sig.var_keywords = true;
                    sig.takes_keywords = true;
                }
            }
            i += 1;
        }
        sig
    }

    /// The name with its class or module, as `_PyObject_FunctionStr` gives it.
    fn full_name(&self) -> String {
        if self.owner.is_empty() {
            self.name.to_string()
        } else {
            format!("{}.{}", self.owner, self.name)
        }
    }

    /// For functions without parameters.
    #[inline(always)]
    pub fn bind_none(&self, vm: &Vm, args: &Args) -> PyResult<()> {
        if args.args.is_empty() {
            Ok(())
        } else {
            Err(self.wrong_count(vm, args, "no arguments"))
        }
    }

    /// For functions of one required positional-only parameter.
    #[inline(always)]
    pub fn bind_one<'a>(&self, vm: &Vm, args: &Args<'a>) -> PyResult<&'a Value> {
        match args.args {
            [one] if args.keyword_count() == 0 => Ok(one),
            _ => Err(self.wrong_count(vm, args, "exactly one argument")),
        }
    }

    /// For functions of two required positional-only parameters.
    #[inline(always)]
    pub fn bind_two<'a>(&self, vm: &Vm, args: &Args<'a>) -> PyResult<(&'a Value, &'a Value)> {
        match args.args {
            [a, b] if args.keyword_count() == 0 => Ok((a, b)),
            _ => {
                self.no_keywords(vm, args)?;
                Err(self.wrong_positional(vm, args.positional().len()))
            }
        }
    }

    /// The errors of functions without parameters, and of those with one.
    #[cold]
    fn wrong_count(&self, vm: &Vm, args: &Args, takes: &str) -> Raised {
        match self.no_keywords(vm, args) {
            Ok(()) => vm.type_error(format!(
                "{}() takes {takes} ({} given)",
                self.full_name(),
                args.args.len()
            )),
            Err(raised) => raised,
        }
    }

    /// Raises TypeError if there are keyword arguments.
    #[inline]
    fn no_keywords(&self, vm: &Vm, args: &Args) -> PyResult<()> {
        if args.keyword_count() == 0 {
            return Ok(());
        }
        Err(vm.type_error(format!("{}() takes no keyword arguments", self.full_name())))
    }

    /// The arguments for `__new__`: where a subclass has an `__init__` of its own, keywords that `__new__` knows nothing of
    /// are for that.
    pub fn for_new<'a>(&self, class: &Ref<Type>, args: Args<'a>) -> Args<'a> {
        if args.keyword_count() == 0 || self.takes_keywords {
            return args;
        }
        let mut native = class.clone();
        while native.flag(TypeFlags::HEAPTYPE)
            && let Some(base) = native.base()
        {
            native = base;
        }
        let address = |class: &Type| class.slots.init.get().map(|f| f as usize);
        if address(class) == address(&native) {
            return args;
        }
        Args {
            args: &args.args[..args.args.len() - args.keyword_count()],
            kwnames: None,
        }
    }

    /// Whether the arguments are those of the first parameters, one after the other, and no more are required.
    #[inline(always)]
    pub fn fits(&self, args: &Args) -> bool {
        let n = args.args.len();
        args.kwnames.is_none()
            && self.min_keywords == 0
            && n >= self.min_positional
            && n <= self.max_positional
    }

    /// Finds the argument of each parameter. `bound` has one place, empty, for each (those of `*args` and `**kwargs` stay
    /// empty).
    #[inline]
    pub fn bind<'a>(
        &self,
        vm: &Vm,
        args: &Args<'a>,
        bound: &mut [Option<&'a Value>],
    ) -> PyResult<()> {
        if self.fits(args) && args.args.len() <= bound.len() {
            for (place, value) in bound.iter_mut().zip(args.args) {
                *place = Some(value);
            }
            return Ok(());
        }
        self.bind_rest(vm, args, bound)
    }

    /// The part of [`Signature::bind`] for keywords, `*args` and errors.
    fn bind_rest<'a>(
        &self,
        vm: &Vm,
        args: &Args<'a>,
        bound: &mut [Option<&'a Value>],
    ) -> PyResult<()> {
        let positional = args.positional();
        let n = positional.len();
        let fits = n >= self.min_positional && (n <= self.max_positional || self.var_args);
        for (place, value) in bound.iter_mut().zip(positional).take(self.max_positional) {
            *place = Some(value);
        }
        if !self.takes_keywords {
            self.no_keywords(vm, args)?;
            return if fits {
                Ok(())
            } else {
                Err(self.wrong_positional(vm, n))
            };
        }
        if fits && self.min_keywords == 0 && args.keyword_count() == 0 {
            return Ok(());
        }
        self.bind_keywords(vm, args, bound)
    }

    /// The index of the parameter that keyword `name` sets.
    fn index_of(&self, name: &Str) -> Option<usize> {
        use ParamKind::{KwOnly, PosOrKw};
        self.params.iter().position(|p| {
            matches!(p.kind, PosOrKw | KwOnly) && p.name.as_bytes() == name.as_bytes()
        })
    }

    /// The slow part of [`Signature::bind`], for functions that take keywords. The order of the checks is CPython's.
    fn bind_keywords<'a>(
        &self,
        vm: &Vm,
        args: &Args<'a>,
        bound: &mut [Option<&'a Value>],
    ) -> PyResult<()> {
        let (given, keywords) = (args.positional().len(), args.keyword_count());
        self.check_counts(vm, given, keywords)?;
        let mut left = keywords;
        for (name, value) in args.keywords() {
            match self.index_of(name).and_then(|index| bound.get_mut(index)) {
                Some(place) if place.is_none() => {
                    *place = Some(value);
                    left -= 1;
                }
                Some(_) => {} // given by position too: reported below
                None if self.var_keywords => left -= 1,
                None => {}
            }
        }
        for (index, (param, value)) in self.params.iter().zip(&*bound).enumerate() {
            if param.required && value.is_none() {
                return Err(self.missing(vm, index));
            }
        }
        if left == 0 {
            Ok(())
        } else {
            Err(self.superfluous(vm, args))
        }
    }

    /// Refuses too many arguments, and too few for the positional-only parameters.
    fn check_counts(&self, vm: &Vm, given: usize, keywords: usize) -> PyResult<()> {
        let (name, max) = (self.name, self.max_positional);
        if !self.var_args {
            let total = self.named;
            if given + keywords > total && !self.var_keywords {
                // "keyword" where none is positional: bpo-31229.
                let kind = if given == 0 { "keyword " } else { "" };
                let message = format!(
                    "{name}() takes at most {total} {kind}argument{} ({} given)",
                    plural(total),
                    given + keywords
                );
                return Err(vm.type_error(message));
            }
            if given > max {
                if max == 0 {
                    return Err(vm.type_error(format!("{name}() takes no positional arguments")));
                }
                let bound = if self.min_positional < max {
                    "at most"
                } else {
                    "exactly"
                };
                let message = format!(
                    "{name}() takes {bound} {max} positional argument{} ({given} given)",
                    plural(max)
                );
                return Err(vm.type_error(message));
            }
        }
        let min = self.min_pos_only;
        if given < min {
            let bound = if self.var_args || min < max {
                "at least"
            } else {
                "exactly"
            };
            let message = format!(
                "{name}() takes {bound} {min} positional argument{} ({given} given)",
                plural(min)
            );
            return Err(vm.type_error(message));
        }
        Ok(())
    }

    /// The error for keywords that no parameter took: given by position too, or unknown.
    #[cold]
    fn superfluous(&self, vm: &Vm, args: &Args) -> Raised {
        let by_position = args.positional().len().min(self.max_positional);
        for (index, param) in self
            .params
            .iter()
            .enumerate()
            .take(by_position)
            .skip(self.pos_only)
        {
            if args.keyword(param.name).is_some() {
                let message = format!(
                    "argument for {}() given by name ('{}') and position ({})",
                    self.name,
                    param.name,
                    index + 1
                );
                return vm.type_error(message);
            }
        }
        let Some((wrong, _)) = args
            .keywords()
            .find(|(name, _)| self.index_of(name).is_none())
        else {
            return vm.type_error("keywords must be strings");
        };
        let wrong = wrong.to_string_lossy();
        let known = self
            .params
            .iter()
            .filter(|p| matches!(p.kind, ParamKind::PosOrKw | ParamKind::KwOnly))
            .map(|p| p.name);
        let hint = match crate::protocols::suggestions::closest(&wrong, known) {
            Some(meant) => format!(". Did you mean '{meant}'?"),
            None => String::new(),
        };
        vm.type_error(format!(
            "{}() got an unexpected keyword argument '{wrong}'{hint}",
            self.name
        ))
    }

    /// The error for a wrong number of arguments where none can be given by keyword.
    #[cold]
    fn wrong_positional(&self, vm: &Vm, given: usize) -> Raised {
        let (min, max) = (self.min_positional, self.max_positional);
        let (bound, n) = match given < min {
            true if self.var_args || min < max => ("at least ", min),
            false if min < max => ("at most ", max),
            _ => ("", max),
        };
        if n == 0 {
            return vm.type_error(format!("{}() takes no arguments", self.name));
        }
        vm.type_error(format!(
            "{} expected {bound}{n} argument{}, got {given}",
            self.name,
            plural(n)
        ))
    }

    /// The error for a required parameter that got no argument.
    #[cold]
    pub fn missing(&self, vm: &Vm, index: usize) -> Raised {
        let name = self.params.get(index).map_or("", |p| p.name);
        // `*args` has no position of its own.
        let position = self
            .params
            .iter()
            .take(index)
            .filter(|p| p.kind != ParamKind::VarArgs)
            .count()
            + 1;
        vm.type_error(format!(
            "{}() missing required argument '{name}' (pos {position})",
            self.name
        ))
    }

    /// The arguments of a `*args` parameter.
    #[inline]
    pub fn var_args<'a>(&self, args: &Args<'a>) -> &'a [Value] {
        args.positional().get(self.max_positional..).unwrap_or(&[])
    }

    /// The arguments of a `**kwargs` parameter.
    pub fn var_keywords<'a>(&self, args: &Args<'a>) -> KwArgs<'a> {
        KwArgs(
            args.keywords()
                .filter(|(name, _)| self.index_of(name).is_none())
                .collect(),
        )
    }

    /// How messages name parameter `index`: "argument" where it is the only one, "argument 2" where it has no name for
    /// callers, else "argument 'x'".
    pub fn describe(&self, index: usize) -> String {
        match self.params.get(index) {
            Some(p) if p.kind == ParamKind::PosOnly && p.required && self.params.len() == 1 => {
                "argument".to_string()
            }
            Some(p) if matches!(p.kind, ParamKind::PosOrKw | ParamKind::KwOnly) => {
                format!("argument '{}'", p.name)
            }
            _ => format!("argument {}", index + 1),
        }
    }
}

/// Whether this is the module that messages do not name.
const fn is_builtins(name: &str) -> bool {
    matches!(name.as_bytes(), b"builtins")
}

/// The object that a method was called on, and the other arguments.
#[inline(always)]
pub fn receiver<'a, T: Payload>(
    vm: &Vm,
    args: Args<'a>,
    sig: &Signature,
) -> PyResult<(&'a Ref<T>, Args<'a>)> {
    match args.args.first().and_then(|v| v.downcast::<T>()) {
        Some(object) if args.args.len() > args.keyword_count() => Ok((object, args.rest())),
        _ => Err(bad_receiver(vm, args.positional().first(), T::NAME, sig)),
    }
}

/// As [`receiver`], for methods that take any object.
#[inline(always)]
pub fn receiver_value<'a>(
    vm: &Vm,
    args: Args<'a>,
    sig: &Signature,
) -> PyResult<(&'a Value, Args<'a>)> {
    match args.args.first() {
        Some(object) if args.args.len() > args.keyword_count() => Ok((object, args.rest())),
        _ => Err(bad_receiver(vm, None, "object", sig)),
    }
}

#[cold]
fn bad_receiver(vm: &Vm, got: Option<&Value>, wanted: &str, sig: &Signature) -> Raised {
    match got {
        Some(value) => vm.type_error(format!(
            "descriptor '{}' for '{wanted}' objects doesn't apply to a '{}' object",
            sig.name,
            vm.type_of(value).full_name()
        )),
        None => vm.type_error(format!(
            "unbound method {}() needs an argument",
            sig.full_name()
        )),
    }
}

/// The payload of the object that a slot is called on.
#[inline(always)]
pub fn slot_receiver<'a, T: Payload>(
    vm: &Vm,
    value: &'a Value,
    slot: &str,
) -> PyResult<&'a Ref<T>> {
    match value.downcast::<T>() {
        Some(object) => Ok(object),
        None => Err(bad_slot_receiver(vm, value, T::NAME, slot)),
    }
}

#[cold]
fn bad_slot_receiver(vm: &Vm, value: &Value, wanted: &str, slot: &str) -> Raised {
    vm.type_error(format!(
        "descriptor '__{slot}__' requires a '{wanted}' object but received a '{}'",
        vm.type_of(value).full_name()
    ))
}

/// The payload of the object whose attribute is asked for.
#[inline(always)]
pub fn attribute_receiver<'a, T: Payload>(vm: &Vm, value: &'a Value) -> PyResult<&'a Ref<T>> {
    match value.downcast::<T>() {
        Some(object) => Ok(object),
        None => Err(bad_slot_receiver(vm, value, T::NAME, "get")),
    }
}

/// Calls `f` with `first` before the arguments.
#[inline]
pub fn with_first<R>(first: &Value, args: Args, f: impl FnOnce(Args) -> R) -> R {
    let kwnames = args.kwnames;
    if args.args.is_empty() {
        let args = std::slice::from_ref(first);
        return f(Args { args, kwnames });
    }
    crate::interpreter::call::with_first(first, args.args, |args| f(Args { args, kwnames }))
}

/// Calls a native function with `receiver` before the arguments.
pub fn with_receiver(vm: &Vm, receiver: &Value, args: Args, call: NativeFn) -> PyResult {
    with_first(receiver, args, |args| call(vm, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        use ParamKind::*;
        const fn p(name: &'static str, kind: ParamKind, required: bool) -> Param {
            Param {
                name,
                kind,
                required,
            }
        }
        static PARAMS: [Param; 6] = [
            p("a", PosOnly, true),
            p("b", PosOrKw, true),
            p("c", PosOrKw, false),
            p("args", VarArgs, false),
            p("d", KwOnly, true),
            p("kw", VarKw, false),
        ];
        static SIG: Signature = Signature::new("builtins", "f", &PARAMS);
        assert_eq!(
            (
                SIG.pos_only,
                SIG.max_positional,
                SIG.min_positional,
                SIG.min_keywords,
                SIG.named
            ),
            (1, 3, 2, 1, 4)
        );
        assert!(SIG.var_args && SIG.var_keywords && SIG.takes_keywords && SIG.owner.is_empty());
        assert_eq!(
            [SIG.describe(0), SIG.describe(1)],
            ["argument 1", "argument 'b'"]
        );
        assert_eq!(
            Signature::new("list", "append", const { &[p("x", PosOnly, true)] }).full_name(),
            "list.append"
        );
    }
}
