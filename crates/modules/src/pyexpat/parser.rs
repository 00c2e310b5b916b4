//! `pyexpat.xmlparser`: the parser as an object, which calls a handler for each event.
//!
//! The machine ([`Expat`]) is taken out of its object while it works and put back while a handler runs, so that handlers
//! can ask where they are and change what is handled. An exception in a handler ends the parser. CPython:
//! Modules/pyexpat.c.

use super::errors;
use super::xml::dtd::{Part, Text};
use super::xml::{Event, Expat, Span, error, handler};
use hashbrown::HashMap;
use naja_heap::{MutCell, Ref, Value};
use naja_macros::{pyclass, pymethods};
use naja_vm::buffer::Buffer;
use naja_vm::dict::Dict;
use naja_vm::protocols::{attributes, number, object};
use naja_vm::str_::{self, Str};
use naja_vm::{PyResult, Raised, Traverse, Visitor, Vm};
use std::cell::Cell;

/// Handlers by number: the bit in [`Expat::handlers`].
const COUNT: usize = 22;
const CHARACTER_DATA: usize = 3;
const DEFAULT: usize = 11;
const DEFAULT_EXPAND: usize = 12;
const NOT_STANDALONE: usize = 13;
const EXTERNAL_ENTITY: usize = 14;

/// More than this is given to the machine in parts.
const CHUNK: usize = 1 << 20;
const READ: usize = 2048;

/// XML parser
#[pyclass(
    name = "xmlparser",
    module = "pyexpat",
    gc,
    doc = "XML parser",
    flags(NO_NEW)
)]
pub struct XmlParser {
    machine: MutCell<Option<Box<Expat>>>,
    handlers: MutCell<[Option<Value>; COUNT]>,
    /// Which of the two default handlers was set last.
    default: Cell<usize>,
    intern: Option<Ref<Dict>>,
    names: MutCell<HashMap<Box<[u8]>, Value>>,
    buffer: MutCell<Option<Vec<u8>>>,
    buffer_size: Cell<usize>,
    ordered: Cell<bool>,
    specified: Cell<bool>,
    prefixes: Cell<bool>,
    in_callback: Cell<bool>,
    code: Cell<u8>,
    /// A child keeps its parent, whose declarations it may share.
    parent: Option<Ref<XmlParser>>,
}

impl Traverse for XmlParser {
    fn traverse(&self, v: &mut Visitor) {
        self.handlers.with(|h| h.iter().for_each(|h| v.opt(h)));
        self.names.with(|n| n.values().for_each(|n| v.value(n)));
        if let Some(intern) = &self.intern {
            v.reference(intern);
        }
        if let Some(parent) = &self.parent {
            v.reference(parent);
        }
    }
    fn clear(&self) {
        drop(self.handlers.replace([const { None }; COUNT]));
        drop(self.names.take());
    }
}

/// A text as Python's, or None.
fn text(vm: &Vm, text: Option<&[u8]>) -> PyResult {
    match text {
        Some(text) => Ok(vm.new_str_wtf8(text)?.into_value()),
        None => Ok(Value::NONE),
    }
}

/// An argument that is a text or None.
pub fn optional_text(vm: &Vm, value: &Value, what: &str) -> PyResult<Option<Vec<u8>>> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(text) = str_::of(value) else {
        let got = vm.type_of(value).full_name();
        return Err(vm.type_error(format!("{what} must be str or None, not {got}")));
    };
    c_text(vm, text).map(Some)
}

/// The bytes of a text without null characters.
fn c_text(vm: &Vm, text: &Ref<Str>) -> PyResult<Vec<u8>> {
    let Some(text) = text.as_str() else {
        return Err(naja_vm::exception::surrogates_not_allowed(vm, text));
    };
    match text.contains('\0') {
        true => Err(vm.value_error("embedded null character")),
        false => Ok(text.as_bytes().to_vec()),
    }
}

/// The map of an encoding of one byte for each character, by Python's codec.
pub fn encoding_map(vm: &Vm, name: &[u8]) -> PyResult<[i32; 256]> {
    let all: Vec<u8> = (0..=255).collect();
    let bytes = vm.new_bytes(&all)?.into_value();
    let args = [text(vm, Some(name))?, vm.new_str("replace")?.into_value()];
    let decoded = vm.call_method_str(&bytes, "decode", &args)?;
    let decoded = str_::of(&decoded).filter(|d| d.char_len() == 256);
    let Some(decoded) = decoded else {
        return Err(vm.value_error("multi-byte encodings are not supported"));
    };
    let mut map = [-1; 256];
    for (to, c) in map.iter_mut().zip(decoded.code_points()) {
        if c != 0xfffd {
            *to = c as i32;
        }
    }
    Ok(map)
}

#[cold]
fn no_delete(vm: &Vm) -> Raised {
    vm.runtime_error("Cannot delete attribute")
}

