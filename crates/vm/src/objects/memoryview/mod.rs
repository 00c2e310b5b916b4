//! `memoryview`: access to the memory that an object lends.
//!
//! A view holds a [`Buffer`] (owner, offset, format, shape, strides) until it is released. It lends its memory on like
//! any other owner and counts those exports: while there are any it cannot be released. Positions of items are worked
//! out from the buffer at each access, so nothing dangles. CPython: Objects/memoryobject.c.

pub mod compare;
pub mod format;

use crate::objects::buffer::{Buffer, BufferOps, flags};
use crate::objects::bytes::{Bytes, hex};
use crate::objects::slice::{self, Slice};
use crate::objects::str_;
use crate::objects::tuple::Tuple;
use crate::objects::type_::Type;
use crate::protocols::compare::CompareOp;
use crate::protocols::{hash, number};
use crate::vm::{PyResult, Vm};
use crate::{Traverse, Visitor};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use std::cell::Cell;

/// Create a new memoryview object which references the given object.
#[pyclass(
    name = "memoryview",
    module = "builtins",
    gc,
    flags(SEQUENCE, HAS_WEAKREF)
)]
#[repr(C)]
pub struct MemoryView {
    view: MutCell<Option<Buffer>>,
    /// Buffers lent on at the moment.
    exports: Cell<usize>,
    hash: Cell<i64>,
    /// Lent to a `__release_buffer__`: no new view may be made.
    restricted: Cell<bool>,
}

impl Traverse for MemoryView {
    fn traverse(&self, v: &mut Visitor) {
        self.view.with(|view| {
            if let Some(view) = view {
                view.traverse(v)
            }
        })
    }
    fn clear(&self) {
        if self.exports.get() == 0 {
            drop(self.view.take())
        }
    }
}

const MAX_DIMS: usize = 64;

/// Why an item cannot be reached.
enum Miss {
    Released,
    Dimension(usize),
    Count(usize),
    SubViews,
    Format,
    NoDims,
}

/// The place of an item in the owner's bytes.
fn place(view: &Buffer, indices: &[isize]) -> Result<usize, Miss> {
    if indices.len() != view.ndim() {
        return Err(if indices.len() > view.ndim() {
            Miss::Count(indices.len())
        } else {
            Miss::SubViews
        });
    }
    let mut at = view.offset as isize;
    for (dim, &index) in indices.iter().enumerate() {
        let n = view.shape[dim];
        let i = if index < 0 { index + n } else { index };
        if i < 0 || i >= n {
            return Err(Miss::Dimension(dim + 1));
        }
        at += i * view.strides[dim];
    }
    Ok(at.max(0) as usize)
}

/// The bytes of an item at a place.
fn fetch(view: &Buffer, at: usize) -> [u8; 8] {
    let mut item = [0; 8];
    view.with_owner(|all| {
        for (to, from) in item.iter_mut().zip(all.iter().skip(at).take(view.itemsize)) {
            *to = *from
        }
    });
    item
}

/// What the keys of `view[key]` can be.
enum Key<'a> {
    Whole,
    Indices(Vec<isize>),
    Slice(&'a Slice),
    Slices,
    Wrong,
}

fn key_of<'a>(vm: &Vm, key: &'a Value) -> PyResult<Key<'a>> {
    if number::has_index(vm, key) {
        let index = number::index_for(vm, key, &vm.types.index_error)?;
        return Ok(Key::Indices(vec![index]));
    }
    if let Some(slice) = key.downcast::<Slice>() {
        return Ok(Key::Slice(slice));
    }
    if key.is(&Value::ELLIPSIS) {
        return Ok(Key::Whole);
    }
    let Some(tuple) = key.downcast::<Tuple>() else {
        return Ok(Key::Wrong);
    };
    if tuple.items().iter().all(|k| number::has_index(vm, k)) {
        let indices = tuple
            .items()
            .iter()
            .map(|k| number::index_for(vm, k, &vm.types.index_error))
            .collect::<PyResult<_>>()?;
        return Ok(Key::Indices(indices));
    }
    if tuple
        .items()
        .iter()
        .all(|k| k.downcast::<Slice>().is_some())
    {
        return Ok(Key::Slices);
    }
    Ok(Key::Wrong)
}

