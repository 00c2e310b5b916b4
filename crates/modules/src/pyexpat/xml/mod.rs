//! An incremental parser of XML 1.0, with the events, errors and limits of the library expat, and no Python in it.
//!
//! [`Expat::feed`] takes input; [`Expat::next`] gives the next event, or None when the input is used up. An event's texts
//! are [`Span`]s, valid until `next` is called again. Some events ask something ([`Expat::reply`]). Which events there are
//! depends on [`Expat::handlers`]: what nobody handles goes to the default handler as it stands in the input.
//!
//! Nothing recurses: entities that are being expanded are a stack of texts over the input; what remains to be done after
//! an event that asks is a value ([`After`]). CPython: Modules/expat/xmlparse.c.

pub mod chars;
mod content;
pub mod dtd;
mod prolog;
pub mod role;
pub mod source;
#[cfg(test)]
mod tests;
pub mod token;
mod values;

use dtd::{Dtd, Part, Text};
use role::Prolog;
use source::{Encoding, Position, Source, Start};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use token::{Found, Scan, Token};

/// The number of an error, as in `xml.parsers.expat.errors.codes`.
pub type Code = u8;

pub mod error {
    use super::Code;
    pub const NO_MEMORY: Code = 1;
    pub const SYNTAX: Code = 2;
    pub const NO_ELEMENTS: Code = 3;
    pub const INVALID_TOKEN: Code = 4;
    pub const UNCLOSED_TOKEN: Code = 5;
    pub const PARTIAL_CHAR: Code = 6;
    pub const TAG_MISMATCH: Code = 7;
    pub const DUPLICATE_ATTRIBUTE: Code = 8;
    pub const JUNK_AFTER_DOC_ELEMENT: Code = 9;
    pub const PARAM_ENTITY_REF: Code = 10;
    pub const UNDEFINED_ENTITY: Code = 11;
    pub const RECURSIVE_ENTITY_REF: Code = 12;
    pub const ASYNC_ENTITY: Code = 13;
    pub const BAD_CHAR_REF: Code = 14;
    pub const BINARY_ENTITY_REF: Code = 15;
    pub const ATTRIBUTE_EXTERNAL_ENTITY_REF: Code = 16;
    pub const MISPLACED_XML_PI: Code = 17;
    pub const UNKNOWN_ENCODING: Code = 18;
    pub const INCORRECT_ENCODING: Code = 19;
    pub const UNCLOSED_CDATA_SECTION: Code = 20;
    pub const EXTERNAL_ENTITY_HANDLING: Code = 21;
    pub const NOT_STANDALONE: Code = 22;
    pub const UNEXPECTED_STATE: Code = 23;
    pub const ENTITY_DECLARED_IN_PE: Code = 24;
    pub const CANT_CHANGE_FEATURE_ONCE_PARSING: Code = 26;
    pub const UNBOUND_PREFIX: Code = 27;
    pub const UNDECLARING_PREFIX: Code = 28;
    pub const INCOMPLETE_PE: Code = 29;
    pub const XML_DECL: Code = 30;
    pub const TEXT_DECL: Code = 31;
    pub const PUBLICID: Code = 32;
    pub const FINISHED: Code = 36;
    pub const RESERVED_PREFIX_XML: Code = 38;
    pub const RESERVED_PREFIX_XMLNS: Code = 39;
    pub const RESERVED_NAMESPACE_URI: Code = 40;
    pub const INVALID_ARGUMENT: Code = 41;
    pub const AMPLIFICATION_LIMIT_BREACH: Code = 43;
}

