//! The callable behind `functools.lru_cache`.
//!
//! Without bound the cache is a dict from key to result. With one, the dict maps a key to the place of a link in an arena;
//! the links make a ring in order of use through `root` (place 0): its `next` is the oldest, its `previous` the newest.
//! Looking a key up may run Python, and so this very cache again: a link that is being replaced is taken out of its
//! place (the place stays reserved until `epoch` shows that nobody cleared the cache meanwhile), and whoever finds an
//! empty place treats it as a miss.

use super::{class_of, is_callable};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::method::Method;
use naja_vm::protocols::{attributes, hash, number};
use naja_vm::tuple::Tuple;
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Traverse, Visitor, Vm};
use std::cell::Cell;

/// How much is kept.
#[derive(Clone, Copy, PartialEq)]
enum Bound {
    Nothing,
    Everything,
    AtMost(usize),
}

/// An entry of a bounded cache.
struct Link {
    hash: i64,
    key: Value,
    result: Value,
}

struct Place {
    previous: u32,
    next: u32,
    link: Option<Link>,
}

/// The links of a bounded cache.
struct Ring {
    places: Vec<Place>,
    free: Vec<u32>,
    /// How often the ring was cleared.
    epoch: u64,
}

impl Ring {
    fn new() -> Ring {
        let root = Place {
            previous: 0,
            next: 0,
            link: None,
        };
        Ring {
            places: vec![root],
            free: Vec::new(),
            epoch: 0,
        }
    }

    /// Takes a place out of the order.
    fn unlink(&mut self, at: u32) {
        let Place { previous, next, .. } = self.places[at as usize];
        self.places[previous as usize].next = next;
        self.places[next as usize].previous = previous;
    }

    /// Makes a place the newest.
    fn append(&mut self, at: u32) {
        let last = self.places[0].previous;
        self.places[last as usize].next = at;
        self.places[0].previous = at;
        let place = &mut self.places[at as usize];
        place.previous = last;
        place.next = 0;
    }

    /// Makes a place the oldest.
    fn prepend(&mut self, at: u32) {
        let first = self.places[0].next;
        self.places[first as usize].previous = at;
        self.places[0].next = at;
        let place = &mut self.places[at as usize];
        place.previous = 0;
        place.next = first;
    }

    /// The result in a place, which becomes the newest. None while the place's link is being replaced.
    fn touch(&mut self, at: u32) -> Option<Value> {
        let result = self.places.get(at as usize)?.link.as_ref()?.result.clone();
        if self.places[0].previous != at {
            self.unlink(at);
            self.append(at);
        }
        Some(result)
    }

    fn new_place(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                previous: 0,
                next: 0,
                link: None,
            });
            (self.places.len() - 1) as u32
        })
    }
}

/// Create a cached callable that wraps another function.
///
/// user_function:      the function being cached
///
/// maxsize:  0         for no caching
///           None      for unlimited cache size
///           n         for a bounded cache
///
/// typed:    False     cache f(3) and f(3.0) as identical calls
///           True      cache f(3) and f(3.0) as distinct calls
///
/// cache_info_type:    namedtuple class with the fields:
///                         hits misses currsize maxsize
#[pyclass(
    name = "_lru_cache_wrapper",
    module = "functools",
    gc,
    flags(HAS_DICT, HAS_WEAKREF, METHOD_DESCRIPTOR)
)]
#[repr(C)]
pub struct LruCache {
    function: Value,
    typed: bool,
    bound: Bound,
    cache: Ref<Dict>,
    ring: MutCell<Ring>,
    hits: Cell<u64>,
    misses: Cell<u64>,
    info_type: Value,
}

impl Traverse for LruCache {
    fn traverse(&self, v: &mut Visitor) {
        v.value(&self.function);
        v.value(&self.info_type);
        v.reference(&self.cache);
        self.ring.with(|ring| {
            for link in ring.places.iter().filter_map(|p| p.link.as_ref()) {
                v.value(&link.key);
                v.value(&link.result);
            }
        })
    }
    fn clear(&self) {
        drop(self.ring.replace(Ring::new()));
        self.cache.clear_table();
    }
}

/// Separates positional from keyword arguments in a key.
#[derive(Default)]
struct Mark(MutCell<Option<Value>>);

fn keyword_mark(vm: &Vm) -> PyResult {
    let mark = vm.interp.module_state::<Mark>();
    if let Some(mark) = mark.0.get() {
        return Ok(mark);
    }
    let new = vm.call(vm.types.object.as_value(), &[])?;
    mark.0.set(Some(new.clone()));
    Ok(new)
}