impl MemoryView {
    /// A view of memory already lent. Raises MemoryError.
    pub fn make(vm: &Vm, view: Buffer) -> PyResult<Ref<MemoryView>> {
        vm.new_object(MemoryView {
            view: MutCell::new(Some(view)),
            exports: Cell::new(0),
            hash: Cell::new(-1),
            restricted: Cell::new(false),
        })
    }

    /// A view of any object that has a buffer. Raises TypeError.
    pub fn of(vm: &Vm, object: &Value) -> PyResult<Ref<MemoryView>> {
        if let Some(view) = object.downcast::<MemoryView>() {
            view.check_unrestricted(vm)?;
            return MemoryView::make(vm, view.buffer(vm)?);
        }
        if !Buffer::supported(vm, object) {
            return Err(vm.type_error(format!(
                "memoryview: a bytes-like object is required, not '{}'",
                vm.type_of(object).full_name()
            )));
        }
        MemoryView::make(vm, Buffer::get(vm, object, flags::FULL_RO)?)
    }

    /// From now on no further views can be made of this one.
    pub(crate) fn restrict(&self) {
        self.restricted.set(true)
    }

    fn check_unrestricted(&self, vm: &Vm) -> PyResult<()> {
        if self.restricted.get() {
            return Err(vm.value_error("cannot create new view on restricted memoryview"));
        }
        Ok(())
    }

    fn released(vm: &Vm) -> crate::vm::Raised {
        vm.value_error("operation forbidden on released memoryview object")
    }

    /// The memory viewed. Raises ValueError once it is released.
    pub fn buffer(&self, vm: &Vm) -> PyResult<Buffer> {
        self.view.get().ok_or_else(|| MemoryView::released(vm))
    }

    fn look<R>(&self, vm: &Vm, f: impl FnOnce(&Buffer) -> R) -> PyResult<R> {
        self.view
            .with(|view| view.as_ref().map(f))
            .ok_or_else(|| MemoryView::released(vm))
    }

    pub(crate) fn is_released(&self) -> bool {
        self.view.with(Option::is_none)
    }

    /// Ends the view. Raises BufferError while others use its memory.
    pub(crate) fn end(&self, vm: &Vm) -> PyResult<()> {
        match self.exports.get() {
            0 => {
                drop(self.view.take());
                Ok(())
            }
            n => Err(vm.buffer_error(format!(
                "memoryview has {n} exported buffer{}",
                if n == 1 { "" } else { "s" }
            ))),
        }
    }

    fn missed(&self, vm: &Vm, miss: Miss) -> crate::vm::Raised {
        let (ndim, format) = self
            .view
            .with(|v| v.as_ref().map(|v| (v.ndim(), v.format.to_string())))
            .unwrap_or_default();
        match miss {
            Miss::Released => MemoryView::released(vm),
            Miss::Dimension(n) => vm.index_error(format!("index out of bounds on dimension {n}")),
            Miss::Count(n) => vm.type_error(format!(
                "cannot index {ndim}-dimension view with {n}-element tuple"
            )),
            Miss::SubViews => vm.not_implemented_error("sub-views are not implemented"),
            Miss::Format => {
                vm.not_implemented_error(format!("memoryview: unsupported format {format}"))
            }
            Miss::NoDims => vm.type_error("invalid indexing of 0-dim memory"),
        }
    }

    /// The item at some indices.
    fn get(&self, vm: &Vm, indices: &[isize]) -> PyResult {
        let found = self.view.with(|view| {
            let view = view.as_ref().ok_or(Miss::Released)?;
            let format = format::native(&view.format).ok_or(Miss::Format)?;
            Ok((format, fetch(view, place(view, indices)?)))
        });
        match found {
            Ok((format, item)) => format::unpack(vm, format, &item),
            Err(miss) => Err(self.missed(vm, miss)),
        }
    }

    /// The item `index` of a one-dimensional view.
    fn item_of(&self, vm: &Vm, index: isize) -> PyResult {
        match self.look(vm, Buffer::ndim)? {
            0 => Err(self.missed(vm, Miss::NoDims)),
            1 => self.get(vm, &[index]),
            _ => Err(vm.not_implemented_error("multi-dimensional sub-views are not implemented")),
        }
    }

    /// As [`Buffer::shared_bytes`].
    pub(crate) fn shared_bytes(&self) -> Option<Ref<Bytes>> {
        self.view.with(|view| view.as_ref()?.shared_bytes())
    }