/// Which events are wanted: bits of [`Expat::handlers`].
pub mod handler {
    pub const START_ELEMENT: u32 = 1 << 0;
    pub const END_ELEMENT: u32 = 1 << 1;
    pub const PI: u32 = 1 << 2;
    pub const DATA: u32 = 1 << 3;
    pub const UNPARSED_ENTITY: u32 = 1 << 4;
    pub const NOTATION: u32 = 1 << 5;
    pub const START_NAMESPACE: u32 = 1 << 6;
    pub const END_NAMESPACE: u32 = 1 << 7;
    pub const COMMENT: u32 = 1 << 8;
    pub const START_CDATA: u32 = 1 << 9;
    pub const END_CDATA: u32 = 1 << 10;
    pub const DEFAULT: u32 = 1 << 11;
    pub const NOT_STANDALONE: u32 = 1 << 13;
    pub const EXTERNAL_ENTITY: u32 = 1 << 14;
    pub const START_DOCTYPE: u32 = 1 << 15;
    pub const END_DOCTYPE: u32 = 1 << 16;
    pub const ENTITY_DECL: u32 = 1 << 17;
    pub const XML_DECL: u32 = 1 << 18;
    pub const ELEMENT_DECL: u32 = 1 << 19;
    pub const ATTLIST_DECL: u32 = 1 << 20;
    pub const SKIPPED_ENTITY: u32 = 1 << 21;
}

/// A text of an event: a part of the input or of the parser's notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    notes: bool,
    start: usize,
    end: usize,
}

/// What was met in the input. Spans are valid until the next call of [`Expat::next`].
#[derive(Clone, Debug)]
pub enum Event {
    /// The attributes are [`Expat::attributes`], of which so many were written in the tag.
    StartElement {
        name: Span,
        specified: usize,
    },
    EndElement {
        name: Span,
    },
    Data(Span),
    Pi {
        target: Span,
        data: Span,
    },
    Comment(Span),
    StartCdata,
    EndCdata,
    /// Anything that has no handler of its own.
    Default(Span),
    StartNamespace {
        prefix: Option<Text>,
        uri: Option<Text>,
    },
    EndNamespace {
        prefix: Option<Text>,
    },
    /// Asks whether to go on.
    NotStandalone,
    /// Asks to parse the entity and whether that went well.
    ExternalEntity {
        context: Option<Text>,
        base: Option<Text>,
        system: Option<Text>,
        public: Option<Text>,
    },
    StartDoctype {
        name: Text,
        system: Option<Text>,
        public: Option<Text>,
        internal: bool,
    },
    EndDoctype,
    UnparsedEntity {
        name: Text,
        base: Option<Text>,
        system: Option<Text>,
        public: Option<Text>,
        notation: Text,
    },
    EntityDecl {
        name: Text,
        is_param: bool,
        value: Option<Text>,
        base: Option<Text>,
        system: Option<Text>,
        public: Option<Text>,
        notation: Option<Text>,
    },
    Notation {
        name: Text,
        base: Option<Text>,
        system: Option<Text>,
        public: Option<Text>,
    },
    XmlDecl {
        version: Option<Text>,
        encoding: Option<Text>,
        standalone: Option<bool>,
    },
    /// The parts of the content model; the first is the whole.
    ElementDecl {
        name: Text,
        model: Vec<Part>,
    },
    AttlistDecl {
        element: Text,
        attribute: Text,
        kind: Text,
        default: Option<Text>,
        required: bool,
    },
    SkippedEntity {
        name: Text,
        is_param: bool,
    },
    /// Asks for the map of an encoding ([`Expat::reply_map`]).
    UnknownEncoding(Text),
}

/// Which part of the grammar the input is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Prolog,
    Content,
    Cdata,
    Epilog,
    /// The rest of `<![IGNORE[`.
    Ignored,
    /// The start of an external entity, where a text declaration may be.
    EntityStart,
    ParamStart,
    /// An external parameter entity as a part of another's value.
    ValueStart,
    Value,
    Failed,
}

/// What remains to be done when a question is answered.
enum After {
    /// Nothing but to fail if the answer is no.
    ExternalEntity,
    /// The external subset: whether it was asked for at the end of the DOCTYPE, and the text of that token.
    Subset {
        close: Option<(usize, usize, bool)>,
        had_refs: bool,
        named: bool,
    },
    CloseDoctype((usize, usize, bool)),
    NotStandalone(Option<Box<After>>),
    ParamRef(usize),
    /// The system identifier of the external subset, still to be noted.
    DoctypeSystem(Text, (usize, usize, bool)),
    ValueRef(usize),
    /// Whether the name comes from a declaration that lies there, and not from the program.
    Encoding(Option<usize>),
}

