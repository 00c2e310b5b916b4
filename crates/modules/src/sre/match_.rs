//! `re.Match`: where a pattern and its groups matched.
//!
//! The spans are byte offsets into the subject, taken over from the engine; texts and indices are made when asked for.
//! CPython: Modules/_sre/sre.c (match_*).

use super::pattern::Pattern;
use super::subject::{self, Held};
use super::template::{Out, Template};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_sre::State;
use naja_vm::protocols::{number, object};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use smallvec::SmallVec;

/// The spans of group 0, 1, ...; `usize::MAX` for a group that took no part.
#[derive(Default)]
pub struct Spans(SmallVec<[(usize, usize); 4]>);

impl Spans {
    pub fn of(state: &State, groups: usize) -> Spans {
        Spans(
            (0..=groups)
                .map(|group| state.span(group).unwrap_or((usize::MAX, usize::MAX)))
                .collect(),
        )
    }

    #[inline]
    pub fn get(&self, group: usize) -> Option<(usize, usize)> {
        self.0.get(group).copied().filter(|s| s.0 != usize::MAX)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The result of re.match() and re.search().
/// Match objects always have a boolean value of True.
#[pyclass(name = "Match", module = "re", gc, flags(NO_NEW))]
pub struct Match {
    pub string: Value,
    pub pattern: Ref<Pattern>,
    pub pos: usize,
    pub endpos: usize,
    pub spans: Spans,
    pub last_index: Option<usize>,
}

impl Traverse for Match {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.string);
        v.reference(&self.pattern);
    }
    fn clear(&self) {}
}

impl Match {
    /// The group that a number or name stands for. Raises IndexError "no such group".
    #[inline]
    fn group_number(&self, vm: &Vm, group: &Value) -> PyResult<usize> {
        let number = match group.as_small_int() {
            Some(n) => Some(n as isize),
            None if number::has_index(vm, group) => Some(number::index_clipped(vm, group)?),
            None => {
                let index = self.pattern.group_index();
                // A name that cannot be hashed is not there either.
                match index.get(vm, group) {
                    Ok(Some(number)) => Some(number::index_isize(vm, &number)?),
                    Ok(None) => None,
                    Err(_) => {
                        vm.clear_exception();
                        None
                    }
                }
            }
        };
        match number.and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n < self.spans.len() => Ok(n),
            _ => Err(vm.index_error("no such group")),
        }
    }

    #[inline]
    fn text(&self, vm: &Vm, group: usize, default: &Value) -> PyResult {
        match self.spans.get(group) {
            Some((from, to)) => subject::slice(vm, &self.string, from, to),
            None => Ok(default.clone()),
        }
    }

    fn item(&self, vm: &Vm, group: &Value) -> PyResult {
        let group = self.group_number(vm, group)?;
        self.text(vm, group, &Value::NONE)
    }

    /// Start and end of a group as indices, -1 where it took no part.
    fn indices(&self, group: usize) -> (i64, i64) {
        match self.spans.get(group) {
            Some((from, to)) => (
                subject::index(&self.string, from) as i64,
                subject::index(&self.string, to) as i64,
            ),
            None => (-1, -1),
        }
    }

    fn span_of(&self, vm: &Vm, group: usize) -> PyResult {
        let (start, end) = self.indices(group);
        naja_vm::tuple::Tuple::pair(vm, vm.new_int(start)?, vm.new_int(end)?)
    }

    fn optional(&self, vm: &Vm, group: Option<&Value>) -> PyResult<usize> {
        match group {
            Some(group) => self.group_number(vm, group),
            None => Ok(0),
        }
    }
}