    /// The part of the memory that a slice of the first dimension means.
    fn sliced(&self, vm: &Vm, slice: &Slice) -> PyResult<Buffer> {
        // The view is taken first: indices can run Python code that releases this one.
        let mut view = self.buffer(vm)?;
        let (start, stop, step) = slice.unpack(vm)?;
        let a = slice::fit(start, stop, step, view.shape[0]);
        let stride = view.strides[0];
        view.offset = (view.offset as isize + stride * a.start).max(0) as usize;
        view.shape[0] = a.count as isize;
        view.strides[0] = stride.wrapping_mul(a.step);
        view.len = view.shape.iter().product::<isize>() as usize * view.itemsize;
        Ok(view)
    }

    fn subscript_of(&self, vm: &Vm, zelf: &Value, key: &Value) -> PyResult {
        let ndim = self.look(vm, Buffer::ndim)?;
        let parsed = key_of(vm, key)?;
        if ndim == 0 {
            return match parsed {
                Key::Whole => Ok(zelf.clone()),
                Key::Indices(i) if i.is_empty() => self.get(vm, &[]),
                _ => Err(self.missed(vm, Miss::NoDims)),
            };
        }
        match parsed {
            Key::Indices(i) if key.downcast::<Tuple>().is_none() => self.item_of(vm, i[0]),
            Key::Indices(i) => self.get(vm, &i),
            Key::Slice(slice) => {
                self.check_unrestricted(vm)?;
                Ok(MemoryView::make(vm, self.sliced(vm, slice)?)?.into_value())
            }
            Key::Slices => {
                Err(vm.not_implemented_error("multi-dimensional slicing is not implemented"))
            }
            Key::Whole | Key::Wrong => Err(vm.type_error("memoryview: invalid slice key")),
        }
    }

    /// Writes an item. The indices were looked at before the value was converted, and are again.
    fn put(&self, vm: &Vm, indices: &[isize], value: &Value) -> PyResult<()> {
        let format = self.view.with(|view| {
            let view = view.as_ref().ok_or(Miss::Released)?;
            place(view, indices)?;
            format::native(&view.format).ok_or(Miss::Format)
        });
        let format = format.map_err(|miss| self.missed(vm, miss))?;
        let item = format::pack(vm, format, value)?;
        let done = self.view.with(|view| {
            let view = view.as_ref().ok_or(Miss::Released)?;
            let at = place(view, indices)?;
            view.with_owner_mut(|all| {
                for (to, from) in all.iter_mut().skip(at).zip(&item[..format::size(format)]) {
                    *to = *from
                }
            });
            Ok(())
        });
        done.map_err(|miss| self.missed(vm, miss))
    }

    fn assign(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        let (ndim, readonly) = self.look(vm, |v| (v.ndim(), v.readonly))?;
        if self.look(vm, |v| format::native(&v.format).is_none())? {
            return Err(self.missed(vm, Miss::Format));
        }
        if readonly {
            return Err(vm.type_error("cannot modify read-only memory"));
        }
        let Some(value) = value else {
            return Err(vm.type_error("cannot delete memory"));
        };
        let parsed = key_of(vm, key)?;
        if ndim == 0 {
            return match parsed {
                Key::Whole => self.put(vm, &[], value),
                Key::Indices(i) if i.is_empty() => self.put(vm, &[], value),
                _ => Err(self.missed(vm, Miss::NoDims)),
            };
        }
        match parsed {
            Key::Indices(i) if i.len() < ndim => Err(self.missed(vm, Miss::SubViews)),
            Key::Indices(i) => self.put(vm, &i, value),
            Key::Slice(slice) if ndim == 1 => {
                let source = Buffer::get(vm, value, flags::FULL_RO)?;
                let target = self.sliced(vm, slice)?;
                self.buffer(vm)?; // the indices' code may have released the view
                let same = target.itemsize == source.itemsize
                    && target.shape == source.shape
                    && target.format.trim_start_matches('@')
                        == source.format.trim_start_matches('@');
                if !same {
                    return Err(vm.value_error(
                        "memoryview assignment: lvalue and rvalue have different structures",
                    ));
                }
                target.write_items(&source.to_vec());
                Ok(())
            }
            Key::Slice(_) | Key::Slices => Err(vm.not_implemented_error(
                "memoryview slice assignments are currently restricted to ndim = 1",
            )),
            Key::Whole | Key::Wrong => Err(vm.type_error("memoryview: invalid slice key")),
        }
    }

