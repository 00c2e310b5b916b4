//! `OrderedDict`: a dict with a list of its keys in an order that can be changed.
//!
//! The order is a ring of nodes in an arena (place 0 is the root), and a map from a key, by the word that the dict keeps of
//! it, to its node. Whoever changes the dict behind the back of this class (`dict.__setitem__(od, k, v)`) leaves the ring
//! as it is, as in CPython. `state` counts changes of the ring: iterators compare it.
//!
//! CPython: Objects/odictobject.c.

use super::ordered_views::{OrderedItems, OrderedIterator, OrderedKeys, OrderedValues, Shown};
use super::{class_of, state_of};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::protocols::compare::{self, CompareOp};
use naja_vm::protocols::{attributes, hash, iterator, object, sequence};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};
use rustc_hash::FxHashMap;
use std::cell::Cell;

struct Node {
    previous: u32,
    next: u32,
    key: Option<Value>,
    hash: i64,
}

/// The order of the keys.
pub(super) struct Order {
    nodes: Vec<Node>,
    free: Vec<u32>,
    places: FxHashMap<u64, u32>,
}

impl Order {
    fn new() -> Order {
        let root = Node {
            previous: 0,
            next: 0,
            key: None,
            hash: 0,
        };
        Order {
            nodes: vec![root],
            free: Vec::new(),
            places: FxHashMap::default(),
        }
    }

    fn link(&mut self, at: u32, last: bool) {
        let (previous, next) = if last {
            (self.nodes[0].previous, 0)
        } else {
            (0, self.nodes[0].next)
        };
        self.nodes[previous as usize].next = at;
        self.nodes[next as usize].previous = at;
        let node = &mut self.nodes[at as usize];
        node.previous = previous;
        node.next = next;
    }

    fn unlink(&mut self, at: u32) {
        let Node { previous, next, .. } = self.nodes[at as usize];
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
    }

    /// Adds a key at the end if it is new; says whether it was.
    fn add(&mut self, key: Value, hash: i64) -> bool {
        let bits = key.bits();
        if self.places.contains_key(&bits) {
            return false;
        }
        let node = Node {
            previous: 0,
            next: 0,
            key: Some(key),
            hash,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.places.insert(bits, at);
        self.link(at, true);
        true
    }

    /// Takes a key out; gives it to the caller to drop.
    fn remove(&mut self, bits: u64) -> Option<Value> {
        let at = self.places.remove(&bits)?;
        self.unlink(at);
        self.free.push(at);
        self.nodes[at as usize].key.take()
    }

    fn end(&self, last: bool) -> Option<(Value, i64)> {
        let root = &self.nodes[0];
        let node = &self.nodes[if last { root.previous } else { root.next } as usize];
        Some((node.key.clone()?, node.hash))
    }

    /// The key after (or before) the one with this word; None inside at the end, None outside if there is no such key.
    pub(super) fn after(&self, bits: u64, reverse: bool) -> Option<Option<(Value, i64)>> {
        let node = &self.nodes[*self.places.get(&bits)? as usize];
        let next = if reverse { node.previous } else { node.next };
        let next = &self.nodes[next as usize];
        Some(next.key.clone().map(|key| (key, next.hash)))
    }
}

/// Dictionary that remembers insertion order
#[pyclass(
    name = "OrderedDict",
    module = "collections",
    extends = "Dict",
    gc,
    flags(BASETYPE, MAPPING, HAS_DICT, HAS_WEAKREF)
)]
#[repr(C)]
pub struct OrderedDict {
    pub(super) dict: Dict,
    order: MutCell<Order>,
    pub(super) state: Cell<u64>,
}

impl Traverse for OrderedDict {
    fn traverse(&self, v: &mut Visitor) {
        self.dict.traverse(v);
        self.order.with(|order| {
            for key in order.nodes.iter().filter_map(|n| n.key.as_ref()) {
                v.value(key)
            }
        })
    }
    fn clear(&self) {
        drop(self.order.replace(Order::new()));
        Traverse::clear(&self.dict);
    }
}

