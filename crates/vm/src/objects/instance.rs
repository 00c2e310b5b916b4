//! Attributes of instances: shapes and value storage; `__dict__` made on demand.
//!
//! An object whose class has a `__dict__` carries 16 bytes before its header ([`Attrs`]): the id of its *shape*, how many
//! values fit inline behind the object, and a storage pointer. A shape names the attributes in order; all instances
//! that grew the same way share it, so an inline cache that has seen `(type version, shape word)` knows where a value
//! stands. Value `i` stands inline if `i < inline`, else in the storage block at `i - inline`.
//! Once somebody asks for `obj.__dict__` the values move into a real dict, the shape becomes [`DICT`] and the
//! storage word holds the dict: from then on both see the same attributes. Invariant: the values named by the shape
//! are all set; every word behind them is zero.
//!
//! Shapes (hidden classes): Chambers, Ungar, Lee 1989; CPython's nearest relative is Objects/dictobject.c's inline values.

use crate::objects::dict::Dict;
use crate::objects::dict::table::{Layout, Table};
use crate::objects::str_::Str;
use crate::objects::type_::Type;
use crate::vm::{PyResult, Vm};
use naja_heap::{AllocError, Header, MutCell, Ref, TypeLayout, Value, Visitor};
use rustc_hash::FxHashMap;
use std::cell::Cell;

/// The shape of an object without attributes.
pub const ROOT: u32 = 0;
/// "The attributes are in the dict that the storage word holds."
pub const DICT: u32 = 1;
/// Beyond so many attributes an instance uses a dict.
const MAX_SHAPED: u32 = 128;

/// What stands 32 bytes before the header of an object with a `__dict__`.
#[repr(C)]
pub struct Attrs {
    shape: Cell<u32>,
    inline: Cell<u32>,
    /// Null, a storage block (`[capacity, value, value, ...]`), or a dict's address.
    storage: Cell<*mut u64>,
}

/// One node of the tree of shapes.
struct Shape {
    parent: u32,
    count: u32,
    name: Option<Ref<Str>>,
    /// Shapes with one attribute more.
    next: FxHashMap<usize, u32>,
    /// The shape without attribute so-and-so, where that was asked for.
    without: Vec<(u32, u32)>,
    /// Name -> index, made when a shape with many attributes is searched.
    table: Option<FxHashMap<usize, u32>>,
    /// The keys of the dict that an object of this shape gives away, made when the first one does.
    layout: Option<Box<Layout>>,
}

/// All shapes of an interpreter.
pub struct Shapes(MutCell<Vec<Shape>>);

impl Default for Shapes {
    fn default() -> Self {
        let empty = || Shape {
            parent: 0,
            count: 0,
            name: None,
            next: FxHashMap::default(),
            without: Vec::new(),
            table: None,
            layout: None,
        };
        Shapes(MutCell::new(vec![empty(), empty()]))
    }
}

impl Shapes {
    /// The index of `name` (interned) in shape `id`.
    pub fn index_of(&self, id: u32, name: &Ref<Str>) -> Option<u32> {
        let address = name.as_ptr() as usize;
        self.0.with_mut(|shapes| {
            let count = shapes[id as usize].count;
            if count > 6 {
                if shapes[id as usize].table.is_none() {
                    let mut table = FxHashMap::default();
                    let mut at = id;
                    while shapes[at as usize].count > 0 {
                        let shape = &shapes[at as usize];
                        if let Some(name) = &shape.name {
                            table.insert(name.as_ptr() as usize, shape.count - 1);
                        }
                        at = shape.parent;
                    }
                    shapes[id as usize].table = Some(table);
                }
                return shapes[id as usize]
                    .table
                    .as_ref()
                    .and_then(|t| t.get(&address).copied());
            }
            let mut at = id;
            loop {
                let shape = &shapes[at as usize];
                if shape.count == 0 {
                    return None;
                }
                if shape
                    .name
                    .as_ref()
                    .is_some_and(|n| n.as_ptr() as usize == address)
                {
                    return Some(shape.count - 1);
                }
                at = shape.parent;
            }
        })
    }

