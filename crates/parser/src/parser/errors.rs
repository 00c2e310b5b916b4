//! The error pass: runs the PEG rules of `python.peg` over the tokens of a program that the fast parser refused.
//!
//! As in CPython there are two runs, first without and then with the `invalid_*` rules; where neither raises anything
//! special, the error is "invalid syntax" at the furthest token the first run looked at. Rules are memoised exactly
//! where CPython's are, since a result computed without `invalid_*` rules may be reused with them.
//! CPython: `Parser/pegen.c`, `Parser/pegen_errors.c`, `Parser/action_helpers.c`.

use super::grammar::{Action, Grammar, Item};
use super::node::{K, Node, V};
use super::stream::{T, Tok};
use super::{Mode, ParseOptions};
use crate::ast::{Arena, Range};
use crate::error::{Metadata, SyntaxError, SyntaxErrorKind};

/// `MAXSTACK`
const MAX_LEVEL: u32 = 6000;
/// Native stack for the pass: rules nest up to `MAX_LEVEL` deep.
const STACK: usize = 64 << 20;

/// Stands for the tokenizer's current position, as `CURRENT_POS` does.
const CURRENT: i64 = -5;

pub(super) struct Input<'i> {
    pub source: &'i str,
    pub tokens: &'i [Tok],
    /// The error behind a last token of kind `Error`.
    pub token_error: Option<&'i SyntaxError>,
    /// That error is inside an f-string, where it does not outweigh one of the rules'.
    pub error_in_string: bool,
    /// That error only counts where the parser gets to it.
    pub error_deferred: bool,
    /// The innermost bracket left open.
    pub unclosed: Option<&'i SyntaxError>,
    pub mode: Mode,
    pub options: &'i ParseOptions,
    /// The fast parser ran out of stack.
    pub too_deep: bool,
}

/// The error for a program that the fast parser refused.
pub(super) fn find_error(input: &Input) -> SyntaxError {
    let run = || {
        let arena = Arena::new();
        let mut pass = Pass::new(input, &arena);
        let mut error = pass.run();
        if error.is_syntax_error() && error.kind != SyntaxErrorKind::Incomplete {
            let (lineno, col_offset) = pass.last_statement;
            error.metadata = Some(Box::new(Metadata {
                lineno,
                col_offset,
                source: input.source.to_owned(),
            }));
        }
        error
    };
    std::thread::scope(|scope| {
        match std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, run)
        {
            Ok(handle) => handle.join().unwrap_or_else(|_| memory_error()),
            // No thread to be had: a program nested too deeply for this stack is then too complex.
            Err(_) => memory_error(),
        }
    })
}

pub(super) fn memory_error() -> SyntaxError {
    SyntaxError {
        kind: SyntaxErrorKind::Memory,
        message: "Parser stack overflowed - Python source too complex to parse".to_owned(),
        lineno: 0,
        offset: 0,
        end_lineno: 0,
        end_offset: 0,
        text: None,
        metadata: None,
    }
}

struct Memo<'a> {
    rule: usize,
    value: Option<V<'a>>,
    mark: usize,
}

/// One run of the rules.
pub(super) struct Pass<'a, 'i> {
    input: &'i Input<'i>,
    arena: &'a Arena,
    grammar: &'static Grammar,
    memo: Vec<Vec<Memo<'a>>>,
    pub(super) mark: usize,
    /// How many tokens have been looked at.
    fill: usize,
    level: u32,
    /// Parenthesis depth behind each token.
    depths: Vec<u32>,
    invalid_rules: bool,
    /// Line and column of the last compound statement that the second run found whole.
    last_statement: (i32, i32),
    error: Option<SyntaxError>,
    /// The error came from the tokenizer.
    from_tokenizer: bool,
    barry: bool,
}