impl XmlParser {
    pub fn with(machine: Expat, intern: Option<Ref<Dict>>) -> XmlParser {
        XmlParser {
            machine: MutCell::new(Some(Box::new(machine))),
            handlers: MutCell::new([const { None }; COUNT]),
            default: Cell::new(DEFAULT),
            intern,
            names: MutCell::default(),
            buffer: MutCell::new(None),
            buffer_size: Cell::new(8192),
            ordered: Cell::new(false),
            specified: Cell::new(false),
            prefixes: Cell::new(false),
            in_callback: Cell::new(false),
            code: Cell::new(0),
            parent: None,
        }
    }

    fn machine<R>(&self, vm: &Vm, f: impl FnOnce(&mut Expat) -> R) -> PyResult<R> {
        let result = self.machine.with_mut(|m| m.as_deref_mut().map(f));
        result.ok_or_else(|| vm.runtime_error("the parser is at work"))
    }

    fn position(&self) -> (usize, usize) {
        let position = self
            .machine
            .with_mut(|m| m.as_deref_mut().map(Expat::position));
        position.unwrap_or((1, 0))
    }

    fn handler(&self, index: usize) -> Option<Value> {
        self.handlers.with(|h| h.get(index).cloned().flatten())
    }

    fn get_handler(&self, index: usize) -> Value {
        self.handler(index).unwrap_or(Value::NONE)
    }