    /// The shape that `id` becomes when `name` is added; None where it should become a dict instead.
    pub fn extend(&self, id: u32, name: &Ref<Str>) -> Option<u32> {
        let address = name.as_ptr() as usize;
        self.0.with_mut(|shapes| {
            let shape = &shapes[id as usize];
            if let Some(&next) = shape.next.get(&address) {
                return Some(next);
            }
            // Too many attributes, too many ways to go on from here, or too many shapes: a dict serves better.
            if shape.count >= MAX_SHAPED || shape.next.len() >= 512 || shapes.len() >= 1 << 22 {
                return None;
            }
            let new = shapes.len() as u32;
            let count = shape.count + 1;
            shapes.push(Shape {
                parent: id,
                count,
                name: Some(name.clone()),
                next: FxHashMap::default(),
                without: Vec::new(),
                table: None,
                layout: None,
            });
            shapes[id as usize].next.insert(address, new);
            Some(new)
        })
    }

    /// The shape that `id` becomes when attribute `index` is taken away; None where there is none.
    fn without(&self, id: u32, index: u32) -> Option<u32> {
        let known = self.0.with(|shapes| {
            let shape = &shapes[id as usize];
            if index + 1 == shape.count {
                return Some(shape.parent);
            }
            let mut known = shape.without.iter();
            known.find(|(i, _)| *i == index).map(|(_, next)| *next)
        });
        if known.is_some() {
            return known;
        }
        let mut next = ROOT;
        for (i, name) in self.names(id).iter().enumerate() {
            if i as u32 != index {
                next = self.extend(next, name)?;
            }
        }
        self.0
            .with_mut(|shapes| shapes[id as usize].without.push((index, next)));
        Some(next)
    }

    /// Sees to it that shape `id` has its layout.
    fn prepare_layout(&self, vm: &Vm, id: u32) -> Result<(), AllocError> {
        if self.0.with(|shapes| shapes[id as usize].layout.is_some()) {
            return Ok(());
        }
        let layout = Box::new(Layout::new(self.names(id), vm)?);
        self.0
            .with_mut(|shapes| shapes[id as usize].layout = Some(layout));
        Ok(())
    }

    #[inline]
    pub fn count(&self, id: u32) -> u32 {
        self.0.with(|s| s[id as usize].count)
    }

    /// The names of shape `id`, in order.
    pub fn names(&self, id: u32) -> Vec<Ref<Str>> {
        self.0.with(|shapes| {
            let mut names = Vec::with_capacity(shapes[id as usize].count as usize);
            let mut at = id;
            while shapes[at as usize].count > 0 {
                names.extend(shapes[at as usize].name.clone());
                at = shapes[at as usize].parent;
            }
            names.reverse();
            names
        })
    }

    /// Drops all names (end of the interpreter).
    pub fn clear(&self) {
        let old = self.0.replace(Shapes::default().0.take());
        drop(old)
    }
}

/// The attribute words of an object, if its class has a `__dict__`.
#[inline(always)]
pub fn attrs(header: &Header) -> Option<&Attrs> {
    if header.layout().pre.get() & TypeLayout::PRE_ATTRS != 0 {
        // SAFETY: such objects have the 16 bytes at -32.
        Some(unsafe { &*((header as *const Header as *const u8).sub(32) as *const Attrs) })
    } else {
        None
    }
}

/// The attribute word of an object.
///
/// # Safety
/// Its type's instances have attributes ([`attrs`] gives Some).
#[inline(always)]
pub(crate) unsafe fn word_of(header: &Header) -> u64 {
    // SAFETY: by contract.
    unsafe { *((header as *const Header as *const u8).sub(32) as *const u64) }
}

/// Notes how many values a fresh object holds inline.
#[inline]
pub fn init_attrs(header: &Header) {
    if let Some(attrs) = attrs(header) {
        let ty = Type::of_header(header);
        let inline = (ty.layout.size.get() - ty.inline_offset.get()) / 8;
        attrs.set_word(attrs.shape(), inline)
    }
}

impl Attrs {
    #[inline(always)]
    pub fn shape(&self) -> u32 {
        self.shape.get()
    }

    /// Shape and inline capacity as one word, which inline caches compare.
    #[inline(always)]
    pub fn word(&self) -> u64 {
        self.shape.get() as u64 | (self.inline.get() as u64) << 32
    }

