//! The slots and methods of `dict`; its views and iterators.

use super::{Dict, iterators};
use crate::function::Args;
use crate::objects::set::Set;
use crate::objects::set::core::Core as SetCore;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{attributes, compare, iterator, object, sequence};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{Ref, Value};
use naja_macros::{pyclass, pymethods};

/// `dict.update(mapping)`: a dict, or anything with `keys()`. Raises AttributeError where there is no `keys`.
pub fn update_from_mapping(vm: &Vm, dict: &Ref<Dict>, mapping: &Value) -> PyResult<()> {
    if let Some(other) = mapping.downcast::<Dict>()
        && uses_own_iteration(vm, mapping)
    {
        return merge(vm, dict, other);
    }
    let keys = attributes::get(vm, mapping, &vm.names.keys)?;
    let keys = vm.call(&keys, &[])?;
    iterator::for_each(vm, &keys, |key| {
        let value = object::get_item(vm, mapping, &key)?;
        dict.set(vm, &key, value)
    })
}

/// Whether a dict's class iterates as `dict` does (a subclass may override it).
fn uses_own_iteration(vm: &Vm, dict: &Value) -> bool {
    let address = |f: Option<crate::objects::type_::slots::UnaryFn>| f.map(|f| f as usize);
    address(vm.type_of(dict).slots.iter.get()) == address(vm.types.dict.slots.iter.get())
}

/// Adds all items of another dict. Raises RuntimeError where that is changed meanwhile.
pub fn merge(vm: &Vm, dict: &Ref<Dict>, other: &Ref<Dict>) -> PyResult<()> {
    if dict.is(other) || other.is_empty() {
        return Ok(());
    }
    if dict.is_empty() {
        let copy = other
            .table
            .with(super::table::Table::try_clone)
            .map_err(|e| vm.no_memory(e))?;
        dict.put_table(copy);
        return Ok(());
    }
    let items = other.table.with(|t| t.entries().len());
    let mut position = 0;
    while let Some((key, hash, value)) = other.next_hashed(&mut position) {
        dict.set_hashed(vm, &key, hash, value)?;
        if other.table.with(|t| t.entries().len()) != items {
            return Err(vm.runtime_error("dict mutated during update"));
        }
    }
    Ok(())
}

/// `dict.update(pairs)`.
fn update_from_pairs(vm: &Vm, dict: &Ref<Dict>, pairs: &Value) -> PyResult<()> {
    let mut i = 0;
    iterator::for_each(vm, pairs, |pair| {
        if let Some(tuple) = pair.downcast::<Tuple>()
            && vm.type_of(&pair).is(&vm.types.tuple)
            && let [key, value] = tuple.items()
        {
            i += 1;
            return dict.set(vm, key, value.clone());
        }
        let parts = match sequence::collect_or(vm, &pair, "object is not iterable") {
            Err(raised) => {
                if vm.exception_matches(&vm.types.type_error) {
                    crate::objects::exception::add_note_to_pending(
                        vm,
                        &format!(
                            "Cannot convert dictionary update sequence element #{i} to a sequence"
                        ),
                    );
                }
                return Err(raised);
            }
            parts => parts?,
        };
        let [key, value] = parts.as_slice() else {
            return Err(vm.value_error(format!(
                "dictionary update sequence element #{i} has length {}; 2 is required",
                parts.len()
            )));
        };
        i += 1;
        dict.set(vm, key, value.clone())
    })
}

/// The arguments of `dict()` and `update()`.
fn update(vm: &Vm, dict: &Ref<Dict>, args: &Args, name: &str) -> PyResult<()> {
    match args.positional() {
        [] => {}
        [source] => {
            let mapping = source.downcast::<Dict>().is_some()
                || attributes::get_optional(vm, source, &vm.names.keys)?.is_some();
            if mapping {
                update_from_mapping(vm, dict, source)?
            } else {
                update_from_pairs(vm, dict, source)?
            }
        }
        many => {
            return Err(vm.type_error(format!(
                "{name} expected at most 1 argument, got {}",
                many.len()
            )));
        }
    }
    for (key, value) in args.keywords() {
        dict.set_str(vm, key, value.clone())?;
    }
    Ok(())
}

