//! Arguments of the constructors and older methods, taken apart with the messages of `PyArg_ParseTupleAndKeywords`.
//!
//! Each argument is converted as it is found, in the order of the parameters, so that the first wrong one is reported
//! before missing or surplus ones behind it. CPython: Python/getargs.c (vgetargskeywords).

use naja_heap::Value;
use naja_vm::protocols::number;
use naja_vm::protocols::suggestions;
use naja_vm::str_::Str;
use naja_vm::{Args, PyResult, Vm};

/// The parameters of one function.
pub struct Spec {
    /// As messages name it; None where they say only "function".
    pub name: Option<&'static str>,
    pub params: &'static [&'static str],
    pub required: usize,
    /// How many may be given by position.
    pub positional: usize,
}

impl Spec {
    /// Calls `take` with the place and value of every argument given. Raises TypeError.
    pub fn parse<'a>(
        &self,
        vm: &Vm,
        args: Args<'a>,
        mut take: impl FnMut(usize, &'a Value) -> PyResult<()>,
    ) -> PyResult<()> {
        let (given, len) = (args.positional(), self.params.len());
        let name = self
            .name
            .map_or_else(|| "function".to_string(), |name| format!("{name}()"));
        let count = given.len() + args.keyword_count();
        if count > len {
            return Err(vm.type_error(format!(
                "{name} takes at most {len} {}argument{} ({count} given)",
                if given.is_empty() { "keyword " } else { "" },
                if len == 1 { "" } else { "s" },
            )));
        }
        if given.len() > self.positional {
            return Err(vm.type_error(format!(
                "{name} takes at most {} positional argument{} ({} given)",
                self.positional,
                if self.positional == 1 { "" } else { "s" },
                given.len()
            )));
        }
        let mut used = 0;
        for (i, param) in self.params.iter().enumerate() {
            let value = match given.get(i) {
                Some(value) => Some(value),
                None => {
                    let value = args.keyword(param);
                    used += value.is_some() as usize;
                    value
                }
            };
            match value {
                Some(value) => take(i, value)?,
                None if i < self.required => {
                    return Err(vm.type_error(format!(
                        "{name} missing required argument '{param}' (pos {})",
                        i + 1
                    )));
                }
                None => {}
            }
        }
        if used < args.keyword_count() {
            return Err(self.surplus(vm, args, &name));
        }
        Ok(())
    }

    #[cold]
    fn surplus(&self, vm: &Vm, args: Args, name: &str) -> naja_vm::Raised {
        for (i, param) in self.params.iter().enumerate().take(args.positional().len()) {
            if args.keyword(param).is_some() {
                return vm.type_error(format!(
                    "argument for {name} given by name ('{param}') and position ({})",
                    i + 1
                ));
            }
        }
        for (key, _) in args.keywords() {
            let key = key.to_string_lossy();
            if self.params.contains(&&*key) {
                continue;
            }
            let meant = match suggestions::closest(&key, self.params.iter().copied()) {
                Some(meant) => format!(". Did you mean '{meant}'?"),
                None => String::new(),
            };
            let name = if self.name.is_some() {
                name
            } else {
                "this function"
            };
            return vm.type_error(format!(
                "{name} got an unexpected keyword argument '{key}'{meant}"
            ));
        }
        vm.type_error("keywords must be strings")
    }
}

/// A C int. Raises TypeError, OverflowError.
pub fn int(vm: &Vm, value: &Value) -> PyResult<i32> {
    let n = match value.as_small_int() {
        Some(n) => n,
        None => number::index_i64(vm, value)?
            .ok_or_else(|| vm.overflow_error("Python int too large to convert to C long"))?,
    };
    i32::try_from(n).map_err(|_| {
        vm.overflow_error(if n < 0 {
            "signed integer is less than minimum"
        } else {
            "signed integer is greater than maximum"
        })
    })
}

/// The only argument of a `METH_VARARGS` function. Raises TypeError for another number, or keywords.
pub fn exactly<'a, const N: usize>(
    vm: &Vm,
    args: Args<'a>,
    function: &str,
    full_name: &str,
) -> PyResult<&'a [Value; N]> {
    if args.keyword_count() > 0 {
        return Err(vm.type_error(format!("{full_name}() takes no keyword arguments")));
    }
    <&[Value; N]>::try_from(args.positional()).map_err(|_| {
        vm.type_error(format!(
            "{function}() takes exactly {N} argument{} ({} given)",
            if N == 1 { "" } else { "s" },
            args.positional().len()
        ))
    })
}

/// A text argument. Raises TypeError.
pub fn text<'a>(
    vm: &Vm,
    value: &'a Value,
    function: &str,
    place: usize,
) -> PyResult<&'a naja_heap::Ref<Str>> {
    value.downcast::<Str>().ok_or_else(|| {
        vm.type_error(format!(
            "{function}() argument {place} must be str, not {}",
            shown_type(vm, value)
        ))
    })
}

/// The name of an argument's class in messages.
pub fn shown_type(vm: &Vm, value: &Value) -> String {
    if value.is_none() {
        "None".to_string()
    } else {
        vm.type_of(value).full_name()
    }
}