    /// The memory for someone who asks for it by `wanted`.
    fn lend(&self, vm: &Vm, zelf: &Value, wanted: u32) -> PyResult<Buffer> {
        let view = self.buffer(vm)?;
        self.check_unrestricted(vm)?;
        let asks = |flag: u32| wanted & flag == flag;
        let refuse = |what: &str| Err(vm.buffer_error(format!("memoryview: {what}")));
        if asks(flags::WRITABLE) && view.readonly {
            return refuse("underlying buffer is not writable");
        }
        let (c, f) = (view.is_c_contiguous(), view.is_f_contiguous());
        if asks(flags::C_CONTIGUOUS) && !c {
            return refuse("underlying buffer is not C-contiguous");
        }
        if asks(flags::F_CONTIGUOUS) && !f {
            return refuse("underlying buffer is not Fortran contiguous");
        }
        if asks(flags::ANY_CONTIGUOUS) && !c && !f {
            return refuse("underlying buffer is not contiguous");
        }
        if !asks(flags::STRIDES) && !c {
            return refuse("underlying buffer is not C-contiguous");
        }
        if !asks(flags::ND) && asks(flags::FORMAT) {
            return refuse("cannot cast to unsigned bytes if the format flag is present");
        }
        self.exports.set(self.exports.get() + 1);
        let mut lent = Buffer::export(zelf.clone(), &VIEW_OPS, view.len, view.readonly);
        lent.offset = view.offset;
        if asks(flags::ND) {
            let format = if asks(flags::FORMAT) {
                view.format
            } else {
                "B".into()
            };
            lent = lent.with_layout(format, view.itemsize, view.shape, view.strides);
        }
        Ok(lent)
    }

    /// The items in nested lists. `rest` are the bytes in C order.
    fn list_of(vm: &Vm, view: &Buffer, format: u8, dim: usize, rest: &mut &[u8]) -> PyResult {
        vm.check_stack()?;
        let Some(&n) = view.shape.get(dim) else {
            let (item, after) = rest.split_at(view.itemsize.min(rest.len()));
            *rest = after;
            return format::unpack(vm, format, item);
        };
        let mut items = Vec::with_capacity(n.max(0) as usize);
        for _ in 0..n {
            items.push(MemoryView::list_of(vm, view, format, dim + 1, rest)?)
        }
        Ok(vm.new_list(items)?.into_value())
    }

    fn native_format(&self, vm: &Vm) -> PyResult<u8> {
        match self.look(vm, |v| format::native(&v.format))? {
            Some(format) => Ok(format),
            None => Err(self.missed(vm, Miss::Format)),
        }
    }
}

static VIEW_OPS: BufferOps = BufferOps {
    with: |owner, f| {
        if let Some(view) = owner.downcast::<MemoryView>() {
            view.view.with(|v| {
                if let Some(v) = v {
                    v.with_owner(f)
                }
            })
        }
    },
    with_mut: |owner, f| {
        if let Some(view) = owner.downcast::<MemoryView>() {
            view.view.with(|v| {
                if let Some(v) = v {
                    v.with_owner_mut(f)
                }
            })
        }
    },
    release: |owner| {
        if let Some(view) = owner.downcast::<MemoryView>() {
            view.exports.set(view.exports.get().saturating_sub(1))
        }
    },
};

/// `view.cast(format)`: the same bytes in one dimension.
fn cast_flat(vm: &Vm, view: Buffer, text: &str) -> PyResult<Buffer> {
    let Some(to) = format::native(text) else {
        return Err(vm.value_error(
            "memoryview: destination format must be a native single character format prefixed \
             with an optional '@'",
        ));
    };
    let Some(from) = format::native(&view.format) else {
        return Err(vm.value_error(
            "memoryview: source format must be a native single character format prefixed with an \
             optional '@'",
        ));
    };
    if !format::is_byte(from) && !format::is_byte(to) {
        return Err(vm.type_error("memoryview: cannot cast between two non-byte formats"));
    }
    let size = format::size(to);
    if !view.len.is_multiple_of(size) {
        return Err(vm.type_error("memoryview: length is not a multiple of itemsize"));
    }
    let n = (view.len / size) as isize;
    Ok(view.with_layout(text.to_string(), size, vec![n], vec![size as isize]))
}