impl OrderedDict {
    fn empty() -> OrderedDict {
        OrderedDict {
            dict: Dict::default(),
            order: MutCell::new(Order::new()),
            state: Cell::new(0),
        }
    }

    fn changed(&self) {
        self.state.set(self.state.get().wrapping_add(1))
    }

    pub(super) fn is_exact(zelf: &Ref<Self>, vm: &Vm) -> bool {
        vm.type_of(zelf.as_value()).is(vm.class::<OrderedDict>())
    }

    /// The first (or last) key.
    pub(super) fn end(&self, last: bool) -> Option<(Value, i64)> {
        self.order.with(|order| order.end(last))
    }

    pub(super) fn after(&self, key: &Value, reverse: bool) -> Option<Option<(Value, i64)>> {
        self.order.with(|order| order.after(key.bits(), reverse))
    }

    /// All keys, in order.
    pub(super) fn keys_vec(&self) -> Vec<(Value, i64)> {
        self.order.with(|order| {
            let mut keys = Vec::with_capacity(order.places.len());
            let mut at = order.nodes[0].next;
            while let Node {
                key: Some(key),
                next,
                hash,
                ..
            } = &order.nodes[at as usize]
            {
                keys.push((key.clone(), *hash));
                at = *next;
            }
            keys
        })
    }

    pub(super) fn put(&self, vm: &Vm, key: &Value, value: Value) -> PyResult<()> {
        let hash = hash::key_hash(vm, key)?;
        self.put_hashed(vm, key, hash, value)
    }

    fn put_hashed(&self, vm: &Vm, key: &Value, hash: i64, value: Value) -> PyResult<()> {
        let before = self.dict.len();
        self.dict.set_hashed(vm, key, hash, value)?;
        if self.dict.len() == before && self.order.with(|o| o.places.contains_key(&key.bits())) {
            return Ok(());
        }
        // The dict may keep an equal key that was there before.
        if let Some(kept) = self.dict.stored_key(vm, key, hash)?
            && self.order.with_mut(|order| order.add(kept, hash))
        {
            self.changed();
        }
        Ok(())
    }

    /// Takes the node of a key out of the order.
    fn forget(&self, vm: &Vm, key: &Value, hash: i64) -> PyResult<()> {
        if let Some(kept) = self.dict.stored_key(vm, key, hash)? {
            let removed = self.order.with_mut(|order| order.remove(kept.bits()));
            if removed.is_some() {
                self.changed();
            }
        }
        Ok(())
    }

    /// `pop`: the value of a key, which goes; the fallback or KeyError where there is none.
    fn take(zelf: &Ref<Self>, vm: &Vm, key: &Value, hash: i64, default: Option<Value>) -> PyResult {
        zelf.forget(vm, key, hash)?;
        let value = zelf.dict.remove_hashed(vm, key, hash)?;
        value.or(default).ok_or_else(|| vm.key_error(key))
    }

    fn clear_all(&self) {
        let old = self.order.replace(Order::new());
        self.changed();
        self.dict.clear_table();
        drop(old);
    }
}

fn mutated(vm: &Vm) -> Raised {
    vm.runtime_error("OrderedDict mutated during iteration")
}

/// `pairs` of keys and values into anything. CPython's messages.
fn add_pairs(vm: &Vm, zelf: &Value, pairs: &Value) -> PyResult<()> {
    iterator::for_each(vm, pairs, |pair| {
        let parts = iterator::iter(vm, &pair)?;
        let Some(key) = iterator::next(vm, &parts)? else {
            return Err(vm.value_error("need more than 0 values to unpack"));
        };
        let Some(value) = iterator::next(vm, &parts)? else {
            return Err(vm.value_error("need more than 1 value to unpack"));
        };
        if iterator::next(vm, &parts)?.is_some() {
            return Err(vm.value_error("too many values to unpack (expected 2)"));
        }
        object::set_item(vm, zelf, &key, &value)
    })
}