    fn set_handler(&self, vm: &Vm, index: usize, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(no_delete(vm));
        };
        if index == CHARACTER_DATA {
            self.flush(vm)?;
        }
        let on = !value.is_none();
        let old = self.handlers.with_mut(|h| {
            let place = h.get_mut(index)?;
            std::mem::replace(place, on.then_some(value))
        });
        drop(old);
        // A handler that takes away the one for text does not want the rest of it as something else.
        let keeps = index == CHARACTER_DATA && self.in_callback.get();
        self.machine.with_mut(|m| {
            let Some(m) = m else { return };
            let bit = match index {
                DEFAULT_EXPAND => handler::DEFAULT,
                _ => 1 << index,
            };
            if on || keeps {
                m.handlers |= bit;
            } else {
                m.handlers &= !bit;
            }
            if index == DEFAULT || index == DEFAULT_EXPAND {
                m.expand = index == DEFAULT_EXPAND;
                self.default.set(index);
            }
        });
        Ok(())
    }

    /// The exception of an error in the input.
    #[cold]
    fn error(&self, vm: &Vm, code: u8) -> Raised {
        self.code.set(code);
        let (line, column) = self.position();
        let message = errors::message(code).unwrap_or("unknown error");
        errors::raise(
            vm,
            &format!("{message}: line {line}, column {column}"),
            code,
            (line, column),
        )
    }

    #[cold]
    fn invalid_argument(&self, vm: &Vm, message: &str) -> Raised {
        errors::raise(vm, message, error::INVALID_ARGUMENT, self.position())
    }

    /// A name as Python's, always the same object.
    fn name(&self, vm: &Vm, name: &[u8]) -> PyResult {
        let Some(intern) = &self.intern else {
            return text(vm, Some(name));
        };
        if let Some(known) = self.names.with(|n| n.get(name).cloned()) {
            return Ok(known);
        }
        let made = text(vm, Some(name))?;
        let kept = intern.set_default(vm, &made, made.clone())?;
        self.names.with_mut(|n| n.insert(name.into(), kept.clone()));
        Ok(kept)
    }

    fn opt_name(&self, vm: &Vm, name: Option<&[u8]>) -> PyResult {
        name.map_or(Ok(Value::NONE), |n| self.name(vm, n))
    }

    /// Calls a handler; what it raises ends the parser.
    fn call(&self, vm: &Vm, index: usize, args: &[Value]) -> PyResult {
        let Some(function) = self.handler(index) else {
            return Ok(Value::NONE);
        };
        let outer = self.in_callback.replace(true);
        let result = vm.call(&function, args);
        self.in_callback.set(outer);
        result
    }

    /// Gives the text gathered so far to its handler.
    fn flush(&self, vm: &Vm) -> PyResult<()> {
        let gathered = self.buffer.with_mut(|b| match b {
            Some(b) if !b.is_empty() => Some(std::mem::take(b)),
            _ => None,
        });
        let Some(gathered) = gathered else {
            return Ok(());
        };
        if self.handler(CHARACTER_DATA).is_some() {
            let data = text(vm, Some(&gathered))?;
            self.call(vm, CHARACTER_DATA, &[data])?;
        }
        Ok(())
    }

    /// Gathers text, or gives it to its handler. `machine` is out of its place.
    fn character_data(&self, vm: &Vm, machine: Box<Expat>, span: Span) -> PyResult<()> {
        let size = self.buffer_size.get();
        let data = machine.bytes(span);
        let kept = self.buffer.with_mut(|b| match b {
            Some(b) if b.len() + data.len() <= size => {
                b.extend_from_slice(data);
                true
            }
            _ => false,
        });
        if kept {
            self.put_back(machine);
            return Ok(());
        }
        let value = text(vm, Some(data));
        let again = (data.len() <= size).then(|| data.to_vec());
        self.put_back(machine);
        let value = value?;
        if self.buffer.with(|b| b.is_some()) {
            self.flush(vm)?;
        }
        // The handler may have changed all this.
        if self.handler(CHARACTER_DATA).is_none() {
            return Ok(());
        }
        let kept = self.buffer.with_mut(|b| match (b, again) {
            (Some(b), Some(data)) => {
                *b = data;
                true
            }
            _ => false,
        });
        if !kept {
            self.call(vm, CHARACTER_DATA, &[value])?;
        }
        Ok(())
    }

    fn put_back(&self, machine: Box<Expat>) {
        self.machine.with_mut(|m| *m = Some(machine));
    }

    fn start_arguments(
        &self,
        vm: &Vm,
        machine: &Expat,
        name: Span,
        specified: usize,
    ) -> PyResult<Vec<Value>> {
        let all = machine.attributes();
        let given = match self.specified.get() {
            true => all.get(..specified).unwrap_or(all),
            false => all,
        };
        let value = |span: Span| text(vm, Some(machine.bytes(span)));
        let attributes = if self.ordered.get() {
            let mut list = Vec::with_capacity(given.len() * 2);
            for (name, v) in given {
                list.push(self.name(vm, machine.bytes(*name))?);
                list.push(value(*v)?);
            }
            vm.new_list(list)?.into_value()
        } else {
            let dict = vm.new_dict()?;
            for (name, v) in given {
                let name = self.name(vm, machine.bytes(*name))?;
                dict.set(vm, &name, value(*v)?)?;
            }
            dict.into_value()
        };
        Ok(vec![self.name(vm, machine.bytes(name))?, attributes])
    }

    /// The number of the handler of an event, and its arguments.
    fn arguments(&self, vm: &Vm, machine: &Expat, event: &Event) -> PyResult<(usize, Vec<Value>)> {
        let bytes = |span: &Span| text(vm, Some(machine.bytes(*span)));
        let name = |t: &Text| self.name(vm, t);
        let opt = |t: &Option<Text>| self.opt_name(vm, t.as_deref());
        let plain = |t: &Option<Text>| text(vm, t.as_deref());
        let int = |n: bool| vm.new_int(n as i64);
        Ok(match event {
            Event::StartElement { name, specified } => {
                (0, self.start_arguments(vm, machine, *name, *specified)?)
            }
            Event::EndElement { name } => (1, vec![self.name(vm, machine.bytes(*name))?]),
            Event::Pi { target, data } => (
                2,
                vec![self.name(vm, machine.bytes(*target))?, bytes(data)?],
            ),
            Event::Data(data) => (CHARACTER_DATA, vec![bytes(data)?]),
            Event::UnparsedEntity {
                name: n,
                base,
                system,
                public,
                notation,
            } => (
                4,
                vec![
                    name(n)?,
                    opt(base)?,
                    opt(system)?,
                    opt(public)?,
                    name(notation)?,
                ],
            ),
            Event::Notation {
                name: n,
                base,
                system,
                public,
            } => (5, vec![name(n)?, opt(base)?, opt(system)?, opt(public)?]),
            Event::StartNamespace { prefix, uri } => (6, vec![opt(prefix)?, opt(uri)?]),
            Event::EndNamespace { prefix } => (7, vec![opt(prefix)?]),
            Event::Comment(data) => (8, vec![bytes(data)?]),
            Event::StartCdata => (9, vec![]),
            Event::EndCdata => (10, vec![]),
            Event::Default(data) => (self.default.get(), vec![bytes(data)?]),
            Event::NotStandalone => (NOT_STANDALONE, vec![]),
            Event::ExternalEntity {
                context,
                base,
                system,
                public,
            } => (
                EXTERNAL_ENTITY,
                vec![plain(context)?, opt(base)?, opt(system)?, opt(public)?],
            ),
            Event::StartDoctype {
                name: n,
                system,
                public,
                internal,
            } => (
                15,
                vec![name(n)?, opt(system)?, opt(public)?, int(*internal)?],
            ),
            Event::EndDoctype => (16, vec![]),
            Event::EntityDecl {
                name: n,
                is_param,
                value,
                base,
                system,
                public,
                notation,
            } => (
                17,
                vec![
                    name(n)?,
                    int(*is_param)?,
                    plain(value)?,
                    opt(base)?,
                    opt(system)?,
                    opt(public)?,
                    opt(notation)?,
                ],
            ),
            Event::XmlDecl {
                version,
                encoding,
                standalone,
            } => {
                let standalone = vm.new_int(standalone.map_or(-1, |s| s as i64))?;
                (18, vec![plain(version)?, plain(encoding)?, standalone])
            }
            Event::ElementDecl { name: n, model } => {
                (19, vec![name(n)?, self.model(vm, model, 0)?])
            }
            Event::AttlistDecl {
                element,
                attribute,
                kind,
                default,
                required,
            } => (
                20,
                vec![
                    name(element)?,
                    name(attribute)?,
                    text(vm, Some(kind))?,
                    plain(default)?,
                    int(*required)?,
                ],
            ),
            Event::SkippedEntity { name: n, is_param } => (21, vec![name(n)?, int(*is_param)?]),
            Event::UnknownEncoding(_) => (COUNT, vec![]),
        })
    }

    /// A content model: kind, quantity, name, parts.
    fn model(&self, vm: &Vm, parts: &[Part], index: usize) -> PyResult {
        vm.check_stack()?;
        let Some(part) = parts.get(index) else {
            return Ok(Value::NONE);
        };
        let mut children = Vec::with_capacity(part.children.len());
        for &child in &part.children {
            children.push(self.model(vm, parts, child)?);
        }
        let items = vec![
            vm.new_int(part.kind as i64)?,
            vm.new_int(part.quantity as i64)?,
            text(vm, part.name.as_deref())?,
            vm.new_tuple(children)?.into_value(),
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }

    /// Handles one event; `machine` is put back into its place on every way.
    fn dispatch(&self, vm: &Vm, mut machine: Box<Expat>, event: Event) -> PyResult<()> {
        if let Event::Data(span) = event {
            return self.character_data(vm, machine, span);
        }
        if let Event::UnknownEncoding(name) = &event {
            let map = encoding_map(vm, name);
            machine.reply_map(map.as_ref().ok());
            if map.is_err() {
                self.code.set(error::UNKNOWN_ENCODING);
                let _ = machine.next_event();
            }
            self.put_back(machine);
            return map.map(|_| ());
        }
        let prepared = self.arguments(vm, &machine, &event);
        self.put_back(machine);
        let (index, args) = prepared?;
        let asks = index == NOT_STANDALONE || index == EXTERNAL_ENTITY;
        let mut yes = false;
        if self.handler(index).is_some() {
            self.flush(vm)?;
            let result = self.call(vm, index, &args)?;
            if asks {
                yes = number::index_i64(vm, &result)?.unwrap_or(1) != 0;
            }
        }
        if asks {
            self.machine(vm, |m| m.reply(yes))?;
        }
        Ok(())
    }

    /// Parses more of the input.
    pub fn feed(&self, vm: &Vm, data: &[u8], last: bool) -> PyResult<()> {
        let fed = self.machine(vm, |m| m.feed(data, last))?;
        if let Err(code) = fed {
            return Err(self.error(vm, code));
        }
        loop {
            let Some(mut machine) = self.machine.with_mut(Option::take) else {
                return Err(vm.runtime_error("the parser is at work"));
            };
            match machine.next_event() {
                Ok(None) => {
                    self.put_back(machine);
                    return self.flush_or_end(vm);
                }
                Err(code) => {
                    self.put_back(machine);
                    return Err(self.error(vm, code));
                }
                Ok(Some(event)) => {
                    if let Err(raised) = self.dispatch(vm, machine, event) {
                        self.end();
                        return Err(raised);
                    }
                }
            }
        }
    }

    fn flush_or_end(&self, vm: &Vm) -> PyResult<()> {
        let result = self.flush(vm);
        if result.is_err() {
            self.end();
        }
        result
    }

    /// Nothing is handled any more.
    fn end(&self) {
        const ABORTED: u8 = 35;
        if self.code.get() != error::UNKNOWN_ENCODING {
            self.code.set(ABORTED);
        }
        drop(self.handlers.replace([const { None }; COUNT]));
        self.machine.with_mut(|m| {
            if let Some(m) = m {
                m.handlers = 0;
                m.abort();
            }
        });
    }

    fn not_inside(&self, vm: &Vm, what: &str) -> PyResult<()> {
        match self.in_callback.get() {
            true => Err(vm.runtime_error(format!("cannot call {what}() from within a handler"))),
            false => Ok(()),
        }
    }

    fn root_only(&self, vm: &Vm) -> PyResult<()> {
        match self.machine(vm, |m| m.is_root())? {
            true => Ok(()),
            false => Err(self.invalid_argument(vm, "parser must be a root parser")),
        }
    }

    fn factor(&self, vm: &Vm, factor: f64) -> PyResult<f32> {
        self.root_only(vm)?;
        let factor = factor as f32;
        match factor >= 1.0 {
            true => Ok(factor),
            false => Err(self.invalid_argument(vm, "'max_factor' must be at least 1.0")),
        }
    }
}