/// Sets every key of an iterable to the same value. Dicts and sets know their keys' hashes.
fn fill(vm: &Vm, dict: &Ref<Dict>, keys: &Value, value: &Value) -> PyResult<()> {
    let mut position = 0;
    if let Some(other) = keys.downcast::<Dict>()
        && vm.type_of(keys).is(&vm.types.dict)
    {
        while let Some((key, hash, _)) = other.next_hashed(&mut position) {
            dict.set_hashed(vm, &key, hash, value.clone())?
        }
        return Ok(());
    }
    let exact = vm.type_of(keys).is(&vm.types.set) || vm.type_of(keys).is(&vm.types.frozenset);
    if let Some(set) = crate::objects::set::core::core(keys)
        && exact
    {
        while let Some((key, hash)) = set.next(&mut position) {
            dict.set_hashed(vm, &key, hash, value.clone())?
        }
        return Ok(());
    }
    iterator::for_each(vm, keys, |key| dict.set(vm, &key, value.clone()))
}

/// `{...}` of items. "{...}" where the dict is being shown already.
fn repr_text(vm: &Vm, zelf: &Ref<Dict>) -> PyResult<Vec<u8>> {
    if zelf.is_empty() {
        return Ok(b"{}".to_vec());
    }
    if object::repr_enter(vm, zelf.as_value()) {
        return Ok(b"{...}".to_vec());
    }
    let result = (|| {
        let mut out = Vec::with_capacity(64);
        out.push(b'{');
        let mut position = 0;
        while let Some((key, value)) = zelf.next_item(&mut position) {
            if out.len() > 1 {
                out.extend_from_slice(b", ");
            }
            object::repr_into(vm, &key, &mut out)?;
            out.extend_from_slice(b": ");
            object::repr_into(vm, &value, &mut out)?;
        }
        out.push(b'}');
        Ok(out)
    })();
    object::repr_leave(vm, zelf.as_value());
    result
}

