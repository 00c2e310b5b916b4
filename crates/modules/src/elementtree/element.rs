//! `Element`: a tag with attributes, text, children and the text behind it; the iterator over a tree.
//!
//! Text that came in pieces stays a list until it is asked for ([`Text`]). Children are always elements. Children and
//! attributes are lent to no Python code: loops over them take one at a time, since a comparison may change them.
//! CPython: Modules/_elementtree.c.

use super::{State, dict_arg};
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::dict::Dict;
use naja_vm::list::List;
use naja_vm::protocols::compare::{self, CompareOp};
use naja_vm::protocols::{number, object, sequence};
use naja_vm::slice::Slice;
use naja_vm::str_::{self, Str};
use naja_vm::type_::Type;
use naja_vm::{Args, PyResult, Raised, Traverse, Visitor, Vm};

/// A text, or the list of its pieces.
#[derive(Clone)]
pub struct Text {
    pub value: Value,
    pub pieces: bool,
}

impl Text {
    pub const NONE: Text = Text {
        value: Value::NONE,
        pieces: false,
    };

    pub fn whole(value: Value) -> Text {
        Text {
            value,
            pieces: false,
        }
    }
}

#[pyclass(
    name = "Element",
    module = "xml.etree.ElementTree",
    gc,
    doc = "",
    flags(BASETYPE, HAS_WEAKREF)
)]
pub struct Element {
    pub tag: MutCell<Value>,
    pub text: MutCell<Text>,
    pub tail: MutCell<Text>,
    attrib: MutCell<Option<Ref<Dict>>>,
    children: MutCell<Vec<Value>>,
}

impl Traverse for Element {
    fn traverse(&self, v: &mut Visitor) {
        self.tag.with(|t| v.value(t));
        self.text.with(|t| v.value(&t.value));
        self.tail.with(|t| v.value(&t.value));
        self.attrib.with(|a| a.iter().for_each(|a| v.reference(a)));
        self.children.with(|c| c.iter().for_each(|c| v.value(c)));
    }
    fn clear(&self) {
        drop(self.tag.replace(Value::NONE));
        drop(self.text.replace(Text::NONE));
        drop(self.tail.replace(Text::NONE));
        drop(self.attrib.take());
        drop(self.children.take());
    }
}

/// An argument that must be an element.
pub fn element_arg<'a>(vm: &Vm, value: &'a Value, what: &str) -> PyResult<&'a Ref<Element>> {
    value.downcast::<Element>().ok_or_else(|| {
        let got = match value.is_none() {
            true => "None".to_string(),
            false => vm.type_of(value).full_name(),
        };
        vm.type_error(format!(
            "{what} must be xml.etree.ElementTree.Element, not {got}"
        ))
    })
}

#[cold]
fn not_element(vm: &Vm, value: &Value) -> Raised {
    let got = vm.type_of(value).full_name();
    vm.type_error(format!("expected an Element, not \"{got}\""))
}

/// The attributes that a call gives: a dict by position (the `number`th argument), or `attrib`, and other keywords.
pub fn attributes_given(
    vm: &Vm,
    given: Option<&Value>,
    number: usize,
    function: &str,
    args: &Args,
) -> PyResult<Option<Ref<Dict>>> {
    let mut keywords = args.keywords().peekable();
    let positional = given.is_some();
    let dict = match given {
        Some(value) => {
            Some(dict_arg(vm, value, &format!("{function}() argument {number}"))?.copy(vm)?)
        }
        None => None,
    };
    if keywords.peek().is_none() {
        return Ok(dict);
    }
    let mut rest = Vec::new();
    let mut dict = dict;
    for (name, value) in keywords {
        if !positional && name.as_bytes() == b"attrib" {
            dict = Some(dict_arg(vm, value, "attrib")?.copy(vm)?);
        } else {
            rest.push((name, value));
        }
    }
    let dict = match dict {
        Some(dict) => dict,
        None => vm.new_dict()?,
    };
    for (name, value) in rest {
        dict.set_str(vm, name, value.clone())?;
    }
    Ok(Some(dict))
}