/// One argument of `update`: a mapping, something with `items()`, or pairs.
fn update_from(vm: &Vm, zelf: &Value, source: &Value) -> PyResult<()> {
    if vm.type_of(source).is(&vm.types.dict)
        && let Some(dict) = source.downcast::<Dict>()
    {
        for (key, value) in dict.items_vec() {
            object::set_item(vm, zelf, &key, &value)?;
        }
        return Ok(());
    }
    if let Some(keys) = attributes::get_optional(vm, source, &vm.names.keys)? {
        let keys = vm.call(&keys, &[])?;
        return iterator::for_each(vm, &keys, |key| {
            let value = object::get_item(vm, source, &key)?;
            object::set_item(vm, zelf, &key, &value)
        });
    }
    if let Some(items) = attributes::get_optional(vm, source, &vm.names.items)? {
        let items = vm.call(&items, &[])?;
        return add_pairs(vm, zelf, &items);
    }
    add_pairs(vm, zelf, source)
}

fn update(vm: &Vm, zelf: &Value, args: &Args) -> PyResult<()> {
    if let Some(source) = args.positional().first() {
        update_from(vm, zelf, source)?;
    }
    for (name, value) in args.keywords() {
        object::set_item(vm, zelf, name.as_value(), value)?;
    }
    Ok(())
}

fn merged(vm: &Vm, like: &Value, a: &Value, b: &Value) -> PyResult {
    let new = vm.call(&class_of(vm, like), std::slice::from_ref(a))?;
    update_from(vm, &new, b)?;
    Ok(new)
}