#[pymethods]
impl Dict {
    #[pyslot(name = "new")]
    fn make_new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Dict::default())?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        update(vm, zelf, &args, "dict")
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_str_wtf8(&repr_text(vm, zelf)?)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(y)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        vm.check_stack()?;
        let mut equal = x.len() == y.len();
        if equal {
            let mut position = 0;
            while let Some((key, hash, value)) = x.next_hashed(&mut position) {
                let same = match y.get_hashed(vm, &key, hash)? {
                    Some(other) => compare::eq(vm, &other, &value)?,
                    None => false,
                };
                if !same {
                    equal = false;
                    break;
                }
            }
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn mp_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
        Ok(Dict::len(zelf))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        iterators::keys(vm, zelf)
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        if let Some(value) = zelf.get(vm, key)? {
            return Ok(value);
        }
        if !vm.type_of(zelf.as_value()).is(&vm.types.dict)
            && let Some(value) = vm.call_special(
                zelf.as_value(),
                &vm.names.__missing__,
                std::slice::from_ref(key),
            )?
        {
            return Ok(value);
        }
        Err(vm.key_error(key))
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        match value {
            Some(value) => zelf.set(vm, key, value.clone()),
            None => match zelf.remove(vm, key)? {
                Some(_) => Ok(()),
                None => Err(vm.key_error(key)),
            },
        }
    }

    #[pyslot(name = "contains")]
    fn contains_slot(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult<bool> {
        Dict::contains(zelf, vm, key)
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(x), Some(_)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let new = x.copy(vm)?;
        update_from_mapping(vm, &new, b)?;
        Ok(new.into_value())
    }

    #[pyslot]
    fn inplace_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        if let Some(dict) = a.downcast::<Dict>() {
            update(
                vm,
                dict,
                &Args::positional_only(std::slice::from_ref(b)),
                "update",
            )?;
        }
        Ok(a.clone())
    }

    /// True if the dictionary has the specified key, else False.
    #[pymethod(sig = "($self, key, /)")]
    fn __contains__(&self, vm: &Vm, key: &Value) -> PyResult<bool> {
        Dict::contains(self, vm, key)
    }

    /// Return self[key].
    #[pymethod(sig = "($self, key, /)")]
    fn __getitem__(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        Dict::subscript(zelf, vm, key)
    }

    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(name = "get", sig = "($self, key, default=None, /)")]
    fn get_method(&self, vm: &Vm, key: &Value, default: Option<&Value>) -> PyResult {
        match self.get(vm, key)? {
            Some(value) => Ok(value),
            None => Ok(default.cloned().unwrap_or(Value::NONE)),
        }
    }

    /// Insert key with a value of default if key is not in the dictionary.
    ///
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(sig = "($self, key, default=None, /)")]
    fn setdefault(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        self.set_default(vm, key, default.unwrap_or(Value::NONE))
    }

    /// D.pop(k[,d]) -> v, remove specified key and return the corresponding value.
    ///
    /// If the key is not found, return the default if given; otherwise,
    /// raise a KeyError.
    #[pymethod(sig = "($self, key, default=<unrepresentable>, /)")]
    fn pop(&self, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        if self.is_empty() {
            // Not even the hash is asked for.
            return default.ok_or_else(|| vm.key_error(key));
        }
        match self.remove(vm, key)?.or(default) {
            Some(value) => Ok(value),
            None => Err(vm.key_error(key)),
        }
    }

    /// Remove and return a (key, value) pair as a 2-tuple.
    ///
    /// Pairs are returned in LIFO (last-in, first-out) order.
    /// Raises KeyError if the dict is empty.
    #[pymethod]
    fn popitem(&self, vm: &Vm) -> PyResult {
        match self.table.with_mut(|t| t.pop_last()) {
            Some((key, value)) => crate::objects::tuple::Tuple::pair(vm, key, value),
            None => {
                let message = vm.new_str("popitem(): dictionary is empty")?.into_value();
                Err(vm.key_error(&message))
            }
        }
    }

    /// D.update([E, ]**F) -> None.  Update D from mapping/iterable E and F.
    /// If E is present and has a .keys() method, then does:  for k in E.keys(): D[k] = E[k]
    /// If E is present and lacks a .keys() method, then does:  for k, v in E: D[k] = v
    /// In either case, this is followed by: for k in F:  D[k] = F[k]
    #[pymethod(raw)]
    fn update(vm: &Vm, args: Args) -> PyResult<()> {
        match args.args.first().and_then(|v| v.downcast::<Dict>()) {
            Some(dict) => update(vm, dict, &args.rest(), "update"),
            None => Err(vm.type_error("descriptor 'update' needs a dict")),
        }
    }

    /// Remove all items from the dict.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        self.clear_table()
    }

    /// Return a shallow copy of the dict.
    #[pymethod(name = "copy")]
    fn copy_method(&self, vm: &Vm) -> PyResult {
        Ok(self.copy(vm)?.into_value())
    }

    /// Return a set-like object providing a view on the dict's keys.
    #[pymethod]
    fn keys(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_object(DictKeys { dict: zelf.clone() })?.into_value())
    }

    /// Return an object providing a view on the dict's values.
    #[pymethod]
    fn values(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(DictValues { dict: zelf.clone() })?
            .into_value())
    }

    /// Return a set-like object providing a view on the dict's items.
    #[pymethod]
    fn items(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm
            .new_object(DictItems { dict: zelf.clone() })?
            .into_value())
    }

    /// Return a reverse iterator over the dict keys.
    #[pymethod]
    fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        iterators::reverse_keys(vm, zelf)
    }

    /// Create a new dictionary with keys from iterable and values set to value.
    #[pyclassmethod(sig = "($type, iterable, value=None, /)")]
    fn fromkeys(cls: &Ref<Type>, vm: &Vm, iterable: &Value, value: Option<Value>) -> PyResult {
        let value = value.unwrap_or(Value::NONE);
        let made = vm.call(cls.as_value(), &[])?;
        if vm.type_of(&made).is(&vm.types.dict)
            && let Some(dict) = made.downcast::<Dict>()
        {
            fill(vm, dict, iterable, &value)?;
            return Ok(made);
        }
        iterator::for_each(vm, iterable, |key| {
            object::set_item(vm, &made, &key, &value)
        })?;
        Ok(made)
    }

    /// Return the size of the dict in memory.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        self.table.with(|t| t.cpython_size())
    }

    /// dicts are generic over two types, signifying (respectively) the types of their keys and values
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