    /// How many values fit inline.
    #[inline(always)]
    pub(crate) fn inline(&self) -> u32 {
        self.inline.get()
    }

    /// The storage block.
    #[inline(always)]
    pub(crate) fn block(&self) -> *mut u64 {
        self.storage.get()
    }

    /// For the interpreter, which has put the value of the new shape's last name in its place.
    #[inline(always)]
    pub(crate) fn set_shape(&self, shape: u32) {
        self.set_word(shape, self.inline.get())
    }

    /// Writes shape and capacity as the one word that inline caches read soon: a processor waits where it reads a word of which
    /// a part has just been written.
    #[inline(always)]
    fn set_word(&self, shape: u32, inline: u32) {
        const { assert!(cfg!(target_endian = "little")) };
        let word = shape as u64 | (inline as u64) << 32;
        // SAFETY: the two cells are one aligned word, and this reference gives access to both.
        unsafe { (self as *const Attrs as *mut u64).write(word) }
    }

    /// The address of value `index`.
    #[inline(always)]
    fn slot(&self, header: &Header, index: u32) -> *mut Option<Value> {
        let inline = self.inline.get();
        // SAFETY (of the arithmetic): `index` is below the shape's count, so it lies in the inline part or the block.
        if index < inline {
            let offset = Type::of_header(header).inline_offset.get() as usize + index as usize * 8;
            (header as *const Header as *mut u8).wrapping_add(offset) as *mut Option<Value>
        } else {
            self.storage
                .get()
                .wrapping_add(1 + (index - inline) as usize) as *mut Option<Value>
        }
    }

    /// Makes room for value `index` and returns whether that worked.
    fn reserve(&self, index: u32) -> bool {
        let inline = self.inline.get();
        if index < inline {
            return true;
        }
        let need = (index - inline + 1) as usize;
        let old = self.storage.get();
        // SAFETY: a non-null block starts with its capacity.
        let capacity = if old.is_null() {
            0
        } else {
            unsafe { *old as usize }
        };
        if need <= capacity {
            return true;
        }
        let new_capacity = (need + need / 2 + 2).min(MAX_SHAPED as usize + 1);
        // SAFETY: the block is this object's own; its words are zeroed beyond the old capacity.
        unsafe {
            let new = libc::realloc(old.cast(), (new_capacity + 1) * 8) as *mut u64;
            if new.is_null() {
                return false;
            }
            *new = new_capacity as u64;
            std::ptr::write_bytes(new.add(1 + capacity), 0, new_capacity - capacity);
            self.storage.set(new);
        }
        true
    }

    /// The dict that holds the attributes, if they are in one.
    #[inline]
    pub fn dict(&self) -> Option<Ref<Dict>> {
        if self.shape.get() == DICT {
            let header = self.storage.get() as *mut Header;
            // SAFETY: in this state the storage word owns a reference to a dict.
            unsafe {
                (*header).incref();
                Some(Ref::from_raw(header))
            }
        } else {
            None
        }
    }
}

/// The value of attribute `name` (interned or not) in the instance itself. Raises only what a dict lookup raises.
#[inline]
pub fn get(vm: &Vm, object: &Value, name: &Ref<Str>) -> PyResult<Option<Value>> {
    let Some(header) = object.header() else {
        return Ok(None);
    };
    let Some(attrs) = attrs(header) else {
        return Ok(None);
    };
    match attrs.shape.get() {
        ROOT => Ok(None),
        DICT => match attrs.dict() {
            Some(dict) => dict.get_str(vm, name),
            None => Ok(None),
        },
        shape => {
            let name = vm.interp.interned_name(name);
            Ok(vm.interp.shapes.index_of(shape, &name).and_then(|index| {
                // SAFETY: the index is one of the shape's.
                unsafe { (*attrs.slot(header, index)).clone() }
            }))
        }
    }
}