/// Gives flat memory a shape.
fn cast_shape(vm: &Vm, view: Buffer, shape: &[Value]) -> PyResult<Buffer> {
    let mut dims = Vec::with_capacity(shape.len());
    let mut total = view.itemsize as isize;
    for value in shape {
        if !number::is_int(vm, value) {
            return Err(vm.type_error("memoryview.cast(): elements of shape must be integers"));
        }
        let n = number::index_isize(vm, value)?;
        if n <= 0 {
            return Err(vm.value_error("memoryview.cast(): elements of shape must be integers > 0"));
        }
        let Some(product) = total.checked_mul(n) else {
            return Err(vm.value_error("memoryview.cast(): product(shape) > SSIZE_MAX"));
        };
        total = product;
        dims.push(n);
    }
    if total != view.len as isize {
        return Err(vm.type_error("memoryview: product(shape) * itemsize != buffer size"));
    }
    let mut strides = vec![0; dims.len()];
    let mut step = view.itemsize as isize;
    for (stride, n) in strides.iter_mut().zip(&dims).rev() {
        *stride = step;
        step *= n;
    }
    let (format, size) = (view.format.clone(), view.itemsize);
    Ok(view.with_layout(format, size, dims, strides))
}

fn dims(vm: &Vm, values: &[isize]) -> PyResult {
    let values = values
        .iter()
        .map(|&n| vm.new_int(n as i64))
        .collect::<PyResult<_>>()?;
    Ok(vm.new_tuple(values)?.into_value())
}

#[pymethods]
impl MemoryView {
    #[pyslot(sig = "(object)")]
    fn new(_cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        Ok(MemoryView::of(vm, object)?.into_value())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        let what = if zelf.is_released() {
            "released memory"
        } else {
            "memory"
        };
        let address = zelf.as_value().bits();
        Ok(vm
            .new_str(format!("<{what} at {address:#x}>"))?
            .into_value())
    }

    #[pyslot]
    fn hash(zelf: &Ref<Self>, vm: &Vm) -> PyResult<i64> {
        if zelf.hash.get() != -1 {
            return Ok(zelf.hash.get());
        }
        let view = zelf.buffer(vm)?;
        if !view.readonly {
            return Err(vm.value_error("cannot hash writable memoryview object"));
        }
        if !format::native(&view.format).is_some_and(format::is_byte) {
            return Err(
                vm.value_error("memoryview: hashing is restricted to formats 'B', 'b' or 'c'")
            );
        }
        // An owner that cannot be hashed may change its bytes after all.
        zelf.exports.set(zelf.exports.get() + 1);
        let owner = hash::hash(vm, &view.object);
        zelf.exports.set(zelf.exports.get().saturating_sub(1));
        owner?;
        let hash = vm.interp.hash_key.hash_bytes(&view.to_vec());
        zelf.hash.set(hash);
        Ok(hash)
    }

    #[pyslot]
    fn richcompare(vm: &Vm, a: &Value, b: &Value, op: CompareOp) -> PyResult {
        compare::compare(vm, a, b, op)
    }

    #[pyslot]
    fn sq_len(zelf: &Ref<Self>, vm: &Vm) -> PyResult<usize> {
        match zelf.look(vm, |v| v.shape.first().copied())? {
            Some(n) => Ok(n.max(0) as usize),
            None => Err(vm.type_error("0-dim memory has no length")),
        }
    }

    #[pyslot]
    fn item(zelf: &Ref<Self>, vm: &Vm, index: isize) -> PyResult {
        zelf.item_of(vm, index)
    }

    #[pyslot]
    fn subscript(zelf: &Ref<Self>, vm: &Vm, key: &Value) -> PyResult {
        zelf.subscript_of(vm, zelf.as_value(), key)
    }

    #[pyslot]
    fn set_subscript(
        zelf: &Ref<Self>,
        vm: &Vm,
        key: &Value,
        value: Option<&Value>,
    ) -> PyResult<()> {
        zelf.assign(vm, key, value)
    }

    #[pyslot]
    fn iter(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if zelf.look(vm, Buffer::ndim)? == 0 {
            return Err(vm.type_error("invalid indexing of 0-dim memory"));
        }
        zelf.native_format(vm)?;
        let iterator = MemoryIterator {
            view: MutCell::new(Some(zelf.clone())),
            index: Cell::new(0),
            len: MemoryView::sq_len(zelf, vm)?,
        };
        Ok(vm.new_object(iterator)?.into_value())
    }