/// An entity that is being expanded.
struct Open {
    text: Text,
    at: usize,
    /// Its number among the general, or the parameter entities.
    entity: usize,
    is_param: bool,
    /// How many elements were open.
    level: usize,
    /// Whether it was met between declarations.
    between: bool,
}

/// An element that is open.
struct Tag {
    raw: (usize, usize),
    name: (usize, usize),
    bindings: usize,
}

struct Binding {
    prefix: usize,
    before: Option<Text>,
}

struct Queued {
    event: Event,
    at: Option<usize>,
}

/// How much was read and how much that made, for the whole tree of parsers.
pub struct Accounting {
    direct: Cell<u64>,
    indirect: Cell<u64>,
    pub factor: Cell<f32>,
    pub threshold: Cell<u64>,
    pub memory_factor: Cell<f32>,
    pub memory_threshold: Cell<u64>,
}

/// When parameter entities are read: `XML_PARAM_ENTITY_PARSING_*`.
pub const NEVER: u8 = 0;
pub const UNLESS_STANDALONE: u8 = 1;
pub const ALWAYS: u8 = 2;

/// The parser of one document or external entity.
pub struct Expat {
    pub handlers: u32,
    /// Whether internal entities are expanded although there is a default handler.
    pub expand: bool,
    pub base: Option<Text>,
    pub triplets: bool,
    /// Whether a token that was cut is looked at again only when there is much more of it.
    pub deferral: bool,
    pub use_foreign_dtd: bool,
    pub accounting: Rc<Accounting>,
    param_parsing: u8,
    source: Source,
    /// The next place in the input, and that of the present event.
    at: usize,
    event: Option<usize>,
    protocol: Option<Text>,
    known: Option<Encoding>,
    started: bool,
    begun: bool,
    last: bool,
    finished: bool,
    waiting: bool,
    partial: usize,
    fed_at: usize,
    phase: Phase,
    prolog: Prolog,
    dtd: Rc<RefCell<Dtd>>,
    /// The separator of names of namespaces, 0 for none; None without namespaces.
    separator: Option<u8>,
    root: bool,
    param_entity: bool,
    error: Option<(Code, Option<usize>)>,
    queue: VecDeque<Queued>,
    after: Option<After>,
    reply: Option<bool>,
    map: Option<Encoding>,
    switch: Option<(Encoding, usize)>,
    open: Vec<Open>,
    notes: Vec<u8>,
    attributes: Vec<(Span, Span)>,
    id_attribute: Option<usize>,
    base_level: usize,
    tags: Vec<Tag>,
    names: Vec<u8>,
    bindings: Vec<Binding>,
    /// Prefixes (the first is that of no prefix) and what they stand for.
    prefixes: dtd::Named<(Text, Option<Text>)>,
    decl: prolog::Declaring,
    value: Option<values::Value>,
}