/// The key of a call: the argument itself where that is one exact int or str, else a tuple of all that matters.
fn make_key(vm: &Vm, args: &Args, typed: bool) -> PyResult {
    let positional = args.positional();
    if !typed && args.keyword_count() == 0 {
        if let [only] = positional {
            let ty = vm.type_of(only);
            if only.is_small_int() || ty.is(&vm.types.str) || ty.is(&vm.types.int) {
                return Ok(only.clone());
            }
        }
        return Ok(Tuple::from_slice(vm, positional)?.into_value());
    }
    let mut parts = positional.to_vec();
    if args.keyword_count() > 0 {
        parts.push(keyword_mark(vm)?);
        for (name, value) in args.keywords() {
            parts.push(name.to_value());
            parts.push(value.clone());
        }
    }
    if typed {
        parts.extend(args.args.iter().map(|value| class_of(vm, value)));
    }
    Ok(vm.new_tuple(parts)?.into_value())
}

fn count(counter: &Cell<u64>) {
    counter.set(counter.get() + 1)
}

impl LruCache {
    fn call_unbounded(&self, vm: &Vm, args: Args) -> PyResult {
        let key = make_key(vm, &args, self.typed)?;
        let hash = hash::hash(vm, &key)?;
        if let Some(found) = self.cache.get_hashed(vm, &key, hash)? {
            count(&self.hits);
            return Ok(found);
        }
        count(&self.misses);
        let result = vm.call_args(&self.function, args)?;
        self.cache.set_hashed(vm, &key, hash, result.clone())?;
        Ok(result)
    }

    fn call_bounded(&self, vm: &Vm, args: Args, most: usize) -> PyResult {
        let key = make_key(vm, &args, self.typed)?;
        let hash = hash::hash(vm, &key)?;
        if let Some(place) = self.cache.get_hashed(vm, &key, hash)?
            && let Some(result) = self.touch(&place)
        {
            count(&self.hits);
            return Ok(result);
        }
        count(&self.misses);
        let result = vm.call_args(&self.function, args)?;
        // The call may have put the same key in.
        if self.cache.get_hashed(vm, &key, hash)?.is_some() {
            return Ok(result);
        }
        if self.cache.len() < most {
            return self.insert(vm, key, hash, result);
        }
        self.replace_oldest(vm, key, hash, result)
    }

    fn touch(&self, place: &Value) -> Option<Value> {
        let at = u32::try_from(place.as_small_int()?).ok()?;
        self.ring.with_mut(|ring| ring.touch(at))
    }

    /// Puts a new link in as the newest.
    fn insert(&self, vm: &Vm, key: Value, hash: i64, result: Value) -> PyResult {
        let (at, epoch) = self.ring.with_mut(|ring| (ring.new_place(), ring.epoch));
        let place = Value::small_int(at.into());
        if let Err(raised) = self.cache.set_hashed(vm, &key, hash, place) {
            self.ring.with_mut(|ring| {
                if ring.epoch == epoch {
                    ring.free.push(at)
                }
            });
            return Err(raised);
        }
        self.ring.with_mut(|ring| {
            // Cleared in between: the dict holds the place alone, which a later lookup finds empty.
            if ring.epoch == epoch {
                ring.places[at as usize].link = Some(Link {
                    hash,
                    key,
                    result: result.clone(),
                });
                ring.append(at);
            }
        });
        Ok(result)
    }

    /// The cache is full: the oldest link gives its place to the new one.
    fn replace_oldest(&self, vm: &Vm, key: Value, hash: i64, result: Value) -> PyResult {
        let oldest = self.ring.with_mut(|ring| {
            let at = ring.places[0].next;
            if at == 0 {
                return None; // all links are being replaced by other calls
            }
            ring.unlink(at);
            let link = ring.places[at as usize].link.take()?;
            Some((at, link, ring.epoch))
        });
        let Some((at, old, epoch)) = oldest else {
            return Ok(result);
        };
        let popped = match self.cache.remove_hashed(vm, &old.key, old.hash) {
            Ok(popped) => popped,
            Err(raised) => {
                // The old key's comparison failed: everything stays as it was.
                self.ring.with_mut(|ring| {
                    if ring.epoch == epoch {
                        ring.places[at as usize].link = Some(old);
                        ring.prepend(at);
                    }
                });
                return Err(raised);
            }
        };
        self.ring.with_mut(|ring| {
            if ring.epoch == epoch {
                ring.free.push(at)
            }
        });
        if popped.is_none() {
            // Somebody else removed the key meanwhile: the cache has room, but its state is theirs.
            return Ok(result);
        }
        let result = self.insert(vm, key, hash, result);
        drop(old);
        result
    }
}