#[pymethods]
impl OrderedDict {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, OrderedDict::empty())?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Value, vm: &Vm, args: Args) -> PyResult<()> {
        let given = args.positional().len();
        if given > 1 {
            return Err(vm.type_error(format!("expected at most 1 argument, got {given}")));
        }
        update(vm, zelf, &args)
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let name = vm.type_of(zelf.as_value()).name();
        if zelf.dict.is_empty() {
            return Ok(vm.new_str(format!("{name}()"))?.into_value());
        }
        if object::repr_enter(vm, zelf.as_value()) {
            return Ok(vm.new_str("...")?.into_value());
        }
        let shown = (|| {
            let plain = vm.new_dict()?;
            if OrderedDict::is_exact(zelf, vm) {
                for (key, _) in zelf.keys_vec() {
                    // Hashed anew: a key whose hash has changed is not found.
                    match zelf.dict.get(vm, &key)? {
                        Some(value) => plain.set(vm, &key, value)?,
                        None => return Err(vm.key_error(&key)),
                    }
                }
            } else {
                let items = vm.call_method(zelf.as_value(), &vm.names.items, &[])?;
                add_pairs(vm, plain.as_value(), &items)?;
            }
            object::repr(vm, plain.as_value())
        })();
        object::repr_leave(vm, zelf.as_value());
        let text = format!("{name}({})", shown?.to_string_lossy());
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        let (Some(x), Some(_)) = (a.downcast::<OrderedDict>(), b.downcast::<Dict>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Value::NOT_IMPLEMENTED);
        }
        let Some(compare) = vm.types.dict.slots.richcompare.get() else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let mut equal = compare(vm, a, b, CompareOp::Eq)?.is_true();
        if equal && let Some(y) = b.downcast::<OrderedDict>() {
            let (state_x, state_y) = (x.state.get(), y.state.get());
            let (keys_x, keys_y) = (x.keys_vec(), y.keys_vec());
            for ((k, _), (l, _)) in keys_x.iter().zip(&keys_y) {
                if !equal {
                    break;
                }
                equal = compare::eq(vm, k, l)?;
                if x.state.get() != state_x || y.state.get() != state_y {
                    return Err(mutated(vm));
                }
            }
            // Only now: CPython walks both orders together, and comparisons can be seen.
            equal &= keys_x.len() == keys_y.len();
        }
        Ok(Value::from_bool(equal == (op == CompareOp::Eq)))
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        OrderedIterator::make(vm, zelf, Shown::Keys, false)
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        match value {
            Some(value) => zelf.put(vm, key, value.clone()),
            None => {
                let hash = hash::key_hash(vm, key)?;
                zelf.forget(vm, key, hash)?;
                match zelf.dict.remove_hashed(vm, key, hash)? {
                    Some(_) => Ok(()),
                    None => Err(vm.key_error(key)),
                }
            }
        }
    }

    #[pyslot]
    fn or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        let (Some(_), Some(_)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else {
            return Ok(Value::NOT_IMPLEMENTED);
        };
        let like = if a.downcast::<OrderedDict>().is_some() {
            a
        } else {
            b
        };
        merged(vm, like, a, b)
    }

    #[pyslot]
    fn inplace_or(vm: &Vm, a: &Value, b: &Value) -> PyResult {
        update_from(vm, a, b)?;
        Ok(a.clone())
    }

    /// Create a new ordered dictionary with keys from iterable and values set to value.
    #[pyclassmethod(sig = "($type, /, iterable, value=None)")]
    fn fromkeys(cls: &Ref<Type>, vm: &Vm, iterable: &Value, value: Option<Value>) -> PyResult {
        let value = value.unwrap_or(Value::NONE);
        let made = vm.call(cls.as_value(), &[])?;
        iterator::for_each(vm, iterable, |key| {
            object::set_item(vm, &made, &key, &value)
        })?;
        Ok(made)
    }

    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let state = state_of(vm, zelf.as_value())?;
        let items = vm.call_method(zelf.as_value(), &vm.names.items, &[])?;
        let items = iterator::iter(vm, &items)?;
        let parts = vec![
            class_of(vm, zelf.as_value()),
            vm.interp.empty_tuple().into_value(),
            state,
            Value::NONE,
            items,
        ];
        Ok(vm.new_tuple(parts)?.into_value())
    }

    #[pymethod]
    fn __sizeof__(&self) -> usize {
        let nodes = self
            .order
            .with(|o| o.nodes.capacity() * (size_of::<Node>() + 16));
        size_of::<OrderedDict>() + 16 + self.dict.len() * 32 + nodes
    }

    /// Insert key with a value of default if key is not in the dictionary.
    ///
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(sig = "($self, /, key, default=None)")]
    fn setdefault(zelf: &Ref<Self>, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        let default = default.unwrap_or(Value::NONE);
        if OrderedDict::is_exact(zelf, vm) {
            let hash = hash::key_hash(vm, key)?;
            if let Some(found) = zelf.dict.get_hashed(vm, key, hash)? {
                return Ok(found);
            }
            zelf.put_hashed(vm, key, hash, default.clone())?;
            return Ok(default);
        }
        if sequence::contains(vm, zelf.as_value(), key)? {
            return object::get_item(vm, zelf.as_value(), key);
        }
        object::set_item(vm, zelf.as_value(), key, &default)?;
        Ok(default)
    }

    /// od.pop(key[,default]) -> v, remove specified key and return the corresponding value.
    ///
    /// If the key is not found, return the default if given; otherwise,
    /// raise a KeyError.
    #[pymethod(sig = "($self, /, key, default=<unrepresentable>)")]
    fn pop(zelf: &Ref<Self>, vm: &Vm, key: &Value, default: Option<Value>) -> PyResult {
        let hash = hash::key_hash(vm, key)?;
        OrderedDict::take(zelf, vm, key, hash, default)
    }

    /// Remove and return a (key, value) pair from the dictionary.
    ///
    /// Pairs are returned in LIFO order if last is true or FIFO order if
    /// false.
    #[pymethod(sig = "($self, /, last=True)")]
    fn popitem(zelf: &Ref<Self>, vm: &Vm, #[default(true)] last: bool) -> PyResult {
        let Some((key, hash)) = zelf.end(last) else {
            let text = vm.new_str("dictionary is empty")?.into_value();
            return Err(vm.key_error(&text));
        };
        let value = OrderedDict::take(zelf, vm, &key, hash, None)?;
        Ok(vm.new_tuple(vec![key, value])?.into_value())
    }

    #[pymethod]
    fn keys(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_object(OrderedKeys::of(vm, zelf)?)?.into_value())
    }

    #[pymethod]
    fn values(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_object(OrderedValues::of(vm, zelf)?)?.into_value())
    }

    #[pymethod]
    fn items(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        Ok(vm.new_object(OrderedItems::of(vm, zelf)?)?.into_value())
    }

    #[pymethod(raw)]
    fn update(vm: &Vm, args: Args) -> PyResult<()> {
        let Some(zelf) = args.args.first() else {
            return Err(vm.type_error("unbound method OrderedDict.update() needs an argument"));
        };
        if zelf.downcast::<OrderedDict>().is_none() {
            return Err(vm.type_error(format!(
                "descriptor 'update' for 'collections.OrderedDict' objects doesn't apply to a '{}' object",
                vm.type_of(zelf).full_name()
            )));
        }
        let rest = args.rest();
        let given = rest.positional().len();
        if given > 1 {
            return Err(vm.type_error(format!(
                "update() takes at most 1 positional argument ({given} given)"
            )));
        }
        update(vm, zelf, &rest)
    }

    /// Remove all items from ordered dict.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        self.clear_all()
    }

    /// A shallow copy of ordered dict.
    #[pymethod]
    fn copy(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if OrderedDict::is_exact(zelf, vm) {
            let class = vm.class::<OrderedDict>().clone();
            let new = vm.new_object_of(&class, OrderedDict::empty())?;
            let state = zelf.state.get();
            for (key, hash) in zelf.keys_vec() {
                // Hashed anew: a key whose hash has changed is not found.
                match zelf.dict.get(vm, &key)? {
                    Some(value) => new.put_hashed(vm, &key, hash, value)?,
                    None => return Err(vm.key_error(&key)),
                }
                if zelf.state.get() != state {
                    return Err(mutated(vm));
                }
            }
            return Ok(new.into_value());
        }
        let new = vm.call(&class_of(vm, zelf.as_value()), &[])?;
        let state = zelf.state.get();
        for (key, _) in zelf.keys_vec() {
            let value = object::get_item(vm, zelf.as_value(), &key)?;
            object::set_item(vm, &new, &key, &value)?;
            if zelf.state.get() != state {
                return Err(mutated(vm));
            }
        }
        Ok(new)
    }

    /// od.__reversed__() <==> reversed(od)
    #[pymethod]
    fn __reversed__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        OrderedIterator::make(vm, zelf, Shown::Keys, true)
    }

    /// Move an existing element to the end (or beginning if last is false).
    ///
    /// Raise KeyError if the element does not exist.
    #[pymethod(sig = "($self, /, key, last=True)")]
    fn move_to_end(&self, vm: &Vm, key: &Value, #[default(true)] last: bool) -> PyResult<()> {
        let Some((end, _)) = self.end(last) else {
            return Err(vm.key_error(key));
        };
        if end.is(key) {
            return Ok(());
        }
        let hash = hash::key_hash(vm, key)?;
        let Some(kept) = self.dict.stored_key(vm, key, hash)? else {
            return Err(vm.key_error(key));
        };
        let moved = self.order.with_mut(|order| {
            let at = *order.places.get(&kept.bits())?;
            let root = &order.nodes[0];
            let there = if last { root.previous } else { root.next };
            if there != at {
                order.unlink(at);
                order.link(at, last);
            }
            Some(there != at)
        });
        match moved {
            Some(true) => {
                self.changed();
                Ok(())
            }
            Some(false) => Ok(()),
            None => Err(vm.key_error(key)),
        }
    }
}