enum Flow {
    More,
    Wait,
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Expat {
    pub fn new(encoding: Option<&[u8]>, separator: Option<u8>) -> Expat {
        let mut prefixes = dtd::Named::default();
        prefixes.add(b"", |name| (name, None));
        if separator.is_some() {
            prefixes.add(b"xml", |name| (name, Some(XML.as_bytes().into())));
        }
        Expat {
            handlers: 0,
            expand: true,
            base: None,
            triplets: false,
            deferral: true,
            use_foreign_dtd: false,
            accounting: Rc::new(Accounting {
                direct: Cell::new(0),
                indirect: Cell::new(0),
                factor: Cell::new(100.0),
                threshold: Cell::new(8 << 20),
                memory_factor: Cell::new(100.0),
                memory_threshold: Cell::new(64 << 20),
            }),
            param_parsing: NEVER,
            source: Source::default(),
            at: 0,
            event: None,
            protocol: encoding.map(Text::from),
            known: None,
            started: false,
            begun: false,
            last: false,
            finished: false,
            waiting: true,
            partial: 0,
            fed_at: 0,
            phase: Phase::Prolog,
            prolog: Prolog::document(),
            dtd: Rc::default(),
            separator,
            root: true,
            param_entity: false,
            error: None,
            queue: VecDeque::new(),
            after: None,
            reply: None,
            map: None,
            switch: None,
            open: Vec::new(),
            notes: Vec::new(),
            attributes: Vec::new(),
            id_attribute: None,
            base_level: 0,
            tags: Vec::new(),
            names: Vec::new(),
            bindings: Vec::new(),
            prefixes,
            decl: prolog::Declaring::default(),
            value: None,
        }
    }

    /// A parser for an external entity that an event of this one asked for; `context` as given there (none: a parameter
    /// entity).
    pub fn external(&self, context: Option<&[u8]>, encoding: Option<&[u8]>) -> Expat {
        let mut child = Expat::new(encoding, self.separator);
        child.handlers = self.handlers;
        child.expand = self.expand;
        child.base = self.base.clone();
        child.triplets = self.triplets;
        child.deferral = self.deferral;
        child.accounting = self.accounting.clone();
        child.param_parsing = self.param_parsing;
        child.root = false;
        child.prolog.in_entity_value = self.prolog.in_entity_value;
        match context {
            None => {
                child.dtd = self.dtd.clone();
                child.param_entity = true;
                child.prolog = Prolog::external();
                child.prolog.in_entity_value = self.prolog.in_entity_value;
                child.phase = Phase::ParamStart;
            }
            Some(context) => {
                let mut dtd = self.dtd.borrow().clone();
                dtd.general.items.iter_mut().for_each(|e| e.open = false);
                dtd.params.items.iter_mut().for_each(|e| e.open = false);
                for part in context.split(|&b| b == b'\x0c') {
                    match part.iter().position(|&b| b == b'=') {
                        Some(at) => {
                            let prefix = child.prefix(&part[..at]);
                            if let Some(p) = child.prefixes.items.get_mut(prefix) {
                                p.1 = Some(part[at + 1..].into());
                            }
                        }
                        None => {
                            let entity = dtd.general.find(part);
                            if let Some(e) = entity.and_then(|e| dtd.general.items.get_mut(e)) {
                                e.open = true;
                            }
                        }
                    }
                }
                child.dtd = Rc::new(RefCell::new(dtd));
                child.phase = Phase::EntityStart;
                child.base_level = 1;
            }
        }
        child
    }

    /// Where and in which state the parser is, for a parser of an external general entity: open entities and prefixes.
    fn context(&self) -> Text {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (prefix, uri) in &self.prefixes.items {
            if let Some(uri) = uri {
                parts.push([prefix, &b"="[..], uri].concat());
            }
        }
        for entity in &self.dtd.borrow().general.items {
            if let (true, Some(name)) = (entity.open, &entity.name) {
                parts.push(name.to_vec());
            }
        }
        parts.join(&b'\x0c').into()
    }

    /// Whether parsing has begun; some settings cannot be changed then.
    pub fn begun(&self) -> bool {
        self.begun
    }

    /// Sets when parameter entities are read; false if it is too late.
    pub fn set_param_parsing(&mut self, when: u8) -> bool {
        if !self.begun {
            self.param_parsing = when;
        }
        !self.begun
    }

    /// Sets the encoding, unless parsing has begun.
    pub fn set_encoding(&mut self, name: &[u8]) {
        if !self.begun {
            self.protocol = Some(name.into());
        }
    }

    /// Whether this parser has no parent.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// Takes more input, which is all if `last`. The events then come from [`Expat::next`].
    pub fn feed(&mut self, data: &[u8], last: bool) -> Result<(), Code> {
        if self.finished {
            return Err(error::FINISHED);
        }
        self.begun = true;
        if let (Phase::Failed, Some((code, _))) = (self.phase, self.error) {
            return Err(code);
        }
        let at = self.source.append(data, self.at);
        if let Some(event) = &mut self.event {
            *event = at.saturating_sub(self.at.saturating_sub(*event));
        }
        self.at = at;
        self.last = last;
        self.fed_at = self.at;
        let now = self.source.remaining(self.at);
        self.waiting = self.deferral && !last && now < 2 * self.partial;
        Ok(())
    }

    /// The next event; None when the input so far is used up.
    pub fn next_event(&mut self) -> Result<Option<Event>, Code> {
        loop {
            if let Some(queued) = self.queue.pop_front() {
                if queued.at.is_some() {
                    self.event = queued.at;
                }
                return Ok(Some(queued.event));
            }
            if let Some((code, at)) = self.error {
                if self.phase != Phase::Failed {
                    self.phase = Phase::Failed;
                    self.event = at.or(self.event);
                }
                return Err(code);
            }
            if self.waiting {
                return Ok(None);
            }
            match self.step() {
                Ok(Flow::More) => {}
                Ok(Flow::Wait) => {
                    self.partial = match self.at == self.fed_at {
                        true => self.source.remaining(self.at),
                        false => 0,
                    };
                    self.waiting = true;
                    self.finished = self.last;
                }
                Err(code) => self.error = Some((code, self.event)),
            }
        }
    }

    /// Ends the parser: nothing more is taken.
    pub fn abort(&mut self) {
        self.finished = true;
        self.waiting = true;
        self.queue.clear();
        self.after = None;
    }

    /// Answers the event just given.
    pub fn reply(&mut self, yes: bool) {
        self.reply = Some(yes);
    }

    /// Answers [`Event::UnknownEncoding`] with the characters of the 256 bytes, -1 for none.
    pub fn reply_map(&mut self, map: Option<&[i32; 256]>) {
        self.map = map.and_then(Encoding::of_map);
        self.reply = Some(self.map.is_some());
    }

    /// The bytes of a span, which are UTF-8.
    pub fn bytes(&self, span: Span) -> &[u8] {
        let text = if span.notes {
            &self.notes
        } else {
            &self.source.text
        };
        text.get(span.start..span.end).unwrap_or_default()
    }

    /// Names and values of the attributes of the element just started.
    pub fn attributes(&self) -> &[(Span, Span)] {
        &self.attributes
    }

    /// Line (from 1) and column (from 0) of the present event.
    pub fn position(&mut self) -> (usize, usize) {
        let Position { line, column, .. } = self.source.position(self.event.unwrap_or(0));
        (line + 1, column)
    }

    /// The number of the event's first byte in the input; None before there is any event.
    pub fn byte_index(&self) -> Option<usize> {
        self.event.map(|at| self.source.byte_index(at))
    }

    /// The input from the present event on.
    pub fn input_context(&self) -> Option<&[u8]> {
        self.event.map(|at| self.source.context(at))
    }

    fn has(&self, handlers: u32) -> bool {
        self.handlers & handlers != 0
    }

    fn push(&mut self, event: Event) {
        let at = self.event;
        self.queue.push_back(Queued { event, at });
    }

    /// Copies a text to the notes.
    fn note(&mut self, text: &[u8]) -> Span {
        let start = self.notes.len();
        self.notes.extend_from_slice(text);
        Span {
            notes: true,
            start,
            end: self.notes.len(),
        }
    }

    /// As [`Expat::note`], with each end of a line as a line feed.
    fn note_lines(&mut self, text: &[u8]) -> Span {
        let start = self.notes.len();
        push_lines(&mut self.notes, text);
        Span {
            notes: true,
            start,
            end: self.notes.len(),
        }
    }

    /// A part of the text being read: of the input itself, or a copy.
    fn span(&mut self, text: &[u8], start: usize, end: usize) -> Span {
        match self.open.is_empty() {
            true => Span {
                notes: false,
                start,
                end,
            },
            false => self.note(text.get(start..end).unwrap_or_default()),
        }
    }

    /// Gives a token to the default handler.
    fn default(&mut self, text: &[u8], start: usize, end: usize) {
        if self.has(handler::DEFAULT) && end > start {
            self.in_parts(text, start, end, Event::Default);
        }
    }

    /// Reports text of the input, in pieces of the size that the library has for what it converts from other encodings.
    fn in_parts(
        &mut self,
        text: &[u8],
        mut start: usize,
        end: usize,
        event: impl Fn(Span) -> Event,
    ) {
        const PIECE: usize = 1024;
        let whole = matches!(self.source.encoding, Encoding::Utf8 | Encoding::Ascii);
        if !whole && self.open.is_empty() {
            let outer = self.event;
            while end - start > PIECE {
                let mut to = start + PIECE;
                while text.get(to).is_some_and(|b| b & 0xc0 == 0x80) {
                    to -= 1;
                }
                let span = self.span(text, start, to);
                self.push(event(span));
                self.event = Some(to);
                start = to;
            }
            let span = self.span(text, start, end);
            self.push(event(span));
            self.event = outer;
            return;
        }
        let span = self.span(text, start, end);
        self.push(event(span));
    }

    /// About how many bytes the parser holds.
    fn memory(&self) -> usize {
        size_of::<Expat>()
            + self.source.held()
            + self.notes.capacity()
            + self.names.capacity()
            + self.tags.capacity() * size_of::<Tag>()
            + self.dtd.borrow().bytes
            + self.open.iter().map(|o| o.text.len()).sum::<usize>()
    }

    fn prefix(&mut self, name: &[u8]) -> usize {
        self.prefixes.add(name, |name| (name, None)).0
    }

    /// What a prefix stands for here.
    fn namespace(&self, prefix: &[u8]) -> Option<Text> {
        let index = self.prefixes.find(prefix)?;
        self.prefixes.items.get(index)?.1.clone()
    }

    /// Counts what a token adds to the output, and compares that with the input (billion laughs).
    #[inline]
    fn account(&self, bytes: usize, expanded: bool) -> Result<(), Code> {
        let a = &*self.accounting;
        let counter = match self.root && !expanded {
            true => &a.direct,
            false => &a.indirect,
        };
        counter.set(counter.get().saturating_add(bytes as u64));
        let (direct, indirect) = (a.direct.get(), a.indirect.get());
        let memory = self.memory() as u64;
        if memory >= a.memory_threshold.get()
            && memory as f32 / direct.max(1) as f32 > a.memory_factor.get()
        {
            return Err(error::NO_MEMORY);
        }
        let output = direct.saturating_add(indirect);
        if output < a.threshold.get() {
            return Ok(());
        }
        // The shortest input that could include anything has 22 bytes.
        let factor = match direct {
            0 => (22.0 + indirect as f32) / 22.0,
            _ => output as f32 / direct as f32,
        };
        match factor <= a.factor.get() {
            true => Ok(()),
            false => Err(error::AMPLIFICATION_LIMIT_BREACH),
        }
    }

    /// Goes on in the text being read, up to `to`.
    fn advance(&mut self, to: usize) {
        match self.open.last_mut() {
            Some(open) => open.at = to,
            None => {
                self.at = to;
                self.event = Some(to);
            }
        }
    }

    /// An error at a place of the text being read: only places of the input itself count.
    fn fail_at<T>(&mut self, at: usize, code: Code) -> Result<T, Code> {
        if self.open.is_empty() {
            self.event = Some(at);
        }
        Err(code)
    }

    fn step(&mut self) -> Result<Flow, Code> {
        if let Some(after) = self.after.take() {
            let reply = self.reply.take().unwrap_or(false);
            self.resume(after, reply)?;
            return Ok(Flow::More);
        }
        self.notes.clear();
        if !self.started {
            return self.start();
        }
        if self.value.is_some() {
            return self.value_step();
        }
        let result = match self.open.last() {
            Some(open) => {
                let text = open.text.clone();
                self.run(&text, open.at)
            }
            None => {
                self.event = Some(self.at);
                let text = std::mem::take(&mut self.source.text);
                let result = self.run(&text, self.at);
                self.source.text = text;
                result
            }
        };
        if let Some((encoding, at)) = self.switch.take() {
            self.source.switch(encoding, at);
        }
        result
    }

    /// Finds out the encoding.
    fn start(&mut self) -> Result<Flow, Code> {
        if let (Some(name), None) = (&self.protocol, &self.known) {
            match Encoding::named(name) {
                Some(encoding) => self.known = Some(encoding),
                None => {
                    let name = name.clone();
                    self.push(Event::UnknownEncoding(name));
                    self.after = Some(After::Encoding(None));
                    return Ok(Flow::More);
                }
            }
        }
        let content = self.phase == Phase::EntityStart;
        match self.source.start(self.known.clone(), content) {
            Start::Known => {
                self.started = true;
                self.event = Some(0);
                Ok(Flow::More)
            }
            Start::Wait if !self.last => {
                self.event = Some(0);
                Ok(Flow::Wait)
            }
            // What little there is must be a whole document.
            Start::Wait => {
                let encoding = self.known.clone().unwrap_or(Encoding::Utf8);
                self.source.switch(encoding, 0);
                self.started = true;
                self.event = Some(0);
                Ok(Flow::More)
            }
        }
    }

    fn run(&mut self, text: &[u8], at: usize) -> Result<Flow, Code> {
        let param = self.open.last().map(|o| o.is_param);
        match self.phase {
            Phase::Ignored => self.ignored_step(text, at),
            _ if param == Some(true) => self.prolog_step(text, at),
            Phase::Prolog => self.prolog_step(text, at),
            Phase::Content => self.content_step(text, at),
            Phase::Cdata => self.cdata_step(text, at),
            Phase::Epilog => self.epilog_step(text, at),
            Phase::EntityStart => self.entity_start(text, at),
            Phase::ParamStart => self.param_start(text, at),
            Phase::ValueStart | Phase::Value => self.value_text(text, at),
            Phase::Failed => Err(error::UNEXPECTED_STATE),
        }
    }

    fn scan<'t>(&self, text: &'t [u8]) -> Scan<'t> {
        match self.open.is_empty() {
            true => Scan::new(text, self.separator.is_some()),
            false => Scan::inner(text, self.separator.is_some()),
        }
    }

    /// Whether more of the text being read can come.
    fn more(&self) -> bool {
        self.open.is_empty() && !self.last
    }

    /// What a token is that is none: the end of the input within a character that is not decoded yet is one too.
    fn cut(&self, found: Found) -> Found {
        if found.token != Token::Empty || !self.open.is_empty() {
            return found;
        }
        let token = match self.source.cut() {
            None => return found,
            Some(false) => Token::Partial,
            Some(true) => Token::PartialChar,
        };
        Found { token, ..found }
    }

    /// Where all phases do the same with what is not a token; None if the phase must see to it.
    fn no_token(&mut self, found: Found) -> Option<Result<Flow, Code>> {
        let more = self.more();
        Some(match found.token {
            Token::Invalid => self.fail_at(found.end, error::INVALID_TOKEN),
            Token::Partial | Token::PartialChar | Token::Empty if more => Ok(Flow::Wait),
            Token::Partial => Err(error::UNCLOSED_TOKEN),
            Token::PartialChar => Err(error::PARTIAL_CHAR),
            _ => return None,
        })
    }

    fn resume(&mut self, after: After, reply: bool) -> Result<(), Code> {
        match after {
            After::ExternalEntity if reply => Ok(()),
            After::ExternalEntity => Err(error::EXTERNAL_ENTITY_HANDLING),
            After::NotStandalone(_) if !reply => Err(error::NOT_STANDALONE),
            After::NotStandalone(None) => Ok(()),
            After::NotStandalone(Some(after)) => self.resume(*after, true),
            After::Encoding(place) => {
                let Some(encoding) = self.map.take().filter(|_| reply) else {
                    if place.is_some() {
                        self.event = place;
                    }
                    return Err(error::UNKNOWN_ENCODING);
                };
                match place {
                    None => self.known = Some(encoding),
                    Some(_) => self.source.switch(encoding, self.at),
                }
                Ok(())
            }
            other => self.resume_prolog(other, reply),
        }
    }

    /// Asks for an external entity.
    fn ask(&mut self, context: Option<Text>, entity: &dtd::Entity, after: After) {
        self.push(Event::ExternalEntity {
            context,
            base: entity.base.clone(),
            system: entity.system.clone(),
            public: entity.public.clone(),
        });
        self.after = Some(after);
    }
}

/// Appends a text with each end of a line as a line feed.
fn push_lines(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(cr) = memchr::memchr(b'\r', rest) {
        out.extend_from_slice(rest.get(..cr).unwrap_or_default());
        out.push(b'\n');
        rest = rest.get(cr + 1..).unwrap_or_default();
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    out.extend_from_slice(rest);
}