fn unsigned(vm: &Vm, value: &Value) -> PyResult<u64> {
    let big = number::index_big(vm, value)?;
    if big < dashu_int::IBig::ZERO {
        return Err(vm.value_error("Cannot convert negative int"));
    }
    u64::try_from(&big)
        .map_err(|_| vm.overflow_error("Python int too large for C unsigned long long"))
}

#[pymethods]
impl XmlParser {
    /// Parse XML data.
    ///
    /// 'isfinal' should be true at end of input.
    #[pymethod(name = "Parse", sig = "($self, data, isfinal=False, /)")]
    fn parse(&self, vm: &Vm, data: &Value, #[default(false)] isfinal: bool) -> PyResult<i64> {
        self.not_inside(vm, "Parse")?;
        let owned;
        let mut rest: &[u8] = match str_::of(data) {
            Some(text) => {
                let Some(utf8) = text.as_str() else {
                    return Err(naja_vm::exception::surrogates_not_allowed(vm, text));
                };
                self.machine(vm, |m| m.set_encoding(b"utf-8"))?;
                utf8.as_bytes()
            }
            None => {
                owned = Buffer::of(vm, data)?.to_vec();
                &owned
            }
        };
        while rest.len() > CHUNK {
            let (part, next) = rest.split_at(CHUNK);
            self.feed(vm, part, false)?;
            rest = next;
        }
        self.feed(vm, rest, isfinal)?;
        Ok(1)
    }