macro_rules! view {
    ($ty:ident, $name:literal) => {
        #[pyclass(name = $name, module = "builtins", gc, flags(NO_NEW))]
        #[repr(C)]
        pub struct $ty {
            dict: Ref<Dict>,
        }

        impl $ty {
            /// The view of `dict`, for classes that extend it.
            pub fn new(dict: Ref<Dict>) -> $ty {
                $ty { dict }
            }

            pub fn dict(&self) -> &Ref<Dict> {
                &self.dict
            }
        }

        impl Traverse for $ty {
            fn traverse(&self, v: &mut Visitor) {
                v.reference(&self.dict)
            }
            fn clear(&self) {}
        }
    };
}

view!(DictKeys, "dict_keys");
view!(DictValues, "dict_values");
view!(DictItems, "dict_items");

/// `dict_keys([...])`.
fn view_repr(vm: &Vm, zelf: &Value) -> PyResult {
    if object::repr_enter(vm, zelf) {
        return Ok(vm.new_str("...")?.into_value());
    }
    let shown = sequence::collect(vm, zelf)
        .and_then(|items| vm.new_list(items))
        .and_then(|l| object::repr(vm, l.as_value()));
    object::repr_leave(vm, zelf);
    let name = vm.type_of(zelf).name();
    Ok(vm
        .new_str(format!("{name}({})", shown?.to_string_lossy()))?
        .into_value())
}

fn is_set_like(vm: &Vm, value: &Value) -> bool {
    value.downcast::<DictKeys>().is_some()
        || value.downcast::<DictItems>().is_some()
        || value.downcast::<Set>().is_some()
        || value.downcast::<crate::objects::set::FrozenSet>().is_some()
        || vm.type_of(value).is(&vm.types.set)
}

/// Whether every element of `a` is in `b`; nothing is hashed that `in` does not hash.
fn all_in(vm: &Vm, a: &Value, b: &Value) -> PyResult<bool> {
    for element in sequence::collect(vm, a)? {
        if !sequence::contains(vm, b, &element)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Comparison of a set-like view with something set-like.
fn view_compare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
    if !is_set_like(vm, b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    vm.check_stack()?;
    let (x, y) = (object::len(vm, a)?, object::len(vm, b)?);
    let result = match op {
        CompareOp::Eq => x == y && all_in(vm, a, b)?,
        CompareOp::Ne => x != y || !all_in(vm, a, b)?,
        CompareOp::Lt => x < y && all_in(vm, a, b)?,
        CompareOp::Le => x <= y && all_in(vm, a, b)?,
        CompareOp::Gt => x > y && all_in(vm, b, a)?,
        CompareOp::Ge => x >= y && all_in(vm, b, a)?,
    };
    Ok(Value::from_bool(result))
}

fn is_view(value: &Value) -> bool {
    value.downcast::<DictKeys>().is_some() || value.downcast::<DictItems>().is_some()
}

/// `a & b` where at least one is a view: the elements of the smaller one that the other contains.
fn view_and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
    let (mut view, mut other) = if is_view(a) { (a, b) } else { (b, a) };
    let len = object::len(vm, view)?;
    if vm.type_of(other).is(&vm.types.set) && len <= object::len(vm, other)? {
        return vm.call_method_str(other, "intersection", std::slice::from_ref(view));
    }
    if is_view(other) && object::len(vm, other)? > len {
        std::mem::swap(&mut view, &mut other)
    }
    let result = Set::new(vm)?;
    iterator::for_each(vm, other, |element| {
        if sequence::contains(vm, view, &element)? {
            result.add(vm, &element)?;
        }
        Ok(())
    })?;
    Ok(result.into_value())
}

/// `a op b`: a set of the elements of `a`, changed by those of the iterable `b`.
fn view_operation(
    vm: &Vm,
    a: &Value,
    b: &Value,
    operation: fn(&SetCore, &Vm, &Value) -> PyResult<()>,
) -> PyResult {
    let result = Set::new(vm)?;
    match a.downcast::<DictKeys>() {
        // As CPython, which makes room for all keys of a plain dict beforehand.
        Some(keys) if vm.type_of(keys.dict().as_value()).is(&vm.types.dict) => {
            result.core.update(vm, keys.dict().as_value())?
        }
        _ => result.core.update(vm, a)?,
    }
    operation(&result.core, vm, b)?;
    Ok(result.into_value())
}

macro_rules! view_methods {
    ($ty:ident, $kind:ident, $reverse:ident, $($shared:tt)*) => {
        #[pymethods($($shared)*)]
        impl $ty {
            #[pyslot]
            fn repr(zelf: &Value, vm: &Vm) -> PyResult {
                view_repr(vm, zelf)
            }

            #[pyslot]
            fn sq_len(zelf: &Ref<Self>, _vm: &Vm) -> PyResult<usize> {
                Ok(zelf.dict.len())
            }

            #[pyslot]
            fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
                iterators::$kind(vm, &zelf.dict)
            }

            /// Return a reverse iterator over the dict's entries.
            #[pymethod]
            fn __reversed__(&self, vm: &Vm) -> PyResult {
                iterators::$reverse(vm, &self.dict)
            }

            /// dictionary that this view refers to
            #[pygetter]
            fn mapping(&self, vm: &Vm) -> PyResult {
                crate::objects::mappingproxy::MappingProxy::make(vm, self.dict.to_value())
            }
        }
    };
}