/// Sets or deletes attribute `name` of the instance itself; says whether there was one to delete.
///
/// The object must have a `__dict__`.
pub fn set(vm: &Vm, object: &Value, name: &Ref<Str>, value: Option<&Value>) -> PyResult<bool> {
    let Some(header) = object.header() else {
        return Ok(false);
    };
    let Some(attrs) = attrs(header) else {
        return Ok(false);
    };
    if attrs.shape.get() == DICT {
        let Some(dict) = attrs.dict() else {
            return Ok(false);
        };
        return match value {
            Some(value) => dict.set_str(vm, name, value.clone()).map(|()| true),
            None => dict.remove_str(vm, name).map(|old| old.is_some()),
        };
    }
    let name = vm.interp.interned_name(name);
    let shape = attrs.shape.get();
    let index = vm.interp.shapes.index_of(shape, &name);
    match (index, value) {
        (Some(index), Some(value)) => {
            // SAFETY: the index is one of the shape's; the old value is dropped after it was replaced.
            let old = unsafe { (*attrs.slot(header, index)).replace(value.clone()) };
            drop(old);
            Ok(true)
        }
        (None, Some(value)) => match vm.interp.shapes.extend(shape, &name) {
            Some(next) => {
                let index = vm.interp.shapes.count(next) - 1;
                if !attrs.reserve(index) {
                    return Err(vm.memory_error(""));
                }
                // SAFETY: room was made for the index; the word there is zero.
                unsafe { *attrs.slot(header, index) = Some(value.clone()) };
                attrs.set_shape(next);
                Type::of_header(header).learn_inline(index + 1);
                Ok(true)
            }
            None => materialize(vm, object)?
                .set_str(vm, &name, value.clone())
                .map(|()| true),
        },
        (Some(index), None) => {
            remove(vm, header, attrs, shape, index);
            Ok(true)
        }
        (None, None) => Ok(false),
    }
}

/// As [`set`] to delete, where the value is known to be `offset` bytes behind the object's header. False: it is not one of the
/// instance's own.
pub(crate) fn delete_at(vm: &Vm, header: &Header, offset: u64) -> bool {
    let first = u64::from(Type::of_header(header).inline_offset.get());
    let Some(attrs) = attrs(header).filter(|_| first != 0 && offset >= first) else {
        return false;
    };
    let (shape, index) = (attrs.shape.get(), (offset - first) / 8);
    if shape == DICT || index >= u64::from(vm.interp.shapes.count(shape)) {
        return false;
    }
    remove(vm, header, attrs, shape, index as u32);
    true
}

/// Takes value `index` out: the later ones move up, and the shape becomes that of the remaining names.
fn remove(vm: &Vm, header: &Header, attrs: &Attrs, shape: u32, index: u32) {
    let shapes = &vm.interp.shapes;
    // Every prefix of a shape that exists is short enough to be extended, short of running out of ids.
    let Some(next) = shapes.without(shape, index) else {
        let names = shapes.names(shape);
        return remove_by_dict(vm, header, &names[index as usize]);
    };
    let count = shapes.count(shape);
    // SAFETY: indices of the old shape; each word is moved, and the last one zeroed.
    let old = unsafe {
        let old = (*attrs.slot(header, index)).take();
        for i in index + 1..count {
            let moved = (*attrs.slot(header, i)).take();
            std::ptr::write(attrs.slot(header, i - 1), moved);
        }
        old
    };
    attrs.set_shape(next);
    drop(old)
}

fn remove_by_dict(vm: &Vm, header: &Header, name: &Ref<Str>) {
    header.incref();
    // SAFETY: the reference just counted becomes the value's.
    let object = unsafe { Value::from_bits(header as *const Header as u64) };
    let done = materialize(vm, &object).and_then(|d| d.remove_str(vm, name));
    if done.is_err() {
        vm.clear_exception()
    }
}

/// The shape of an object whose attributes lie in itself; None where they are in a dict, or there are none.
pub fn shape_of(object: &Value) -> Option<u32> {
    let shape = attrs(object.header()?)?.shape.get();
    (shape != DICT).then_some(shape)
}

/// The value of attribute `index` of a shape, if the object (still) has that shape and the attribute.
pub fn value_at(vm: &Vm, object: &Value, shape: u32, index: u32) -> Option<Value> {
    let header = object.header()?;
    let attrs = attrs(header)?;
    if attrs.shape.get() != shape || shape == DICT || index >= vm.interp.shapes.count(shape) {
        return None;
    }
    // SAFETY: an index of the object's shape.
    unsafe { (*attrs.slot(header, index)).clone() }
}