impl Element {
    fn empty() -> Element {
        Element {
            tag: MutCell::new(Value::NONE),
            text: MutCell::new(Text::NONE),
            tail: MutCell::new(Text::NONE),
            attrib: MutCell::new(None),
            children: MutCell::default(),
        }
    }

    /// An element, which takes over the dict.
    pub fn make(vm: &Vm, tag: &Value, attrib: Option<Ref<Dict>>) -> PyResult<Ref<Element>> {
        let element = Element::empty();
        element.tag.set(tag.clone());
        element.attrib.set(attrib);
        vm.new_object(element)
    }

    /// Adds a child, which is known to be an element.
    pub fn push(&self, child: Value) {
        self.children.with_mut(|c| c.push(child));
    }

    /// Adds a child. Raises TypeError if it is no element.
    pub fn add(&self, vm: &Vm, child: &Value) -> PyResult<()> {
        if child.downcast::<Element>().is_none() {
            return Err(not_element(vm, child));
        }
        self.push(child.clone());
        Ok(())
    }

    pub fn child(&self, index: usize) -> Option<Value> {
        self.children.with(|c| c.get(index).cloned())
    }

    pub fn len(&self) -> usize {
        self.children.with(Vec::len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is an element proper: comments and the like have a function as their tag.
    fn is_ordinary(&self) -> bool {
        self.tag
            .with(|tag| tag.is_none() || tag.downcast::<Str>().is_some())
    }

    fn attributes(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        if let Some(dict) = self.attrib.get() {
            return Ok(dict);
        }
        let dict = vm.new_dict()?;
        self.attrib.set(Some(dict.clone()));
        Ok(dict)
    }

    /// The text in a place, put together if it was in pieces.
    fn joined(vm: &Vm, place: &MutCell<Text>) -> PyResult {
        let text = place.get();
        if !text.pieces {
            return Ok(text.value);
        }
        let empty = vm.intern("").into_value();
        let whole = vm.call_method_str(&empty, "join", &[text.value])?;
        drop(place.replace(Text::whole(whole.clone())));
        Ok(whole)
    }

    fn has_tag(&self, vm: &Vm, tag: &Value) -> PyResult<bool> {
        let own = self.tag.get();
        if let (Some(a), Some(b)) = (own.downcast::<Str>(), tag.downcast::<Str>()) {
            return Ok(a.is(b) || str_::eq(a, b));
        }
        compare::compare_bool(vm, &own, tag, CompareOp::Eq)
    }

    /// The first child from `at` on with this tag, and its place.
    fn child_with(
        &self,
        vm: &Vm,
        tag: &Value,
        mut at: usize,
    ) -> PyResult<Option<(usize, Ref<Element>)>> {
        while let Some(child) = self.child(at) {
            if let Ok(child) = child.downcast_into::<Element>()
                && child.has_tag(vm, tag)?
            {
                return Ok(Some((at, child)));
            }
            at += 1;
        }
        Ok(None)
    }

    /// Calls a function of the module `ElementPath`.
    fn by_path(zelf: &Ref<Element>, vm: &Vm, name: &str, args: &[&Value]) -> PyResult {
        let state = vm.interp.module_state::<State>();
        let module = match state.path.get() {
            Some(module) => module,
            None => {
                let module = import(vm, "xml.etree.ElementPath")?;
                state.path.set(Some(module.clone()));
                module
            }
        };
        let mut all = vec![zelf.to_value()];
        all.extend(args.iter().map(|v| (*v).clone()));
        vm.call_method_str(&module, name, &all)
    }

    fn position(&self, vm: &Vm, key: &Value) -> PyResult<Option<isize>> {
        if !number::has_index(vm, key) {
            return Ok(None);
        }
        let mut index = number::index_for(vm, key, &vm.types.index_error)?;
        if index < 0 {
            index += self.len() as isize;
        }
        Ok(Some(index))
    }

    fn set_child(&self, vm: &Vm, index: isize, value: Option<&Value>) -> PyResult<()> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= self.len() {
            return Err(vm.index_error("child assignment index out of range"));
        }
        let old = match value {
            Some(value) if value.downcast::<Element>().is_none() => {
                return Err(not_element(vm, value));
            }
            Some(value) => self.children.with_mut(|c| {
                c.get_mut(index)
                    .map(|c| std::mem::replace(c, value.clone()))
            }),
            None => self
                .children
                .with_mut(|c| (index < c.len()).then(|| c.remove(index))),
        };
        drop(old);
        Ok(())
    }

    fn set_slice(&self, vm: &Vm, slice: &Slice, value: Option<&Value>) -> PyResult<()> {
        let (start, stop, step) = slice.unpack(vm)?;
        let fit = |len: usize| naja_vm::slice::fit(start, stop, step, len as isize);
        let Some(value) = value else {
            let removed: Vec<Value> = self.children.with_mut(|c| {
                let mut gone: Vec<usize> = fit(c.len()).indices().collect();
                gone.sort_unstable();
                let mut removed = Vec::with_capacity(gone.len());
                let mut index = 0;
                let mut next = gone.into_iter().peekable();
                c.retain(|child| {
                    let stays = next.next_if_eq(&index).is_none();
                    if !stays {
                        removed.push(child.clone());
                    }
                    index += 1;
                    stays
                });
                removed
            });
            drop(removed);
            return Ok(());
        };
        let new = sequence::collect_or(vm, value, "assignment expects an iterable")?;
        let places: Vec<usize> = fit(self.len()).indices().collect();
        if step != 1 && new.len() != places.len() {
            return Err(vm.value_error(format!(
                "attempt to assign sequence of size {} to extended slice of size {}",
                new.len(),
                places.len()
            )));
        }
        if let Some(wrong) = new.iter().find(|e| e.downcast::<Element>().is_none()) {
            return Err(not_element(vm, wrong));
        }
        let old: Vec<Value> = self.children.with_mut(|c| {
            if step == 1 {
                let from = places.first().copied();
                let from = from.unwrap_or_else(|| fit_start(start, c.len()));
                let from = from.min(c.len());
                let to = (from + places.len()).min(c.len());
                return c.splice(from..to, new).collect();
            }
            let mut old = Vec::with_capacity(new.len());
            for (at, value) in places.into_iter().zip(new) {
                if let Some(place) = c.get_mut(at) {
                    old.push(std::mem::replace(place, value));
                }
            }
            old
        });
        drop(old);
        Ok(())
    }

    fn deep_copy(zelf: &Ref<Element>, vm: &Vm, memo: &Ref<Dict>) -> PyResult<Ref<Element>> {
        vm.check_stack()?;
        let tag = deep(vm, &zelf.tag.get(), memo)?;
        let attrib = match zelf.attrib.get() {
            Some(dict) => deep(vm, dict.as_value(), memo)?
                .downcast_into::<Dict>()
                .ok(),
            None => None,
        };
        let copy = Element::make(vm, &tag, attrib)?;
        for (from, to) in [(&zelf.text, &copy.text), (&zelf.tail, &copy.tail)] {
            let Text { value, pieces } = from.get();
            to.set(Text {
                value: deep(vm, &value, memo)?,
                pieces,
            });
        }
        let mut index = 0;
        while let Some(child) = zelf.child(index) {
            let child = deep(vm, &child, memo)?;
            if child.downcast::<Element>().is_none() {
                return Err(not_element(vm, &child));
            }
            copy.children.with_mut(|c| c.push(child));
            index += 1;
        }
        let id = object_id(vm, zelf.as_value())?;
        memo.set(vm, &id, copy.to_value())?;
        Ok(copy)
    }
}

/// Where an empty slice from `start` lies.
fn fit_start(start: isize, len: usize) -> usize {
    let start = match start < 0 {
        true => start.saturating_add(len as isize),
        false => start,
    };
    start.clamp(0, len as isize) as usize
}

fn import(vm: &Vm, name: &str) -> PyResult {
    naja_vm::import::import_simple(vm, name)
}

/// `id(value)`.
fn object_id(vm: &Vm, value: &Value) -> PyResult {
    let builtins = import(vm, "builtins")?;
    vm.call_method_str(&builtins, "id", std::slice::from_ref(value))
}

/// A deep copy, with short ways for what cannot change and for plain elements.
fn deep(vm: &Vm, value: &Value, memo: &Ref<Dict>) -> PyResult {
    if value.is_none()
        || value
            .downcast::<Str>()
            .is_some_and(|_| is_exact_str(vm, value))
    {
        return Ok(value.clone());
    }
    let state = vm.interp.module_state::<State>();
    let copy = match state.copy.get() {
        Some(copy) => copy,
        None => {
            let copy =
                naja_vm::protocols::attributes::get_by(vm, &import(vm, "copy")?, "deepcopy")?;
            state.copy.set(Some(copy.clone()));
            copy
        }
    };
    vm.call(&copy, &[value.clone(), memo.to_value()])
}

fn is_exact_str(vm: &Vm, value: &Value) -> bool {
    std::ptr::eq(vm.type_of(value), &*vm.types.str)
}

/// Whether a tag may be a path expression.
fn is_path(path: &Value) -> bool {
    let bytes = match (
        path.downcast::<Str>(),
        path.downcast::<naja_vm::bytes::Bytes>(),
    ) {
        (Some(text), _) => text.as_bytes(),
        (None, Some(bytes)) => bytes.as_bytes(),
        (None, None) => return true,
    };
    if bytes.len() >= 3 && (bytes.starts_with(b"{}") || bytes.starts_with(b"{*}")) {
        return true;
    }
    let mut outside = true;
    for b in bytes {
        match b {
            b'{' => outside = false,
            b'}' => outside = true,
            b'/' | b'*' | b'[' | b'@' | b'.' if outside => return true,
            _ => {}
        }
    }
    false
}

#[cold]
fn no_delete(vm: &Vm) -> Raised {
    vm.attribute_error("can't delete element attribute")
}

#[pymethods]
impl Element {
    #[pyslot]
    fn new(cls: &Ref<Type>, vm: &Vm, _args: Args) -> PyResult {
        Ok(vm.new_object_of(cls, Element::empty())?.into_value())
    }