    /// Parse XML data from a binary file-like object.
    #[pymethod(name = "ParseFile", sig = "($self, file, /)")]
    fn parse_file(&self, vm: &Vm, file: &Value) -> PyResult<i64> {
        self.not_inside(vm, "ParseFile")?;
        let Some(read) = attributes::get_optional(vm, file, &vm.intern("read"))? else {
            return Err(vm.type_error("argument must have 'read' attribute"));
        };
        let size = vm.new_int(READ as i64)?;
        loop {
            let data = vm.call(&read, std::slice::from_ref(&size))?;
            let is_bytes = data.downcast::<naja_vm::bytes::Bytes>().is_some();
            if !is_bytes && data.downcast::<naja_vm::bytearray::ByteArray>().is_none() {
                return Err(vm.type_error(format!(
                    "read() did not return a bytes object (type={})",
                    vm.type_of(&data).full_name()
                )));
            }
            let bytes = Buffer::of(vm, &data)?.to_vec();
            if bytes.len() > READ {
                return Err(vm.value_error(format!(
                    "read() returned too much data: {READ} bytes requested, {} returned",
                    bytes.len()
                )));
            }
            self.feed(vm, &bytes, bytes.is_empty())?;
            if bytes.is_empty() {
                return Ok(1);
            }
        }
    }

    /// Set the base URL for the parser.
    #[pymethod(name = "SetBase", sig = "($self, base, /)")]
    fn set_base(&self, vm: &Vm, base: &Ref<Str>) -> PyResult<()> {
        let base: Text = c_text(vm, base)?.into();
        self.machine(vm, |m| m.base = Some(base))
    }

    /// Return base URL string for the parser.
    #[pymethod(name = "GetBase", sig = "($self, /)")]
    fn get_base(&self, vm: &Vm) -> PyResult {
        let base = self.machine(vm, |m| m.base.clone())?;
        text(vm, base.as_deref())
    }

    /// Return the input which generated the current event as bytes.
    ///
    /// If the event was generated by a large amount of text, not all of it may be available.
    #[pymethod(name = "GetInputContext", sig = "($self, /)")]
    fn get_input_context(&self, vm: &Vm) -> PyResult {
        if !self.in_callback.get() {
            return Ok(Value::NONE);
        }
        match self.machine(vm, |m| m.input_context().map(<[u8]>::to_vec))? {
            Some(context) => Ok(vm.new_bytes(&context)?.into_value()),
            None => Ok(Value::NONE),
        }
    }