    #[pyslot]
    fn get_buffer(vm: &Vm, zelf: &Value, wanted: u32) -> PyResult<Buffer> {
        match zelf.downcast::<MemoryView>() {
            Some(view) => view.lend(vm, zelf, wanted),
            None => Err(vm.type_error("not a memoryview")),
        }
    }

    /// Return the data in the buffer as a byte string.
    ///
    /// Order can be {'C', 'F', 'A'}.  When order is 'C' or 'F', the data of
    /// the original array is converted to C or Fortran order.  For
    /// contiguous views, 'A' returns an exact copy of the physical memory.
    /// In particular, in-memory Fortran order is preserved.  For
    /// non-contiguous views, the data is converted to C first.  order=None
    /// is the same as order='C'.
    #[pymethod(sig = "($self, /, order='C')")]
    fn tobytes(&self, vm: &Vm, order: Option<&Value>) -> PyResult {
        let order = match order.filter(|o| !o.is_none()) {
            None => b'C',
            Some(order) => match str_::of(order).map(|o| o.as_bytes()) {
                Some([c @ (b'C' | b'F' | b'A')]) => *c,
                Some(_) => return Err(vm.value_error("order must be 'C', 'F' or 'A'")),
                None => {
                    return Err(vm.type_error(format!(
                        "tobytes() argument 'order' must be str or None, not {}",
                        vm.type_of(order).full_name()
                    )));
                }
            },
        };
        let view = self.buffer(vm)?;
        let data = match order {
            b'A' if view.is_f_contiguous() => view.with(<[u8]>::to_vec),
            b'F' => view.to_vec_fortran(),
            _ => view.to_vec(),
        };
        Ok(vm.new_bytes_of(data)?.into_value())
    }

    /// Return the data in the buffer as a list of elements.
    #[pymethod]
    fn tolist(&self, vm: &Vm) -> PyResult {
        let view = self.buffer(vm)?;
        let format = self.native_format(vm)?;
        MemoryView::list_of(vm, &view, format, 0, &mut view.to_vec().as_slice())
    }

    /// Return the data in the buffer as a str of hexadecimal numbers.
    ///
    ///   sep
    ///     An optional single character or byte to separate hex bytes.
    ///   bytes_per_sep
    ///     How many bytes between separators.  Positive values count from
    ///     the right, negative values count from the left.
    ///
    /// Example:
    /// >>> value = memoryview(b'\xb9\x01\xef')
    /// >>> value.hex()
    /// 'b901ef'
    /// >>> value.hex(':')
    /// 'b9:01:ef'
    /// >>> value.hex(':', 2)
    /// 'b9:01ef'
    /// >>> value.hex(':', -2)
    /// 'b901:ef'
    #[pymethod(sig = "($self, /, sep=<unrepresentable>, bytes_per_sep=1)")]
    fn hex(&self, vm: &Vm, sep: Option<&Value>, #[default(1)] bytes_per_sep: i32) -> PyResult {
        self.look(vm, |_| ())?;
        // The separator's `__len__` must not release the view.
        self.exports.set(self.exports.get() + 1);
        let sep = hex::separator(vm, sep);
        self.exports.set(self.exports.get().saturating_sub(1));
        let sep = sep?;
        let data = self.buffer(vm)?.to_vec();
        Ok(vm
            .new_ascii_str(&hex::encode(&data, sep, bytes_per_sep))?
            .into_value())
    }

    /// Cast a memoryview to a new format or shape.
    #[pymethod(sig = "($self, /, format, shape=<unrepresentable>)")]
    fn cast(&self, vm: &Vm, format: &Ref<str_::Str>, shape: Option<&Value>) -> PyResult {
        let view = self.buffer(vm)?;
        self.check_unrestricted(vm)?;
        if !view.is_c_contiguous() {
            return Err(vm.type_error("memoryview: casts are restricted to C-contiguous views"));
        }
        if (shape.is_some() || view.ndim() != 1) && view.shape.contains(&0) {
            return Err(
                vm.type_error("memoryview: cannot cast view with zeros in shape or strides")
            );
        }
        let shape = match shape {
            None => None,
            Some(shape) => {
                let list = shape.downcast::<crate::objects::list::List>();
                let Some(dims) = list
                    .map(|l| l.to_vec())
                    .or_else(|| shape.downcast::<Tuple>().map(|t| t.items().to_vec()))
                else {
                    return Err(vm.type_error("shape must be a list or a tuple"));
                };
                if dims.len() > MAX_DIMS {
                    return Err(vm.value_error(format!(
                        "memoryview: number of dimensions must not exceed {MAX_DIMS}"
                    )));
                }
                if view.ndim() != 1 && dims.len() != 1 {
                    return Err(vm.type_error("memoryview: cast must be 1D -> ND or ND -> 1D"));
                }
                Some(dims)
            }
        };
        let mut view = cast_flat(vm, view, &format.to_string_lossy())?;
        if let Some(shape) = shape {
            view = cast_shape(vm, view, &shape)?
        }
        Ok(MemoryView::make(vm, view)?.into_value())
    }