    #[pyslot]
    fn init(zelf: &Ref<Self>, vm: &Vm, args: Args) -> PyResult<()> {
        let positional = args.positional();
        let n = positional.len();
        if !(1..=2).contains(&n) {
            return Err(vm.type_error(match n {
                0 => "Element() takes at least 1 argument (0 given)".to_string(),
                _ => format!("Element() takes at most 2 arguments ({n} given)"),
            }));
        }
        let attrib = attributes_given(vm, positional.get(1), 2, "Element", &args)?;
        drop(zelf.tag.replace(positional[0].clone()));
        drop(zelf.attrib.replace(attrib));
        drop(zelf.text.replace(Text::NONE));
        drop(zelf.tail.replace(Text::NONE));
        Ok(())
    }

    #[pymethod(sig = "($self, subelement, /)")]
    fn append(&self, vm: &Vm, subelement: &Value) -> PyResult<()> {
        let child = element_arg(vm, subelement, "append() argument 1")?;
        self.push(child.to_value());
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn clear(&self) {
        drop(self.attrib.take());
        drop(self.children.take());
        drop(self.text.replace(Text::NONE));
        drop(self.tail.replace(Text::NONE));
    }

    #[pymethod(sig = "($self, /)")]
    fn __copy__(&self, vm: &Vm) -> PyResult<Ref<Element>> {
        let copy = Element::make(vm, &self.tag.get(), self.attrib.get())?;
        copy.text.set(self.text.get());
        copy.tail.set(self.tail.get());
        copy.children.set(self.children.get());
        Ok(copy)
    }

    #[pymethod(sig = "($self, memo, /)")]
    fn __deepcopy__(zelf: &Ref<Self>, vm: &Vm, memo: &Value) -> PyResult<Ref<Element>> {
        let memo = dict_arg(vm, memo, "__deepcopy__() argument")?;
        Element::deep_copy(zelf, vm, memo)
    }

    #[pymethod(sig = "($self, /)")]
    fn __sizeof__(&self) -> usize {
        size_of::<Element>() + 16 + self.children.with(|c| c.capacity() * size_of::<Value>())
    }

    #[pymethod(sig = "($self, /)")]
    fn __getstate__(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        let state = vm.new_dict()?;
        let children = vm.new_list(self.children.get())?;
        let attrib = match self.attrib.get() {
            Some(attrib) => attrib,
            None => vm.new_dict()?,
        };
        for (name, value) in [
            ("tag", self.tag.get()),
            ("_children", children.into_value()),
            ("attrib", attrib.into_value()),
            ("text", self.text.get().value),
            ("tail", self.tail.get().value),
        ] {
            state.set_str(vm, &vm.intern(name), value)?;
        }
        Ok(state)
    }

    #[pymethod(sig = "($self, state, /)")]
    fn __setstate__(&self, vm: &Vm, state: &Value) -> PyResult<()> {
        let exact = std::ptr::eq(vm.type_of(state), &*vm.types.dict);
        let Some(state) = state.downcast::<Dict>().filter(|_| exact) else {
            let shown = object::repr(vm, state)?;
            return Err(vm.type_error(format!(
                "Don't know how to unpickle \"{}\" as an Element",
                shown.to_string_lossy()
            )));
        };
        const NAMES: [&str; 5] = ["tag", "attrib", "text", "tail", "_children"];
        for (name, _) in state.items_vec() {
            let known =
                str_::of(&name).is_some_and(|n| NAMES.iter().any(|k| n.as_str() == Some(k)));
            if !known {
                let shown = object::str(vm, &name)?;
                return Err(vm.type_error(format!(
                    "this function got an unexpected keyword argument '{}'",
                    shown.to_string_lossy()
                )));
            }
        }
        let part = |name: &str| state.get_str(vm, &vm.intern(name));
        let Some(tag) = part("tag")? else {
            return Err(vm.type_error("tag may not be NULL"));
        };
        drop(self.tag.replace(tag));
        let text = |value: Option<Value>| match value {
            None => Text::NONE,
            Some(value) => Text {
                pieces: value.downcast::<List>().is_some(),
                value,
            },
        };
        drop(self.text.replace(text(part("text")?)));
        drop(self.tail.replace(text(part("tail")?)));
        let (children, attrib) = (part("_children")?, part("attrib")?);
        if children.is_none() && attrib.is_none() {
            return Ok(());
        }
        if let Some(children) = children {
            let Some(list) = children.downcast::<List>() else {
                return Err(vm.type_error("'_children' is not a list"));
            };
            let list = list.to_vec();
            if let Some(wrong) = list.iter().find(|c| c.downcast::<Element>().is_none()) {
                return Err(not_element(vm, wrong));
            }
            drop(self.children.replace(list));
        }
        let attrib = match attrib {
            Some(value) => Some(dict_arg(vm, &value, "attrib")?.clone()),
            None => None,
        };
        drop(self.attrib.replace(attrib));
        Ok(())
    }

    #[pymethod(sig = "($self, elements, /)")]
    fn extend(&self, vm: &Vm, elements: &Value) -> PyResult<()> {
        let all = sequence::collect_or(vm, elements, "'elements' must be an iterable")?;
        all.iter().try_for_each(|e| self.add(vm, e))
    }

    #[pymethod(sig = "($self, /, path, namespaces=None)")]
    fn find(
        zelf: &Ref<Self>,
        vm: &Vm,
        path: &Value,
        #[default(&Value::NONE)] namespaces: &Value,
    ) -> PyResult {
        if is_path(path) || !namespaces.is_none() {
            return Element::by_path(zelf, vm, "find", &[path, namespaces]);
        }
        let found = zelf.child_with(vm, path, 0)?;
        Ok(found.map_or(Value::NONE, |(_, child)| child.into_value()))
    }

    #[pymethod(sig = "($self, /, path, default=None, namespaces=None)")]
    fn findtext(
        zelf: &Ref<Self>,
        vm: &Vm,
        path: &Value,
        #[default(&Value::NONE)] default: &Value,
        #[default(&Value::NONE)] namespaces: &Value,
    ) -> PyResult {
        if is_path(path) || !namespaces.is_none() {
            return Element::by_path(zelf, vm, "findtext", &[path, default, namespaces]);
        }
        let Some((_, child)) = zelf.child_with(vm, path, 0)? else {
            return Ok(default.clone());
        };
        let text = Element::joined(vm, &child.text)?;
        match text.is_none() {
            true => Ok(vm.intern("").into_value()),
            false => Ok(text),
        }
    }

    #[pymethod(sig = "($self, /, path, namespaces=None)")]
    fn findall(
        zelf: &Ref<Self>,
        vm: &Vm,
        path: &Value,
        #[default(&Value::NONE)] namespaces: &Value,
    ) -> PyResult {
        if is_path(path) || !namespaces.is_none() {
            return Element::by_path(zelf, vm, "findall", &[path, namespaces]);
        }
        let mut all = Vec::new();
        let mut at = 0;
        while let Some((index, child)) = zelf.child_with(vm, path, at)? {
            all.push(child.into_value());
            at = index + 1;
        }
        Ok(vm.new_list(all)?.into_value())
    }

    #[pymethod(sig = "($self, /, path, namespaces=None)")]
    fn iterfind(
        zelf: &Ref<Self>,
        vm: &Vm,
        path: &Value,
        #[default(&Value::NONE)] namespaces: &Value,
    ) -> PyResult {
        Element::by_path(zelf, vm, "iterfind", &[path, namespaces])
    }

    #[pymethod(sig = "($self, /, key, default=None)")]
    fn get(&self, vm: &Vm, key: &Value, #[default(&Value::NONE)] default: &Value) -> PyResult {
        let found = match self.attrib.get() {
            Some(dict) => dict.get(vm, key)?,
            None => None,
        };
        Ok(found.unwrap_or_else(|| default.clone()))
    }

    #[pymethod(sig = "($self, key, value, /)")]
    fn set(&self, vm: &Vm, key: &Value, value: &Value) -> PyResult<()> {
        self.attributes(vm)?.set(vm, key, value.clone())?;
        Ok(())
    }

    #[pymethod(sig = "($self, /, tag=None)")]
    fn iter(
        zelf: &Ref<Self>,
        vm: &Vm,
        #[default(&Value::NONE)] tag: &Value,
    ) -> PyResult<Ref<ElementIter>> {
        let any = match (
            tag.downcast::<Str>(),
            tag.downcast::<naja_vm::bytes::Bytes>(),
        ) {
            (Some(text), _) => text.as_bytes() == b"*",
            (None, Some(bytes)) => bytes.as_bytes() == b"*",
            (None, None) => false,
        };
        let tag = if any { Value::NONE } else { tag.clone() };
        ElementIter::make(zelf, vm, tag, false)
    }

    #[pymethod(sig = "($self, /)")]
    fn itertext(zelf: &Ref<Self>, vm: &Vm) -> PyResult<Ref<ElementIter>> {
        ElementIter::make(zelf, vm, Value::NONE, true)
    }

    #[pymethod(sig = "($self, index, subelement, /)")]
    fn insert(&self, vm: &Vm, index: isize, subelement: &Value) -> PyResult<()> {
        let child = element_arg(vm, subelement, "insert() argument 2")?.to_value();
        self.children.with_mut(|c| {
            let at = fit_start(index, c.len());
            c.insert(at, child)
        });
        Ok(())
    }

    #[pymethod(sig = "($self, /)")]
    fn items(&self, vm: &Vm) -> PyResult {
        let mut pairs = Vec::new();
        if let Some(dict) = self.attrib.get() {
            for (name, value) in dict.items_vec() {
                pairs.push(naja_vm::tuple::Tuple::pair(vm, name, value)?);
            }
        }
        Ok(vm.new_list(pairs)?.into_value())
    }

    #[pymethod(sig = "($self, /)")]
    fn keys(&self, vm: &Vm) -> PyResult {
        let names = match self.attrib.get() {
            Some(dict) => dict.items_vec().into_iter().map(|(name, _)| name).collect(),
            None => Vec::new(),
        };
        Ok(vm.new_list(names)?.into_value())
    }

    #[pymethod(sig = "($self, tag, attrib, /)")]
    fn makeelement(&self, vm: &Vm, tag: &Value, attrib: &Value) -> PyResult<Ref<Element>> {
        let attrib = dict_arg(vm, attrib, "makeelement() argument 2")?.copy(vm)?;
        Element::make(vm, tag, Some(attrib))
    }

    #[pymethod(sig = "($self, subelement, /)")]
    fn remove(&self, vm: &Vm, subelement: &Value) -> PyResult<()> {
        let wanted = element_arg(vm, subelement, "remove() argument")?;
        let mut at = 0;
        loop {
            let Some(child) = self.child(at) else {
                return Err(vm.value_error("Element.remove(x): element not found"));
            };
            let same = child.downcast::<Element>().is_some_and(|c| c.is(wanted))
                || compare::compare_bool(vm, &child, subelement, CompareOp::Eq)?;
            if same {
                break;
            }
            at += 1;
        }
        // The comparison may have taken it away already.
        let old = self
            .children
            .with_mut(|c| (at < c.len()).then(|| c.remove(at)));
        drop(old);
        Ok(())
    }

    #[pyslot]
    fn repr(zelf: &Ref<Self>, vm: &Vm) -> PyResult {
        if object::repr_enter(vm, zelf.as_value()) {
            return Err(vm.runtime_error(format!(
                "reentrant call inside {}.__repr__",
                vm.type_of(zelf.as_value()).full_name()
            )));
        }
        let tag = object::repr(vm, &zelf.tag.get());
        object::repr_leave(vm, zelf.as_value());
        let text = format!(
            "<Element {} at {:p}>",
            tag?.to_string_lossy(),
            zelf.as_ptr()
        );
        Ok(vm.new_str(text)?.into_value())
    }

    #[pyslot]
    fn bool(&self, vm: &Vm) -> PyResult<bool> {
        vm.warn(
            &vm.types.exceptions.deprecation_warning,
            "Testing an element's truth value will always return True in future versions.  \
             Use specific 'len(elem)' or 'elem is not None' test instead.",
            1,
        )?;
        Ok(!self.is_empty())
    }

    #[pyslot]
    fn sq_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.len())
    }