#[pymethods]
impl Match {
    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let (start, end) = zelf.indices(0);
        let text = object::repr(vm, &zelf.text(vm, 0, &Value::NONE)?)?;
        let shown: String = text.to_string_lossy().chars().take(50).collect();
        let name = vm.type_of(zelf.as_value()).full_name();
        let text = format!("<{name} object; span=({start}, {end}), match={shown}>");
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        zelf.item(vm, key)
    }

    /// group([group1, ...]) -> str or tuple.
    ///     Return subgroup(s) of the match by indices or names.
    ///     For 0 returns the entire match.
    #[pymethod(raw)]
    fn group(vm: &Vm, args: Args) -> PyResult {
        let Some((zelf, groups)) = args.args.split_first() else {
            return Err(vm.type_error("unbound method Match.group() needs an argument"));
        };
        let Some(zelf) = zelf.downcast::<Match>() else {
            return Err(vm.type_error(format!(
                "descriptor 'group' for 're.Match' objects doesn't apply to a '{}' object",
                vm.type_name(zelf)
            )));
        };
        if args.keyword_count() > 0 {
            return Err(vm.type_error("re.Match.group() takes no keyword arguments"));
        }
        match groups {
            [] => zelf.text(vm, 0, &Value::NONE),
            [group] => zelf.item(vm, group),
            many => {
                let items = many.iter().map(|g| zelf.item(vm, g));
                Ok(vm
                    .new_tuple(items.collect::<PyResult<Vec<_>>>()?)?
                    .into_value())
            }
        }
    }

    /// Return index of the start of the substring matched by group.
    #[pymethod(sig = "($self, group=0, /)")]
    fn start(&self, vm: &Vm, group: Option<&Value>) -> PyResult<i64> {
        Ok(self.indices(self.optional(vm, group)?).0)
    }

    /// Return index of the end of the substring matched by group.
    #[pymethod(sig = "($self, group=0, /)")]
    fn end(&self, vm: &Vm, group: Option<&Value>) -> PyResult<i64> {
        Ok(self.indices(self.optional(vm, group)?).1)
    }

    /// For match object m, return the 2-tuple (m.start(group), m.end(group)).
    #[pymethod(sig = "($self, group=0, /)")]
    fn span(&self, vm: &Vm, group: Option<&Value>) -> PyResult {
        self.span_of(vm, self.optional(vm, group)?)
    }

    /// Return a tuple containing all the subgroups of the match, from 1.
    ///
    ///   default
    ///     Is used for groups that did not participate in the match.
    #[pymethod(sig = "($self, /, default=None)")]
    fn groups(&self, vm: &Vm, default: Option<Value>) -> PyResult {
        let default = default.unwrap_or(Value::NONE);
        let held = Held::of(vm, &self.string)?;
        let items = (1..self.spans.len())
            .map(|group| match self.spans.get(group) {
                Some((from, to)) => held.slice(vm, &self.string, from, to),
                None => Ok(default.clone()),
            })
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Return a dictionary containing all the named subgroups of the match, keyed by the subgroup name.
    ///
    ///   default
    ///     Is used for groups that did not participate in the match.
    #[pymethod(sig = "($self, /, default=None)")]
    fn groupdict(&self, vm: &Vm, default: Option<Value>) -> PyResult {
        let default = default.unwrap_or(Value::NONE);
        let result = vm.new_dict()?;
        for (name, number) in self.pattern.group_index().items_vec() {
            let group = self.group_number(vm, &number)?;
            let text = self.text(vm, group, &default)?;
            result.set(vm, &name, text)?;
        }
        Ok(result.into_value())
    }

    /// Return the string obtained by doing backslash substitution on the string template, as done by the sub() method.
    #[pymethod(sig = "($self, /, template)")]
    fn expand(&self, vm: &Vm, template: &Value) -> PyResult {
        let template = Template::compile(vm, &self.pattern, template)?;
        if let Some(plain) = template.plain() {
            return Ok(plain.clone());
        }
        let held = Held::of(vm, &self.string)?;
        let mut out = Out::new(held.is_bytes());
        template.expand(vm, &mut out, &held, &self.spans)?;
        out.finish(vm)
    }

    #[pymethod(sig = "($self, /)")]
    fn __copy__(zelf: &Value) -> Value {
        zelf.clone()
    }

    #[pymethod(sig = "($self, memo, /)")]
    fn __deepcopy__(zelf: &Value, _memo: &Value) -> Value {
        zelf.clone()
    }

    /// Matches are generic over the type of string which was matched (str or bytes)
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }

    /// The string passed to match() or search().
    #[pymember]
    fn string(&self) -> Value {
        self.string.clone()
    }

    /// The regular expression object.
    #[pymember]
    fn re(&self) -> Value {
        self.pattern.to_value()
    }

    /// The index into the string at which the RE engine started looking for a match.
    #[pymember]
    fn pos(&self) -> usize {
        self.pos
    }

    /// The index into the string beyond which the RE engine will not go.
    #[pymember]
    fn endpos(&self) -> usize {
        self.endpos
    }

    /// The integer index of the last matched capturing group.
    #[pygetter]
    fn lastindex(&self) -> Option<usize> {
        self.last_index
    }

    /// The name of the last matched capturing group.
    #[pygetter]
    fn lastgroup(&self) -> Value {
        self.last_index
            .and_then(|i| self.pattern.index_group().get(i).cloned())
            .unwrap_or(Value::NONE)
    }

    #[pygetter]
    fn regs(&self, vm: &Vm) -> PyResult {
        let items = (0..self.spans.len())
            .map(|group| self.span_of(vm, group))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(vm.new_tuple(items)?.into_value())
    }
}