#[pymethods]
impl LruCache {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, args: Args) -> PyResult {
        use naja_vm::function::{Param, ParamKind, Signature};
        const fn param(name: &'static str) -> Param {
            Param {
                name,
                kind: ParamKind::PosOrKw,
                required: true,
            }
        }
        static SIG: Signature = Signature::new(
            "",
            "lru_cache",
            &[
                param("user_function"),
                param("maxsize"),
                param("typed"),
                param("cache_info_type"),
            ],
        );
        let mut bound = [None; 4];
        SIG.bind(vm, &args, &mut bound)?;
        let [Some(function), Some(maxsize), Some(typed), Some(info_type)] = bound else {
            return Err(SIG.missing(vm, 0));
        };
        if !is_callable(vm, function) {
            return Err(vm.type_error("the first argument must be callable"));
        }
        let bound = if maxsize.is_none() {
            Bound::Everything
        } else if number::has_index(vm, maxsize) {
            match number::index_for(vm, maxsize, &vm.types.overflow_error)? {
                n if n <= 0 => Bound::Nothing,
                n => Bound::AtMost(n as usize),
            }
        } else {
            return Err(vm.type_error("maxsize should be integer or None"));
        };
        let typed = naja_vm::protocols::object::is_true(vm, typed)?;
        let cache = LruCache {
            function: function.clone(),
            typed,
            bound,
            cache: vm.new_dict()?,
            ring: MutCell::new(Ring::new()),
            hits: Cell::new(0),
            misses: Cell::new(0),
            info_type: info_type.clone(),
        };
        Ok(vm.new_object_of(cls, cache)?.into_value())
    }

    #[pyslot]
    fn call(&self, vm: &Vm, args: Args) -> PyResult {
        match self.bound {
            Bound::Nothing => {
                count(&self.misses);
                vm.call_args(&self.function, args)
            }
            Bound::Everything => self.call_unbounded(vm, args),
            Bound::AtMost(most) => self.call_bounded(vm, args, most),
        }
    }

    #[pyslot]
    fn descr_get(
        zelf: &Value,
        vm: &Vm,
        instance: Option<&Value>,
        _owner: Option<&Value>,
    ) -> PyResult {
        match instance {
            Some(object) if !object.is_none() => Method::make(vm, zelf.clone(), object.clone()),
            _ => Ok(zelf.clone()),
        }
    }

    /// Report cache statistics
    #[pymethod]
    fn cache_info(&self, vm: &Vm) -> PyResult {
        let maxsize = match self.bound {
            Bound::Nothing => vm.new_int(0)?,
            Bound::Everything => Value::NONE,
            Bound::AtMost(n) => vm.new_int(n as i64)?,
        };
        let hits = vm.new_int(self.hits.get() as i64)?;
        let misses = vm.new_int(self.misses.get() as i64)?;
        let size = vm.new_int(self.cache.len() as i64)?;
        vm.call(&self.info_type, &[hits, misses, maxsize, size])
    }

    /// Clear the cache and cache statistics
    #[pymethod]
    fn cache_clear(&self) {
        self.hits.set(0);
        self.misses.set(0);
        let old = self.ring.with_mut(|ring| {
            let mut new = Ring::new();
            new.epoch = ring.epoch + 1;
            std::mem::replace(ring, new)
        });
        self.cache.clear_table();
        drop(old);
    }

    #[pymethod]
    fn __reduce__(zelf: &Value, vm: &Vm) -> PyResult {
        attributes::get(vm, zelf, &vm.names.__qualname__)
    }

    #[pymethod(raw)]
    fn __copy__(vm: &Vm, args: Args) -> PyResult {
        itself(vm, &args)
    }

    #[pymethod(raw)]
    fn __deepcopy__(vm: &Vm, args: Args) -> PyResult {
        itself(vm, &args)
    }
}

/// Copies of a cached function are the function.
fn itself(vm: &Vm, args: &Args) -> PyResult {
    match args.args.first() {
        Some(zelf) => Ok(zelf.clone()),
        None => Err(vm.type_error("unbound method needs an argument")),
    }
}