    #[pyslot]
    fn mp_len(&self, _vm: &Vm) -> PyResult<usize> {
        Ok(self.len())
    }

    #[pyslot]
    fn item(&self, vm: &Vm, index: isize) -> PyResult {
        let child = usize::try_from(index).ok().and_then(|i| self.child(i));
        child.ok_or_else(|| vm.index_error("child index out of range"))
    }

    #[pyslot]
    fn set_item(&self, vm: &Vm, index: isize, value: Option<&Value>) -> PyResult<()> {
        self.set_child(vm, index, value)
    }

    #[pyslot]
    fn subscript(&self, vm: &Vm, key: &Value) -> PyResult {
        if let Some(index) = self.position(vm, key)? {
            return Element::item_at(self, vm, index);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(vm.type_error("element indices must be integers"));
        };
        let (start, stop, step) = slice.unpack(vm)?;
        let items = self.children.with(|c| {
            naja_vm::slice::fit(start, stop, step, c.len() as isize)
                .indices()
                .filter_map(|i| c.get(i).cloned())
                .collect::<Vec<_>>()
        });
        Ok(vm.new_list(items)?.into_value())
    }

    #[pyslot]
    fn set_subscript(&self, vm: &Vm, key: &Value, value: Option<&Value>) -> PyResult<()> {
        if let Some(index) = self.position(vm, key)? {
            return self.set_child(vm, index, value);
        }
        match key.downcast::<Slice>() {
            Some(slice) => self.set_slice(vm, slice, value),
            None => Err(vm.type_error("element indices must be integers")),
        }
    }