/// How many attributes the object has in itself or in its dict.
pub fn attribute_count(vm: &Vm, object: &Value) -> usize {
    let Some(attrs) = object.header().and_then(attrs) else {
        return 0;
    };
    match attrs.dict() {
        Some(dict) => dict.len(),
        None => {
            let shape = attrs.shape.get();
            let all = 0..vm.interp.shapes.count(shape);
            all.filter(|&index| value_at(vm, object, shape, index).is_some())
                .count()
        }
    }
}

/// Whether the object has no attributes of its own.
pub fn is_empty(vm: &Vm, object: &Value) -> bool {
    attribute_count(vm, object) == 0
}

/// The object's `__dict__`: moves the values into a real dict if they are not in one yet.
///
/// Raises MemoryError. The object must have a `__dict__`.
pub fn materialize(vm: &Vm, object: &Value) -> PyResult<Ref<Dict>> {
    let Some((header, attrs)) = object.header().and_then(|h| Some((h, attrs(h)?))) else {
        return Err(vm.system_error("object has no __dict__"));
    };
    if let Some(dict) = attrs.dict() {
        return Ok(dict);
    }
    loop {
        // Making the dict may run Python, which may do what it likes with the object.
        let dict = Dict::new(vm)?;
        if let Some(dict) = attrs.dict() {
            return Ok(dict);
        }
        let shape = attrs.shape.get();
        vm.interp
            .shapes
            .prepare_layout(vm, shape)
            .map_err(|e| vm.no_memory(e))?;
        let table = vm.interp.shapes.0.with(|shapes| {
            let layout = shapes.get(shape as usize).and_then(|s| s.layout.as_deref());
            let mut at = 0;
            // SAFETY: a layout has as many keys as the shape has names.
            let value = || unsafe {
                at += 1;
                (*attrs.slot(header, at - 1)).take()
            };
            layout.map(|layout| Table::of_layout(layout, value))
        });
        let Some(table) = table.transpose().map_err(|e| vm.no_memory(e))? else {
            continue;
        };
        dict.put_table(table);
        // SAFETY: the block is this object's own, or null; the values have left it.
        unsafe { libc::free(attrs.storage.get().cast()) }
        let word = dict.clone().into_value().into_bits();
        attrs.storage.set(word as *mut u64);
        attrs.shape.set(DICT);
        return Ok(dict);
    }
}

/// Takes all values and the storage block from the object, which then has no attributes.
fn detach(header: &Header, attrs: &Attrs, count: u32) -> Vec<Value> {
    let mut values = Vec::new();
    if attrs.shape.get() == DICT {
        // SAFETY: the storage word owns a dict.
        values.push(unsafe { Value::from_bits(attrs.storage.get() as u64) });
    } else {
        for i in 0..count {
            // SAFETY: an index of the shape.
            values.extend(unsafe { (*attrs.slot(header, i)).take() });
        }
        // SAFETY: the block is this object's own, or null.
        unsafe { libc::free(attrs.storage.get().cast()) }
    }
    attrs.shape.set(ROOT);
    attrs.storage.set(std::ptr::null_mut());
    values
}

/// Replaces the object's `__dict__` (`obj.__dict__ = d`), or takes it away.
pub fn set_dict(vm: &Vm, object: &Value, dict: Option<Ref<Dict>>) {
    if let Some((header, attrs)) = object.header().and_then(|h| Some((h, attrs(h)?))) {
        let count = vm.interp.shapes.count(attrs.shape.get());
        let old = detach(header, attrs, count);
        if let Some(dict) = dict {
            attrs.storage.set(dict.into_value().into_bits() as *mut u64);
            attrs.shape.set(DICT);
        }
        drop(old)
    }
}

/// The number of values an object without dict holds, found without the shapes: up to the first zero word.
fn count_set(header: &Header, attrs: &Attrs) -> u32 {
    let inline = attrs.inline.get();
    let block = attrs.storage.get();
    // SAFETY: a non-null block starts with its capacity.
    let capacity = inline
        + if block.is_null() {
            0
        } else {
            unsafe { *block as u32 }
        };
    // SAFETY: within inline part and block; unset words are zero.
    (0..capacity)
        .take_while(|&i| unsafe { (*attrs.slot(header, i)).is_some() })
        .count() as u32
}