    /// Return a readonly version of the memoryview.
    #[pymethod]
    fn toreadonly(&self, vm: &Vm) -> PyResult {
        let mut view = self.buffer(vm)?;
        self.check_unrestricted(vm)?;
        view.readonly = true;
        Ok(MemoryView::make(vm, view)?.into_value())
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod]
    fn release(&self, vm: &Vm) -> PyResult<()> {
        self.end(vm)
    }

    #[pymethod]
    fn __enter__(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        zelf.look(vm, |_| ())?;
        Ok(zelf.to_value())
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod(sig = "($self, /, *exc_info)")]
    fn __exit__(&self, vm: &Vm, exc_info: &[Value]) -> PyResult<()> {
        let _ = exc_info;
        self.end(vm)
    }

    /// Count the number of occurrences of a value.
    #[pymethod(sig = "($self, value, /)")]
    fn count(zelf: &Ref<Self>, vm: &Vm, value: &Value) -> PyResult<usize> {
        let mut found = 0;
        let it = MemoryView::iter(zelf, vm)?;
        while let Some(item) = crate::protocols::iterator::next(vm, &it)? {
            if item.is(value) || crate::protocols::compare::eq(vm, &item, value)? {
                found += 1
            }
        }
        Ok(found)
    }

    /// Return the index of the first occurrence of a value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "($self, value, start=0, stop=sys.maxsize, /)")]
    fn index(
        zelf: &Ref<Self>,
        vm: &Vm,
        value: &Value,
        start: Option<&Value>,
        stop: Option<&Value>,
    ) -> PyResult<usize> {
        let bound = |v: Option<&Value>, default: isize| match v {
            Some(v) => number::index_clipped(vm, v),
            None => Ok(default),
        };
        let (start, stop) = (bound(start, 0)?, bound(stop, isize::MAX)?);
        let n = match zelf.look(vm, |v| (v.ndim(), v.shape.first().copied()))? {
            (1, Some(n)) => n,
            (0, _) => return Err(vm.type_error("invalid lookup on 0-dim memory")),
            _ => {
                return Err(vm.not_implemented_error("multi-dimensional lookup is not implemented"));
            }
        };
        let fit = |i: isize| if i < 0 { (i + n).max(0) } else { i.min(n) };
        for i in fit(start)..fit(stop) {
            let item = zelf.item_of(vm, i)?;
            if item.is(value) || crate::protocols::compare::eq(vm, &item, value)? {
                return Ok(i as usize);
            }
        }
        Err(vm.value_error("memoryview.index(x): x not found"))
    }

    /// Create a new memoryview object which references the given object.
    #[pyclassmethod(sig = "($type, /, object, flags)")]
    fn _from_flags(_cls: &Ref<Type>, vm: &Vm, object: &Value, flags: i32) -> PyResult {
        if !Buffer::supported(vm, object) {
            return Err(vm.type_error(format!(
                "memoryview: a bytes-like object is required, not '{}'",
                vm.type_of(object).full_name()
            )));
        }
        let view = Buffer::get(vm, object, flags as u32)?;
        Ok(MemoryView::make(vm, view)?.into_value())
    }

    /// Release the buffer object that exposes the underlying memory of the object.
    #[pymethod(sig = "($self, buffer, /)")]
    fn __release_buffer__(zelf: &Ref<Self>, vm: &Vm, buffer: &Value) -> PyResult<()> {
        release_buffer(vm, zelf.as_value(), buffer)
    }

    /// The underlying object of the memoryview.
    #[pygetter]
    fn obj(&self, vm: &Vm) -> PyResult {
        self.look(vm, |v| v.object.clone())
    }