    /// A string identifying what kind of data this element represents
    #[pygetter]
    fn tag(&self) -> Value {
        self.tag.get()
    }
    #[pysetter]
    fn set_tag(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        drop(self.tag.replace(value));
        Ok(())
    }

    /// A string of text directly after the start tag, or None
    #[pygetter]
    fn text(&self, vm: &Vm) -> PyResult {
        Element::joined(vm, &self.text)
    }
    #[pysetter]
    fn set_text(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        drop(self.text.replace(Text::whole(value)));
        Ok(())
    }

    /// A string of text directly after the end tag, or None
    #[pygetter]
    fn tail(&self, vm: &Vm) -> PyResult {
        Element::joined(vm, &self.tail)
    }
    #[pysetter]
    fn set_tail(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        drop(self.tail.replace(Text::whole(value)));
        Ok(())
    }

    /// A dictionary containing the element's attributes
    #[pygetter]
    fn attrib(&self, vm: &Vm) -> PyResult<Ref<Dict>> {
        self.attributes(vm)
    }
    #[pysetter]
    fn set_attrib(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        let dict = dict_arg(vm, &value, "attrib")?.clone();
        drop(self.attrib.replace(Some(dict)));
        Ok(())
    }
}

impl Element {
    fn item_at(&self, vm: &Vm, index: isize) -> PyResult {
        let child = usize::try_from(index).ok().and_then(|i| self.child(i));
        child.ok_or_else(|| vm.index_error("child index out of range"))
    }
}