/// For the heap: reports the references held by attributes.
pub fn traverse_attrs(header: &Header, visitor: &mut Visitor) {
    let Some(attrs) = attrs(header) else { return };
    if attrs.shape.get() == DICT {
        // SAFETY: the storage word owns a dict.
        visitor.header(unsafe { &*(attrs.storage.get() as *const Header) });
        return;
    }
    for i in 0..count_set(header, attrs) {
        // SAFETY: a set word.
        visitor.opt(unsafe { &*attrs.slot(header, i) })
    }
}

/// For the heap: drops the attributes of a dead object, which nobody can reach any more.
pub fn drop_attrs(header: &Header) {
    let Some(attrs) = attrs(header) else { return };
    if attrs.shape.get() == ROOT && attrs.storage.get().is_null() {
        return;
    }
    if attrs.shape.get() == DICT {
        // SAFETY: the storage word owns a dict.
        return drop(unsafe { Value::from_bits(attrs.storage.get() as u64) });
    }
    let first = Type::of_header(header).inline_offset.get() as usize;
    let inline = (header as *const Header as *mut u8).wrapping_add(first) as *mut Option<Value>;
    // SAFETY: the inline part, whose unset words are zero, and all of whose set words come first; likewise the block.
    unsafe {
        for i in 0..attrs.inline.get() as usize {
            match (*inline.add(i)).take() {
                Some(value) => drop(value),
                None => break,
            }
        }
        // Also where the values left, after deletions, do not reach into it.
        let block = attrs.storage.get();
        if !block.is_null() {
            let values = block.add(1) as *mut Option<Value>;
            for i in 0..*block as usize {
                match (*values.add(i)).take() {
                    Some(value) => drop(value),
                    None => break,
                }
            }
            libc::free(block.cast());
        }
    }
}

/// For the heap: drops all attributes.
pub fn clear_attrs(header: &Header) {
    let Some(attrs) = attrs(header) else { return };
    let count = if attrs.shape.get() == DICT {
        0
    } else {
        count_set(header, attrs)
    };
    drop(detach(header, attrs, count))
}

impl Type {
    /// An instance has grown to `count` attributes: later ones get room for them inline.
    fn learn_inline(&self, count: u32) {
        if count > self.inline_hint.get()
            && count <= 30
            && self.inline_offset.get() != 0
            && self.flag(super::type_::TypeFlags::INLINE_VALUES)
            // Text and items stand behind the fixed part: instances find them by its size, which must stay.
            && !self.flag(
                super::type_::TypeFlags::STR_SUBCLASS | super::type_::TypeFlags::TUPLE_SUBCLASS,
            )
        {
            self.inline_hint.set(count);
            self.layout.size.set(self.inline_offset.get() + count * 8);
        }
    }
}

/// Where an inline cache finds attribute `name` of instances like `object`: (attribute word, byte offset from the header).
///
/// None where the value is not inline.
pub fn cacheable_offset(vm: &Vm, object: &Value, name: &Ref<Str>) -> Option<(u64, u32)> {
    let header = object.header()?;
    let attrs = attrs(header)?;
    if attrs.shape.get() == DICT {
        return None;
    }
    let index = vm.interp.shapes.index_of(attrs.shape.get(), name)?;
    if index >= attrs.inline.get() {
        return None;
    }
    Some((
        attrs.word(),
        Type::of_header(header).inline_offset.get() + index * 8,
    ))
}

/// As [`cacheable_offset`] for adding `name`: (attribute word now, attribute word then, byte offset).
pub fn cacheable_growth(vm: &Vm, object: &Value, name: &Ref<Str>) -> Option<(u64, u32, u32)> {
    let header = object.header()?;
    let attrs = attrs(header)?;
    if attrs.shape.get() == DICT {
        return None;
    }
    let next = vm.interp.shapes.extend(attrs.shape.get(), name)?;
    let index = vm.interp.shapes.count(next) - 1;
    if index >= attrs.inline.get() {
        return None;
    }
    Some((
        attrs.word(),
        next,
        Type::of_header(header).inline_offset.get() + index * 8,
    ))
}