    /// Create a parser for parsing an external entity based on the information passed to the ExternalEntityRefHandler.
    #[pymethod(
        name = "ExternalEntityParserCreate",
        sig = "($self, context, encoding=<unrepresentable>, /)"
    )]
    fn external_entity_parser_create(
        zelf: &Ref<Self>,
        vm: &Vm,
        context: &Value,
        encoding: Option<&Ref<Str>>,
    ) -> PyResult<Ref<XmlParser>> {
        let what = "ExternalEntityParserCreate() argument 1";
        let context = optional_text(vm, context, what)?;
        let encoding = encoding.map(|e| c_text(vm, e)).transpose()?;
        let machine = zelf.machine(vm, |m| m.external(context.as_deref(), encoding.as_deref()))?;
        let mut child = XmlParser::with(machine, zelf.intern.clone());
        child.parent = Some(zelf.clone());
        child.handlers.set(zelf.handlers.get());
        child.default.set(zelf.default.get());
        child.buffer_size.set(zelf.buffer_size.get());
        child
            .buffer
            .set(zelf.buffer.with(|b| b.as_ref().map(|_| Vec::new())));
        child.ordered.set(zelf.ordered.get());
        child.specified.set(zelf.specified.get());
        child.prefixes.set(zelf.prefixes.get());
        vm.new_object(child)
    }

    /// Controls parsing of parameter entities (including the external DTD subset).
    ///
    /// Possible flag values are XML_PARAM_ENTITY_PARSING_NEVER,
    /// XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE and
    /// XML_PARAM_ENTITY_PARSING_ALWAYS. Returns true if setting the flag
    /// was successful.
    #[pymethod(name = "SetParamEntityParsing", sig = "($self, flag, /)")]
    fn set_param_entity_parsing(&self, vm: &Vm, flag: i32) -> PyResult<i64> {
        let when = u8::try_from(flag).unwrap_or(u8::MAX);
        Ok(self.machine(vm, |m| m.set_param_parsing(when))? as i64)
    }

    /// Allows the application to provide an artificial external subset if one is not specified as part of the document instance.
    ///
    /// This readily allows the use of a 'default' document type controlled by the
    /// application, while still getting the advantage of providing document type
    /// information to the parser. 'flag' defaults to True if not provided.
    #[pymethod(name = "UseForeignDTD", sig = "($self, flag=True, /)")]
    fn use_foreign_dtd(&self, vm: &Vm, #[default(true)] flag: bool) -> PyResult<()> {
        let late = self.machine(vm, |m| {
            if !m.begun() {
                m.use_foreign_dtd = flag;
            }
            m.begun()
        })?;
        match late {
            true => Err(self.error(vm, error::CANT_CHANGE_FEATURE_ONCE_PARSING)),
            false => Ok(()),
        }
    }

    /// Enable/Disable reparse deferral; enabled by default with Expat >=2.6.0.
    #[pymethod(name = "SetReparseDeferralEnabled", sig = "($self, enabled, /)")]
    fn set_reparse_deferral_enabled(&self, vm: &Vm, enabled: bool) -> PyResult<()> {
        self.machine(vm, |m| m.deferral = enabled)
    }

    /// Retrieve reparse deferral enabled status; always returns false with Expat <2.6.0.
    #[pymethod(name = "GetReparseDeferralEnabled", sig = "($self, /)")]
    fn get_reparse_deferral_enabled(&self, vm: &Vm) -> PyResult<bool> {
        self.machine(vm, |m| m.deferral)
    }

    /// Sets the number of output bytes needed to activate protection against billion laughs attacks.
    ///
    /// The number of output bytes includes amplification from entity expansion and reading DTD files.
    ///
    /// Parser objects usually have a protection activation threshold of 8 MiB,
    /// but the actual default value depends on the underlying Expat library.
    ///
    /// Activation thresholds below 4 MiB are known to break support for DITA 1.3 payload and are hence not recommended.
    #[pymethod(
        name = "SetBillionLaughsAttackProtectionActivationThreshold",
        sig = "($self, threshold, /)"
    )]
    fn set_billion_laughs_attack_protection_activation_threshold(
        &self,
        vm: &Vm,
        threshold: &Value,
    ) -> PyResult<()> {
        let threshold = unsigned(vm, threshold)?;
        self.root_only(vm)?;
        self.machine(vm, |m| m.accounting.threshold.set(threshold))
    }

    /// Sets the maximum tolerated amplification factor for protection against billion laughs attacks.
    ///
    /// The amplification factor is calculated as:
    ///
    ///     amplification := (direct + indirect) / direct
    ///
    /// while parsing, where 'direct' is the number of bytes read from the primary document
    /// in parsing and 'indirect' is the number of bytes added by expanding entities and reading
    /// external DTD files. The 'max_factor' value must be a non-NaN floating point value
    /// greater than or equal to 1.0.
    #[pymethod(
        name = "SetBillionLaughsAttackProtectionMaximumAmplification",
        sig = "($self, max_factor, /)"
    )]
    fn set_billion_laughs_attack_protection_maximum_amplification(
        &self,
        vm: &Vm,
        max_factor: f64,
    ) -> PyResult<()> {
        let factor = self.factor(vm, max_factor)?;
        self.machine(vm, |m| m.accounting.factor.set(factor))
    }

    /// Sets the number of allocated bytes of dynamic memory needed to activate protection against disproportionate use of RAM.
    ///
    /// Parser objects usually have an allocation activation threshold of 64 MiB.
    #[pymethod(
        name = "SetAllocTrackerActivationThreshold",
        sig = "($self, threshold, /)"
    )]
    fn set_alloc_tracker_activation_threshold(&self, vm: &Vm, threshold: &Value) -> PyResult<()> {
        let threshold = unsigned(vm, threshold)?;
        self.root_only(vm)?;
        self.machine(vm, |m| m.accounting.memory_threshold.set(threshold))
    }

    /// Sets the maximum amplification factor between direct input and bytes of dynamic memory allocated.
    ///
    /// The 'max_factor' value must be a non-NaN floating point value greater than or
    /// equal to 1.0.
    #[pymethod(
        name = "SetAllocTrackerMaximumAmplification",
        sig = "($self, max_factor, /)"
    )]
    fn set_alloc_tracker_maximum_amplification(&self, vm: &Vm, max_factor: f64) -> PyResult<()> {
        let factor = self.factor(vm, max_factor)?;
        self.machine(vm, |m| m.accounting.memory_factor.set(factor))
    }

    #[pymember]
    fn intern(&self) -> Value {
        self.intern.as_ref().map_or(Value::NONE, Ref::to_value)
    }

    #[pygetter]
    fn buffer_text(&self) -> bool {
        self.buffer.with(|b| b.is_some())
    }
    #[pysetter]
    fn set_buffer_text(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(no_delete(vm));
        };
        let on = object::is_true(vm, &value)?;
        if on {
            self.buffer.with_mut(|b| {
                b.get_or_insert_default();
            });
        } else {
            self.flush(vm)?;
            drop(self.buffer.take());
        }
        Ok(())
    }

    #[pygetter]
    fn buffer_size(&self) -> usize {
        self.buffer_size.get()
    }
    #[pysetter]
    fn set_buffer_size(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(no_delete(vm));
        };
        if !number::is_int(vm, &value) {
            return Err(vm.type_error("buffer_size must be an integer"));
        }
        let Some(size) = number::index_i64(vm, &value)? else {
            return Err(vm.overflow_error("Python int too large to convert to C long"));
        };
        if size <= 0 {
            return Err(vm.value_error("buffer_size must be greater than zero"));
        }
        if size > i32::MAX as i64 {
            return Err(vm.value_error("buffer_size must not be greater than 2147483647"));
        }
        if size as usize != self.buffer_size.get() {
            self.flush(vm)?;
            self.buffer_size.set(size as usize);
        }
        Ok(())
    }

    #[pygetter]
    fn buffer_used(&self) -> usize {
        self.buffer.with(|b| b.as_ref().map_or(0, Vec::len))
    }

    #[pygetter]
    fn namespace_prefixes(&self) -> bool {
        self.prefixes.get()
    }
    #[pysetter]
    fn set_namespace_prefixes(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        let on = object::is_true(vm, &value)?;
        self.prefixes.set(on);
        self.machine(vm, |m| {
            if !m.begun() {
                m.triplets = on;
            }
        })
    }

    #[pygetter]
    fn ordered_attributes(&self) -> bool {
        self.ordered.get()
    }
    #[pysetter]
    fn set_ordered_attributes(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        self.ordered.set(object::is_true(vm, &value)?);
        Ok(())
    }

    #[pygetter]
    fn specified_attributes(&self) -> bool {
        self.specified.get()
    }
    #[pysetter]
    fn set_specified_attributes(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        let value = value.ok_or_else(|| no_delete(vm))?;
        self.specified.set(object::is_true(vm, &value)?);
        Ok(())
    }

    #[pygetter(name = "ErrorCode")]
    fn error_code(&self) -> i64 {
        self.code.get() as i64
    }

    #[pygetter(name = "ErrorLineNumber")]
    fn error_line(&self) -> usize {
        self.position().0
    }

    #[pygetter(name = "ErrorColumnNumber")]
    fn error_column(&self) -> usize {
        self.position().1
    }

    #[pygetter(name = "ErrorByteIndex")]
    fn error_byte_index(&self) -> i64 {
        let index = self
            .machine
            .with(|m| m.as_ref().and_then(|m| m.byte_index()));
        index.map_or(-1, |i| i as i64)
    }

    #[pygetter(name = "CurrentLineNumber")]
    fn current_line(&self) -> usize {
        self.position().0
    }

    #[pygetter(name = "CurrentColumnNumber")]
    fn current_column(&self) -> usize {
        self.position().1
    }

    #[pygetter(name = "CurrentByteIndex")]
    fn current_byte_index(&self) -> i64 {
        let index = self
            .machine
            .with(|m| m.as_ref().and_then(|m| m.byte_index()));
        index.map_or(-1, |i| i as i64)
    }

    #[pygetter(name = "StartElementHandler")]
    fn start_element_handler(&self) -> Value {
        self.get_handler(0)
    }
    #[pysetter(name = "StartElementHandler")]
    fn set_start_element_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 0, value)
    }

    #[pygetter(name = "EndElementHandler")]
    fn end_element_handler(&self) -> Value {
        self.get_handler(1)
    }
    #[pysetter(name = "EndElementHandler")]
    fn set_end_element_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 1, value)
    }

    #[pygetter(name = "ProcessingInstructionHandler")]
    fn processing_instruction_handler(&self) -> Value {
        self.get_handler(2)
    }
    #[pysetter(name = "ProcessingInstructionHandler")]
    fn set_processing_instruction_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 2, value)
    }

    #[pygetter(name = "CharacterDataHandler")]
    fn character_data_handler(&self) -> Value {
        self.get_handler(3)
    }
    #[pysetter(name = "CharacterDataHandler")]
    fn set_character_data_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 3, value)
    }

    #[pygetter(name = "UnparsedEntityDeclHandler")]
    fn unparsed_entity_decl_handler(&self) -> Value {
        self.get_handler(4)
    }
    #[pysetter(name = "UnparsedEntityDeclHandler")]
    fn set_unparsed_entity_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 4, value)
    }

    #[pygetter(name = "NotationDeclHandler")]
    fn notation_decl_handler(&self) -> Value {
        self.get_handler(5)
    }
    #[pysetter(name = "NotationDeclHandler")]
    fn set_notation_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 5, value)
    }

    #[pygetter(name = "StartNamespaceDeclHandler")]
    fn start_namespace_decl_handler(&self) -> Value {
        self.get_handler(6)
    }
    #[pysetter(name = "StartNamespaceDeclHandler")]
    fn set_start_namespace_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 6, value)
    }

    #[pygetter(name = "EndNamespaceDeclHandler")]
    fn end_namespace_decl_handler(&self) -> Value {
        self.get_handler(7)
    }
    #[pysetter(name = "EndNamespaceDeclHandler")]
    fn set_end_namespace_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 7, value)
    }

    #[pygetter(name = "CommentHandler")]
    fn comment_handler(&self) -> Value {
        self.get_handler(8)
    }
    #[pysetter(name = "CommentHandler")]
    fn set_comment_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 8, value)
    }

    #[pygetter(name = "StartCdataSectionHandler")]
    fn start_cdata_section_handler(&self) -> Value {
        self.get_handler(9)
    }
    #[pysetter(name = "StartCdataSectionHandler")]
    fn set_start_cdata_section_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 9, value)
    }

    #[pygetter(name = "EndCdataSectionHandler")]
    fn end_cdata_section_handler(&self) -> Value {
        self.get_handler(10)
    }
    #[pysetter(name = "EndCdataSectionHandler")]
    fn set_end_cdata_section_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 10, value)
    }

    #[pygetter(name = "DefaultHandler")]
    fn default_handler(&self) -> Value {
        self.get_handler(11)
    }
    #[pysetter(name = "DefaultHandler")]
    fn set_default_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 11, value)
    }

    #[pygetter(name = "DefaultHandlerExpand")]
    fn default_handler_expand(&self) -> Value {
        self.get_handler(12)
    }
    #[pysetter(name = "DefaultHandlerExpand")]
    fn set_default_handler_expand(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 12, value)
    }

    #[pygetter(name = "NotStandaloneHandler")]
    fn not_standalone_handler(&self) -> Value {
        self.get_handler(13)
    }
    #[pysetter(name = "NotStandaloneHandler")]
    fn set_not_standalone_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 13, value)
    }

    #[pygetter(name = "ExternalEntityRefHandler")]
    fn external_entity_ref_handler(&self) -> Value {
        self.get_handler(14)
    }
    #[pysetter(name = "ExternalEntityRefHandler")]
    fn set_external_entity_ref_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 14, value)
    }

    #[pygetter(name = "StartDoctypeDeclHandler")]
    fn start_doctype_decl_handler(&self) -> Value {
        self.get_handler(15)
    }
    #[pysetter(name = "StartDoctypeDeclHandler")]
    fn set_start_doctype_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 15, value)
    }

    #[pygetter(name = "EndDoctypeDeclHandler")]
    fn end_doctype_decl_handler(&self) -> Value {
        self.get_handler(16)
    }
    #[pysetter(name = "EndDoctypeDeclHandler")]
    fn set_end_doctype_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 16, value)
    }

    #[pygetter(name = "EntityDeclHandler")]
    fn entity_decl_handler(&self) -> Value {
        self.get_handler(17)
    }
    #[pysetter(name = "EntityDeclHandler")]
    fn set_entity_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 17, value)
    }

    #[pygetter(name = "XmlDeclHandler")]
    fn xml_decl_handler(&self) -> Value {
        self.get_handler(18)
    }
    #[pysetter(name = "XmlDeclHandler")]
    fn set_xml_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 18, value)
    }

    #[pygetter(name = "ElementDeclHandler")]
    fn element_decl_handler(&self) -> Value {
        self.get_handler(19)
    }
    #[pysetter(name = "ElementDeclHandler")]
    fn set_element_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 19, value)
    }

    #[pygetter(name = "AttlistDeclHandler")]
    fn attlist_decl_handler(&self) -> Value {
        self.get_handler(20)
    }
    #[pysetter(name = "AttlistDeclHandler")]
    fn set_attlist_decl_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 20, value)
    }

    #[pygetter(name = "SkippedEntityHandler")]
    fn skipped_entity_handler(&self) -> Value {
        self.get_handler(21)
    }
    #[pysetter(name = "SkippedEntityHandler")]
    fn set_skipped_entity_handler(&self, vm: &Vm, value: Option<Value>) -> PyResult<()> {
        self.set_handler(vm, 21, value)
    }
}