macro_rules! set_view_methods {
    ($ty:ident, $name:literal, $contains:ident) => {
        #[pymethods(extra = $name)]
        impl $ty {
            #[pyslot]
            fn contains(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<bool> {
                $contains(vm, &zelf.dict, value)
            }

            #[pyslot]
            fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
                view_compare(vm, a, b, op)
            }

            #[pyslot]
            fn and(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                view_and(vm, a, b)
            }

            #[pyslot]
            fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                view_operation(vm, a, b, SetCore::update)
            }

            #[pyslot]
            fn xor(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                view_operation(vm, a, b, SetCore::toggle_all)
            }

            #[pyslot]
            fn subtract(vm: &Vm, a: &Value, b: &Value) -> PyResult {
                view_operation(vm, a, b, SetCore::remove_all)
            }

            /// Return True if the view and the given iterable have a null intersection.
            #[pymethod(sig = "($self, object, /)")]
            fn isdisjoint(zelf: &Ref<Self>, vm: &Vm, object: &Value) -> PyResult<bool> {
                let mut other = object;
                let own = zelf.as_value();
                if other.is(own) {
                    return Ok(zelf.dict.is_empty());
                }
                // The smaller one is walked through.
                let mut view = own;
                if is_set_like(vm, other) && object::len(vm, other)? > zelf.dict.len() {
                    std::mem::swap(&mut view, &mut other)
                }
                let other = iterator::iter(vm, other)?;
                while let Some(element) = iterator::next(vm, &other)? {
                    if sequence::contains(vm, view, &element)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    };
}

fn has_key(vm: &Vm, dict: &Ref<Dict>, key: &Value) -> PyResult<bool> {
    dict.contains(vm, key)
}

/// Whether `item` is a pair of a key and something equal to its value.
fn has_item(vm: &Vm, dict: &Ref<Dict>, item: &Value) -> PyResult<bool> {
    let pair = item.downcast::<crate::objects::tuple::Tuple>();
    let Some([key, value]) = pair.map(|t| t.items()) else {
        return Ok(false);
    };
    match dict.get(vm, key)? {
        Some(found) => compare::eq(vm, &found, value),
        None => Ok(false),
    }
}

set_view_methods!(DictKeys, "DICT_KEYS_SET", has_key);
set_view_methods!(DictItems, "DICT_ITEMS_SET", has_item);
view_methods!(DictKeys, keys, reverse_keys, with(DICT_KEYS_SET));
view_methods!(DictValues, values, reverse_values,);
view_methods!(DictItems, items, reverse_items, with(DICT_ITEMS_SET));