/// Goes through a tree from its root, each element before its children.
#[pyclass(
    name = "_element_iterator",
    module = "_elementtree",
    gc,
    doc = "",
    flags(NO_NEW)
)]
pub struct ElementIter {
    /// The elements on the way to the present one, each with the number of its next child.
    path: MutCell<Vec<(Ref<Element>, usize)>>,
    root: MutCell<Option<Ref<Element>>>,
    tag: Value,
    /// Whether the texts are wanted and not the elements.
    text: bool,
}

impl Traverse for ElementIter {
    fn traverse(&self, v: &mut Visitor) {
        self.path
            .with(|p| p.iter().for_each(|(e, _)| v.reference(e)));
        self.root.with(|r| r.iter().for_each(|r| v.reference(r)));
        v.value(&self.tag);
    }
    fn clear(&self) {
        drop(self.path.take());
        drop(self.root.take());
    }
}

/// What the iterator comes to next.
enum Step {
    Down(Ref<Element>),
    Up(Ref<Element>),
    End,
}

impl ElementIter {
    fn make(root: &Ref<Element>, vm: &Vm, tag: Value, text: bool) -> PyResult<Ref<ElementIter>> {
        vm.new_object(ElementIter {
            path: MutCell::default(),
            root: MutCell::new(Some(root.clone())),
            tag,
            text,
        })
    }