impl<'a, 'i> Pass<'a, 'i> {
    fn new(input: &'i Input<'i>, arena: &'a Arena) -> Self {
        let mut depth = 0u32;
        let depths = input
            .tokens
            .iter()
            .map(|token| {
                match token.kind {
                    T::LPar | T::LSqb | T::LBrace => depth += 1,
                    T::RPar | T::RSqb | T::RBrace => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth
            })
            .collect();
        Self {
            input,
            arena,
            grammar: Grammar::get(),
            memo: input.tokens.iter().map(|_| Vec::new()).collect(),
            mark: 0,
            fill: 0,
            level: 0,
            depths,
            invalid_rules: false,
            last_statement: (0, 0),
            error: None,
            from_tokenizer: false,
            barry: input.options.barry_as_flufl,
        }
    }

    /// Both runs and the choice of the error.
    fn run(&mut self) -> SyntaxError {
        let start = match self.input.mode {
            Mode::Exec => "file",
            Mode::Eval => "eval",
            Mode::Single => "interactive",
            Mode::FuncType => "func_type",
        };
        let Some(start) = self.grammar.rule(start) else {
            return memory_error();
        };
        let accepted = self.rule(start).is_some();
        if accepted && self.error.is_none() {
            if self.input.too_deep {
                return memory_error();
            }
            // The fast parser is stricter than the rules: a generic error where the text ends.
            let last = self.fill.saturating_sub(1);
            return self.generic(last);
        }
        if self.input.options.allow_incomplete_input && self.at_end_of_source() {
            self.error = None;
            self.last(SyntaxErrorKind::Incomplete, "incomplete input".to_owned());
            return self.error.take().unwrap_or_else(memory_error);
        }
        let last_token = self.fill.saturating_sub(1);
        if self.error.is_none() {
            for list in &mut self.memo {
                list.clear();
            }
            self.mark = 0;
            self.level = 0;
            self.invalid_rules = true;
            self.rule(start);
        }
        match self.error.take() {
            Some(error) if self.from_tokenizer || !error.is_syntax_error() => error,
            Some(error) => self.prefer_token_error(error, self.fill.saturating_sub(1)),
            None => self.generic(last_token),
        }
    }

    /// Whether the tokenizer had reached the end of the text when the run ended.
    fn at_end_of_source(&self) -> bool {
        let last = &self.input.tokens[self.fill.saturating_sub(1)];
        match last.kind {
            T::EndMarker => true,
            T::Error => self.input.token_error.is_some_and(|error| {
                error.message.ends_with("was never closed")
                    || error.message.starts_with("unterminated triple-quoted")
                    || error.message.starts_with("unexpected EOF")
                    || (error.message.starts_with("unterminated string")
                        && ends_in_string(self.input.source))
            }),
            T::Dedent => last.start as usize >= self.input.source.len(),
            // The lexer does not look beyond these.
            T::Newline if last.start < last.end => false,
            T::String | T::FStringEnd | T::TemplateEnd => false,
            _ => last.end as usize >= self.input.source.len(),
        }
    }

    fn generic(&mut self, token: usize) -> SyntaxError {
        let kind = self.input.tokens[token].kind;
        match kind {
            T::Indent | T::Dedent => {
                let message = if kind == T::Indent {
                    "unexpected indent"
                } else {
                    "unexpected unindent"
                };
                self.last(SyntaxErrorKind::Indentation, message.to_owned());
                self.error.take().unwrap_or_else(memory_error)
            }
            _ => {
                let range = self.token_range(token);
                self.known(range, "invalid syntax".to_owned());
                match self.error.take() {
                    Some(error) => self.prefer_token_error(error, self.fill.saturating_sub(1)),
                    None => memory_error(),
                }
            }
        }
    }

    /// An error of the tokenizer further on is worth more, as is a bracket opened on an earlier line than that of the
    /// last token and left open.
    fn prefer_token_error(&self, error: SyntaxError, last: usize) -> SyntaxError {
        let input = self.input;
        let Some(found) = input.token_error.filter(|_| !input.error_in_string) else {
            return error;
        };
        if !input.error_deferred {
            return found.clone();
        }
        match input.unclosed {
            Some(open) if i64::from(input.tokens[last].lineno) > i64::from(open.lineno) => {
                open.clone()
            }
            _ => error,
        }
    }

    fn too_deep(&mut self) {
        self.from_tokenizer = true;
        self.error = Some(memory_error());
    }

    /// The kind of the current token, which counts as looked at.
    fn kind(&mut self) -> T {
        let mark = self.mark.min(self.input.tokens.len() - 1);
        self.fill = self.fill.max(mark + 1);
        let kind = self.input.tokens[mark].kind;
        if kind == T::Error && self.error.is_none() {
            self.from_tokenizer = true;
            self.error = self.input.token_error.cloned();
        }
        kind
    }

    fn eat(&mut self, kind: T) -> Option<V<'a>> {
        if self.kind() != kind {
            return None;
        }
        let token = self.mark;
        self.mark += 1;
        Some(match kind {
            T::Name => return self.name(token),
            T::Number => return self.number(token),
            _ => V::Token(token as u32),
        })
    }