    /// The amount of space in bytes that the array would use in
    ///  a contiguous representation.
    #[pygetter]
    fn nbytes(&self, vm: &Vm) -> PyResult<usize> {
        self.look(vm, Buffer::len)
    }

    /// A bool indicating whether the memory is read only.
    #[pygetter]
    fn readonly(&self, vm: &Vm) -> PyResult<bool> {
        self.look(vm, |v| v.readonly)
    }

    /// The size in bytes of each element of the memoryview.
    #[pygetter]
    fn itemsize(&self, vm: &Vm) -> PyResult<usize> {
        self.look(vm, |v| v.itemsize)
    }

    /// A string containing the format (in struct module style)
    ///  for each element in the view.
    #[pygetter(name = "format")]
    fn format_text(&self, vm: &Vm) -> PyResult<String> {
        self.look(vm, |v| v.format.to_string())
    }

    /// An integer indicating how many dimensions of a multi-dimensional
    ///  array the memory represents.
    #[pygetter]
    fn ndim(&self, vm: &Vm) -> PyResult<usize> {
        self.look(vm, Buffer::ndim)
    }

    /// A tuple of ndim integers giving the shape of the memory
    ///  as an N-dimensional array.
    #[pygetter]
    fn shape(&self, vm: &Vm) -> PyResult {
        dims(vm, &self.buffer(vm)?.shape)
    }

    /// A tuple of ndim integers giving the size in bytes to access
    ///  each element for each dimension of the array.
    #[pygetter]
    fn strides(&self, vm: &Vm) -> PyResult {
        dims(vm, &self.buffer(vm)?.strides)
    }

    /// A tuple of integers used internally for PIL-style arrays.
    #[pygetter]
    fn suboffsets(&self, vm: &Vm) -> PyResult {
        self.look(vm, |_| ())?;
        dims(vm, &[])
    }

    /// A bool indicating whether the memory is C contiguous.
    #[pygetter]
    fn c_contiguous(&self, vm: &Vm) -> PyResult<bool> {
        self.look(vm, Buffer::is_c_contiguous)
    }

    /// A bool indicating whether the memory is Fortran contiguous.
    #[pygetter]
    fn f_contiguous(&self, vm: &Vm) -> PyResult<bool> {
        self.look(vm, Buffer::is_f_contiguous)
    }

    /// A bool indicating whether the memory is contiguous.
    #[pygetter]
    fn contiguous(&self, vm: &Vm) -> PyResult<bool> {
        self.look(vm, |v| v.is_c_contiguous() || v.is_f_contiguous())
    }

    /// memoryviews are generic over the type of their underlying data
    #[pyclassmethod(name = "__class_getitem__", sig = "($type, object, /)")]
    fn class_getitem(cls: &Ref<Type>, vm: &Vm, object: &Value) -> PyResult {
        vm.generic_alias(cls.as_value(), object)
    }
}

/// `owner.__release_buffer__(view)`: ends a view of the owner's own memory. Raises TypeError, ValueError.
pub fn release_buffer(vm: &Vm, owner: &Value, view: &Value) -> PyResult<()> {
    let Some(view) = view.downcast::<MemoryView>() else {
        return Err(vm.type_error("expected a memoryview object"));
    };
    match view.view.with(|v| v.as_ref().map(|v| v.object.clone())) {
        None => Err(vm.value_error("memoryview's buffer has already been released")),
        Some(object) if !object.is(owner) => {
            Err(vm.value_error("memoryview's buffer is not this object"))
        }
        Some(_) => view.end(vm),
    }
}

#[pyclass(name = "memory_iterator", module = "builtins", gc, flags(NO_NEW))]
pub struct MemoryIterator {
    view: MutCell<Option<Ref<MemoryView>>>,
    index: Cell<usize>,
    len: usize,
}

impl Traverse for MemoryIterator {
    fn traverse(&self, v: &mut Visitor) {
        self.view.with(|s| s.iter().for_each(|s| v.reference(s)))
    }
    fn clear(&self) {
        drop(self.view.take())
    }
}

#[pymethods]
impl MemoryIterator {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Option<Value>> {
        let Some(view) = zelf.view.get() else {
            return Ok(None);
        };
        let index = zelf.index.get();
        if index < zelf.len {
            zelf.index.set(index + 1);
            return view.item_of(vm, index as isize).map(Some);
        }
        drop(zelf.view.take());
        Ok(None)
    }
}