    fn step(&self) -> Step {
        if let Some(root) = self.root.take() {
            self.path.with_mut(|p| p.push((root.clone(), 0)));
            return Step::Down(root);
        }
        self.path.with_mut(|path| {
            let Some((parent, next)) = path.last_mut() else {
                return Step::End;
            };
            match parent.child(*next).map(Value::downcast_into::<Element>) {
                Some(Ok(child)) => {
                    *next += 1;
                    path.push((child.clone(), 0));
                    Step::Down(child)
                }
                _ => match path.pop() {
                    Some((done, _)) => Step::Up(done),
                    None => Step::End,
                },
            }
        })
    }
}

#[pymethods]
impl ElementIter {
    #[pyslot]
    fn iter(zelf: &Value, _vm: &Vm) -> PyResult {
        Ok(zelf.clone())
    }

    #[pyslot]
    fn iternext(&self, vm: &Vm) -> PyResult<Option<Value>> {
        loop {
            let (element, place) = match self.step() {
                Step::End => return Ok(None),
                Step::Down(element) => (element, false),
                Step::Up(element) => (element, true),
            };
            if self.text && !place && !element.is_ordinary() {
                // Neither the text nor the children of a comment count.
                self.path.with_mut(|p| {
                    if let Some(last) = p.last_mut() {
                        last.1 = usize::MAX;
                    }
                });
                continue;
            }
            if self.text {
                // The text behind the root is not its own.
                if place && self.path.with(Vec::is_empty) {
                    continue;
                }
                let place = if place { &element.tail } else { &element.text };
                let text = Element::joined(vm, place)?;
                if !text.is_none() && object::is_true(vm, &text)? {
                    return Ok(Some(text));
                }
                continue;
            }
            if !place && (self.tag.is_none() || element.has_tag(vm, &self.tag)?) {
                return Ok(Some(element.into_value()));
            }
        }
    }
}