    /// A name, which must not become a keyword when it is normalised.
    fn name(&mut self, token: usize) -> Option<V<'a>> {
        let text = self.text(token);
        if !text.is_ascii()
            && let name @ ("None" | "True" | "False") = naja_unicode::nfkc(text).as_ref()
        {
            let message = format!("identifier field can't represent '{name}' constant");
            self.bare(SyntaxErrorKind::Value, message);
            return None;
        }
        Some(self.node(token, K::Name, &[]))
    }

    /// A number literal, whose value may be refused.
    fn number(&mut self, token: usize) -> Option<V<'a>> {
        let text = self.text(token);
        if self.input.options.feature_version < 6 && text.contains('_') {
            self.last(
                SyntaxErrorKind::Syntax,
                "Underscores in numeric literals are only supported in Python 3.6 and greater"
                    .to_owned(),
            );
            return None;
        }
        if let Err(message) = super::literal::check_number(text, self.input.options) {
            let range = self.token_range(token);
            self.raise(
                SyntaxErrorKind::Syntax,
                range.lineno.into(),
                0,
                range.end_lineno.into(),
                0,
                message,
            );
            return None;
        }
        let kind = if text.ends_with(['j', 'J']) {
            K::Imaginary
        } else {
            K::Number
        };
        Some(self.node(token, kind, &[]))
    }

    pub(super) fn text(&self, token: usize) -> &'i str {
        let token = &self.input.tokens[token];
        self.input
            .source
            .get(token.start as usize..token.end as usize)
            .unwrap_or("")
    }

    pub(super) fn token_range(&self, token: usize) -> Range {
        let token = &self.input.tokens[token];
        if is_placeless(token) {
            return Range {
                col_offset: -1,
                end_col_offset: -1,
                ..token.range()
            };
        }
        token.range()
    }

    /// A node from token `start` to the last one consumed.
    pub(super) fn node(&self, start: usize, kind: K, items: &[V<'a>]) -> V<'a> {
        let tokens = self.input.tokens;
        let mut last = self.mark.saturating_sub(1);
        while last > 0
            && matches!(
                tokens[last].kind,
                T::EndMarker | T::Newline | T::Indent | T::Dedent
            )
        {
            last -= 1;
        }
        let range = self.token_range(start).to(self.token_range(last));
        let items = self.arena.slice(items);
        V::Node(self.arena.alloc(Node {
            kind,
            range,
            items,
            first: start as u32,
            last: last as u32,
        }))
    }

    pub(super) fn list(&self, values: &[V<'a>]) -> V<'a> {
        V::List(self.arena.slice(values))
    }

    /// The text from a node's first to its last token.
    pub(super) fn node_text(&self, node: &Node) -> &'i str {
        let (first, last) = (
            &self.input.tokens[node.first as usize],
            &self.input.tokens[node.last as usize],
        );
        self.input
            .source
            .get(first.start as usize..last.end as usize)
            .unwrap_or("")
    }

    pub(super) fn token_kind(&self, token: usize) -> T {
        self.input.tokens[token].kind
    }

    pub(super) fn set_barry(&mut self) {
        self.barry = true;
    }

    pub(super) fn with_invalid_rules(&self) -> bool {
        self.invalid_rules
    }

    pub(super) fn barry(&self) -> bool {
        self.barry
    }

    pub(super) fn depth_before(&self, mark: usize) -> u32 {
        self.depths.get(mark.wrapping_sub(1)).copied().unwrap_or(0)
    }

    /// Applies a rule.
    fn rule(&mut self, number: usize) -> Option<V<'a>> {
        if self.error.is_some() {
            return None;
        }
        if self.level >= MAX_LEVEL {
            self.too_deep();
            return None;
        }
        self.level += 1;
        let rule = &self.grammar.rules[number];
        let result = if rule.left {
            self.left_recursive(number)
        } else if rule.memo {
            let start = self.mark;
            match self.recall(number) {
                Some(found) => found,
                None => {
                    let value = self.alternatives(number);
                    self.remember(start, number, value);
                    value
                }
            }
        } else if rule.name.ends_with("_without_invalid") {
            let saved = std::mem::replace(&mut self.invalid_rules, false);
            let value = self.alternatives(number);
            self.invalid_rules = saved;
            value
        } else {
            self.alternatives(number)
        };
        self.level -= 1;
        if self.error.is_some() { None } else { result }
    }

    fn recall(&mut self, rule: usize) -> Option<Option<V<'a>>> {
        self.kind();
        if self.error.is_some() {
            return Some(None);
        }
        let found = self
            .memo
            .get(self.mark)?
            .iter()
            .find(|memo| memo.rule == rule)?;
        let value = found.value;
        self.mark = found.mark;
        Some(value)
    }

    fn remember(&mut self, start: usize, rule: usize, value: Option<V<'a>>) {
        let mark = self.mark;
        let Some(list) = self.memo.get_mut(start) else {
            return;
        };
        match list.iter_mut().find(|memo| memo.rule == rule) {
            Some(memo) => (memo.value, memo.mark) = (value, mark),
            None => list.push(Memo { rule, value, mark }),
        }
    }

    /// Grows the longest match from the shortest: each round finds the last round's result at the rule's own place.
    fn left_recursive(&mut self, rule: usize) -> Option<V<'a>> {
        if let Some(found) = self.recall(rule) {
            return found;
        }
        let start = self.mark;
        let (mut end, mut result) = (start, None);
        loop {
            self.mark = end;
            self.remember(start, rule, result);
            self.mark = start;
            let next = self.alternatives(rule);
            if self.error.is_some() {
                return None;
            }
            if next.is_none() || self.mark <= end {
                break;
            }
            (end, result) = (self.mark, next);
        }
        self.mark = end;
        result
    }

    fn alternatives(&mut self, number: usize) -> Option<V<'a>> {
        let start = self.mark;
        self.kind();
        if self.error.is_some() {
            return None;
        }
        let grammar = self.grammar;
        for alternative in &grammar.rules[number].alternatives {
            if alternative.guarded && !self.invalid_rules {
                continue;
            }
            let mut cut = false;
            let mut values = smallvec::SmallVec::<[V<'a>; 8]>::new();
            for item in &alternative.items {
                if matches!(item, Item::Cut) {
                    cut = true;
                    values.push(V::Unit);
                    continue;
                }
                match self.item(item) {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
            if self.error.is_some() {
                return None;
            }
            if values.len() == alternative.items.len() {
                if self.invalid_rules && grammar.rules[number].name == "compound_stmt" {
                    self.note_statement(start);
                }
                return match &alternative.action {
                    Some(action) => self.act(action, start, &values),
                    None => match &alternative.items[..] {
                        [_] => values.first().copied(),
                        [Item::Ahead(_) | Item::NotAhead(_), _] => values.get(1).copied(),
                        [_, Item::Ahead(_) | Item::NotAhead(_)] => values.first().copied(),
                        _ => Some(V::Unit),
                    },
                };
            }
            self.mark = start;
            if cut {
                return None;
            }
        }
        None
    }

    /// Notes where a whole compound statement begins; CPython does so for all but functions.
    fn note_statement(&mut self, start: usize) {
        let tokens = self.input.tokens;
        let mut at = start;
        while tokens.get(at).is_some_and(|t| t.kind == T::At) {
            match tokens[at..].iter().position(|t| t.kind == T::Newline) {
                Some(count) => at += count + 1,
                None => return,
            }
        }
        let Some(token) = tokens.get(at) else { return };
        let function = match self.text(at) {
            "def" => true,
            "async" => at + 1 < tokens.len() && self.text(at + 1) == "def",
            _ => false,
        };
        let range = token.range();
        if !function && self.last_statement.0 <= range.lineno {
            self.last_statement = (range.lineno, range.col_offset);
        }
    }

    fn item(&mut self, item: &'static Item) -> Option<V<'a>> {
        if self.error.is_some() {
            return None;
        }
        match item {
            Item::Token(kind) => self.eat(*kind),
            Item::Soft(text) => {
                if self.kind() == T::Name && self.text(self.mark) == *text {
                    self.eat(T::Name)
                } else {
                    None
                }
            }
            Item::SoftKeyword => {
                if self.kind() == T::Name
                    && matches!(self.text(self.mark), "_" | "case" | "match" | "type")
                {
                    self.eat(T::Name)
                } else {
                    None
                }
            }
            Item::Rule(rule) => self.rule(*rule),
            Item::Optional(item) => {
                let start = self.mark;
                match self.item(item) {
                    Some(value) => Some(value),
                    None if self.error.is_some() => None,
                    None => {
                        self.mark = start;
                        Some(V::Unit)
                    }
                }
            }
            Item::Star(item) => self.repeat(item, 0),
            Item::Plus(item) => self.repeat(item, 1),
            Item::Separated(separator, element) => self.separated(separator, element),
            Item::Ahead(item) => self.ahead(item, true),
            Item::NotAhead(item) => self.ahead(item, false),
            Item::Demanded(kind, text) => {
                if self.kind() == *kind {
                    return self.eat(*kind);
                }
                if self.error.is_none() {
                    let range = self.token_range(self.mark);
                    self.known(range, format!("expected '{text}'"));
                }
                None
            }
            Item::Cut => Some(V::Unit),
        }
    }

    fn repeat(&mut self, item: &'static Item, least: usize) -> Option<V<'a>> {
        let mut values = Vec::new();
        loop {
            let start = self.mark;
            match self.item(item) {
                Some(value) => values.push(value),
                None => {
                    self.mark = start;
                    break;
                }
            }
        }
        if self.error.is_some() || values.len() < least {
            None
        } else {
            Some(self.list(&values))
        }
    }

    fn separated(&mut self, separator: &'static Item, element: &'static Item) -> Option<V<'a>> {
        let mut values = vec![self.item(element)?];
        loop {
            let start = self.mark;
            match self.item(separator).and_then(|_| self.item(element)) {
                Some(value) => values.push(value),
                None => {
                    self.mark = start;
                    break;
                }
            }
        }
        if self.error.is_some() {
            None
        } else {
            Some(self.list(&values))
        }
    }

    fn ahead(&mut self, item: &'static Item, wanted: bool) -> Option<V<'a>> {
        let start = self.mark;
        let found = self.item(item).is_some();
        self.mark = start;
        if self.error.is_none() && found == wanted {
            Some(V::Unit)
        } else {
            None
        }
    }

    fn act(&mut self, action: &'static Action, start: usize, values: &[V<'a>]) -> Option<V<'a>> {
        let args: smallvec::SmallVec<[V<'a>; 4]> = action
            .args
            .iter()
            .map(|&index| values.get(index).copied().unwrap_or(V::Unit))
            .collect();
        let result = self.perform(action, start, &args);
        if let Some((version, what)) = action.version
            && self.error.is_none()
            && self.input.options.feature_version < version
        {
            self.last(
                SyntaxErrorKind::Syntax,
                format!("{what} only supported in Python 3.{version} and greater"),
            );
            return None;
        }
        if self.error.is_some() { None } else { result }
    }

    /// Raises something that is no `SyntaxError` and has no place.
    pub(super) fn bare(&mut self, kind: SyntaxErrorKind, message: String) {
        self.from_tokenizer = true;
        self.error = Some(SyntaxError {
            kind,
            message,
            ..memory_error()
        });
    }

    /// `RAISE_SYNTAX_ERROR`: at the last token looked at.
    pub(super) fn last(&mut self, kind: SyntaxErrorKind, message: String) {
        self.at_token(kind, self.fill.saturating_sub(1), message);
    }

    /// `RAISE_SYNTAX_ERROR_ON_NEXT_TOKEN`
    pub(super) fn next(&mut self, message: String) {
        self.kind();
        if self.error.is_none() {
            self.at_token(SyntaxErrorKind::Syntax, self.mark, message);
        }
    }

    fn at_token(&mut self, kind: SyntaxErrorKind, index: usize, message: String) {
        let token = self.input.tokens[index.min(self.input.tokens.len() - 1)];
        // What counts for a token without a place is where the tokenizer stands.
        let (col, end_col) = if is_placeless(&token) {
            (i64::from(token.end_col), -1)
        } else {
            (i64::from(token.col) + 1, i64::from(token.end_col) + 1)
        };
        self.raise(
            kind,
            i64::from(token.lineno),
            col,
            i64::from(token.end_lineno),
            end_col,
            message,
        );
    }

    /// `RAISE_SYNTAX_ERROR_KNOWN_RANGE`
    pub(super) fn known(&mut self, range: Range, message: String) {
        self.raise(
            SyntaxErrorKind::Syntax,
            range.lineno.into(),
            i64::from(range.col_offset) + 1,
            range.end_lineno.into(),
            i64::from(range.end_col_offset) + 1,
            message,
        );
    }

    /// `RAISE_SYNTAX_ERROR_STARTING_FROM`: up to where the tokenizer stands.
    pub(super) fn starting_from(&mut self, range: Range, message: String) {
        self.raise(
            SyntaxErrorKind::Syntax,
            range.lineno.into(),
            i64::from(range.col_offset) + 1,
            CURRENT,
            CURRENT,
            message,
        );
    }

    /// Raises with columns that count from 1, in bytes.
    pub(super) fn raise(
        &mut self,
        kind: SyntaxErrorKind,
        lineno: i64,
        col: i64,
        mut end_lineno: i64,
        mut end_col: i64,
        message: String,
    ) {
        if self.error.is_some() {
            return;
        }
        let last = self.input.tokens[self.fill.saturating_sub(1)];
        if end_lineno == CURRENT {
            end_lineno = last.end_lineno.into();
        }
        if end_col == CURRENT {
            end_col = i64::from(last.end_col);
        }
        let (line, with_end) = line_of(self.input.source, lineno);
        let text = if lineno >= i64::from(last.end_lineno) {
            with_end
        } else {
            line
        };
        let offset = characters(text, col);
        let end_offset = if end_col > 0 {
            characters(text, end_col)
        } else {
            end_col
        };
        self.error = Some(SyntaxError {
            kind,
            message,
            lineno: lineno.max(0) as _,
            offset: offset as _,
            end_lineno: end_lineno.max(0) as _,
            end_offset: end_offset as _,
            text: Some(text.to_owned()),
            metadata: None,
        });
    }
}

/// Whether more than white space and comments follows the statement that ends at byte `at`.
pub(super) fn has_second_statement(source: &str, mut at: usize) -> bool {
    let bytes = source.as_bytes();
    loop {
        while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | 0x0C)) {
            at += 1;
        }
        match bytes.get(at) {
            None => return false,
            Some(b'#') => at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at),
            Some(_) => return true,
        }
    }
}

/// The error for interactive input of more than one statement.
pub(super) fn multiple_statements(source: &str, token: &Tok) -> SyntaxError {
    let (_, line) = line_of(source, token.lineno.into());
    SyntaxError {
        kind: SyntaxErrorKind::Syntax,
        message: "multiple statements found while compiling a single statement".to_owned(),
        lineno: token.lineno as _,
        offset: characters(line, i64::from(token.col) + 1) as _,
        end_lineno: token.end_lineno as _,
        end_offset: characters(line, i64::from(token.end_col) + 1) as _,
        text: Some(line.to_owned()),
        metadata: None,
    }
}

/// Whether CPython's token has no columns: those that stand for no text.
fn is_placeless(token: &Tok) -> bool {
    match token.kind {
        T::Indent | T::Dedent | T::EndMarker | T::Error => true,
        T::Newline => token.start == token.end,
        _ => false,
    }
}

/// Line number `lineno` of `source`, without and with its line end.
fn line_of(source: &str, lineno: i64) -> (&str, &str) {
    let mut rest = source;
    for _ in 1..lineno {
        match memchr::memchr(b'\n', rest.as_bytes()) {
            Some(at) if at + 1 < rest.len() => rest = &rest[at + 1..],
            Some(at) => {
                rest = &rest[at + 1..];
                break;
            }
            None => break,
        }
    }
    match memchr::memchr(b'\n', rest.as_bytes()) {
        Some(at) => (&rest[..at], &rest[..=at]),
        None => (rest, rest),
    }
}

/// How many characters the first `bytes` bytes of `line` make, one cut in two counting as one.
fn characters(line: &str, bytes: i64) -> i64 {
    if bytes <= 0 {
        return bytes;
    }
    let bytes = (bytes as usize).min(line.len() + 1);
    let inside = line.as_bytes()[..bytes.min(line.len())]
        .iter()
        .filter(|&&b| b & 0xC0 != 0x80)
        .count();
    (inside + bytes.saturating_sub(line.len())) as i64
}

/// Whether an unterminated string reaches the end of the source: no line ends it, or only escaped ones do.
fn ends_in_string(source: &str) -> bool {
    match source.strip_suffix('\n') {
        None => true,
        Some(rest) => rest.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1,
    }
}
