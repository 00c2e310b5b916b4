//! What the rules of the error pass yield, and the actions that make it or raise an error.

use super::errors::Pass;
use super::grammar::Action;
use super::literal::Problem;
use super::stream::T;
use crate::ast::Range;
use crate::error::SyntaxErrorKind;

/// Kinds of nodes, as far as messages tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum K {
    Name,
    Attribute,
    Subscript,
    Starred,
    List,
    Tuple,
    Lambda,
    Call,
    Expression,
    GeneratorExp,
    Yield,
    Await,
    ListComp,
    SetComp,
    DictComp,
    Dict,
    Set,
    FString,
    TString,
    None,
    True,
    False,
    Ellipsis,
    Number,
    Imaginary,
    Str,
    Bytes,
    Compare,
    CompareIn,
    IfExp,
    NamedExpr,
    Slice,
    /// Arguments of a call; items are the positional ones, `Keyword`s and `Unpacking`s.
    Args,
    Keyword,
    Unpacking,
    /// Items: the iterable and the conditions.
    Comprehension,
    Pattern,
    Param,
    Stmt,
}

impl K {
    fn from_name(name: &str) -> Option<K> {
        Some(match name {
            "Name" => K::Name,
            "Attribute" => K::Attribute,
            "Subscript" => K::Subscript,
            "Starred" => K::Starred,
            "List" => K::List,
            "Tuple" => K::Tuple,
            "Lambda" => K::Lambda,
            "Call" => K::Call,
            "Expression" => K::Expression,
            "GeneratorExp" => K::GeneratorExp,
            "Yield" => K::Yield,
            "Await" => K::Await,
            "ListComp" => K::ListComp,
            "SetComp" => K::SetComp,
            "DictComp" => K::DictComp,
            "Dict" => K::Dict,
            "Set" => K::Set,
            "TString" => K::TString,
            "None" => K::None,
            "True" => K::True,
            "False" => K::False,
            "Ellipsis" => K::Ellipsis,
            "IfExp" => K::IfExp,
            "NamedExpr" => K::NamedExpr,
            "Slice" => K::Slice,
            "Args" => K::Args,
            "Keyword" => K::Keyword,
            "Unpacking" => K::Unpacking,
            "Comprehension" => K::Comprehension,
            "Pattern" => K::Pattern,
            "Param" => K::Param,
            "Stmt" => K::Stmt,
            _ => return None,
        })
    }

    /// `_PyPegen_get_expr_name`
    fn description(self) -> &'static str {
        match self {
            K::Attribute => "attribute",
            K::Subscript => "subscript",
            K::Starred => "starred",
            K::Name => "name",
            K::List => "list",
            K::Tuple => "tuple",
            K::Lambda => "lambda",
            K::Call => "function call",
            K::GeneratorExp => "generator expression",
            K::Yield => "yield expression",
            K::Await => "await expression",
            K::ListComp => "list comprehension",
            K::SetComp => "set comprehension",
            K::DictComp => "dict comprehension",
            K::Dict => "dict literal",
            K::Set => "set display",
            K::FString => "f-string expression",
            K::TString => "t-string expression",
            K::None => "None",
            K::True => "True",
            K::False => "False",
            K::Ellipsis => "ellipsis",
            K::Number | K::Imaginary | K::Str | K::Bytes => "literal",
            K::Compare | K::CompareIn => "comparison",
            K::IfExp => "conditional expression",
            K::NamedExpr => "named expression",
            _ => "expression",
        }
    }
}

/// A piece of tree: enough for messages and ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub kind: K,
    pub range: Range,
    pub items: &'a [V<'a>],
    pub first: u32,
    pub last: u32,
}

/// The result of a rule or an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum V<'a> {
    Unit,
    Token(u32),
    Node(&'a Node<'a>),
    List(&'a [V<'a>]),
}

impl<'a> V<'a> {
    fn node(self) -> Option<&'a Node<'a>> {
        match self {
            V::Node(node) => Some(node),
            _ => None,
        }
    }

    fn kind(self) -> Option<K> {
        self.node().map(|node| node.kind)
    }

    fn items(self) -> &'a [V<'a>] {
        match self {
            V::List(items) => items,
            _ => &[],
        }
    }

    fn is_some(self) -> bool {
        !matches!(self, V::Unit)
    }
}

/// Appends `value`, or what it lists.
fn flatten<'a>(value: V<'a>, into: &mut Vec<V<'a>>) {
    match value {
        V::List(items) => items.iter().for_each(|&item| flatten(item, into)),
        V::Unit => {}
        _ => into.push(value),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Targets {
    Star,
    Del,
    For,
}

/// `_PyPegen_get_invalid_target`
fn invalid_target<'a>(value: V<'a>, targets: Targets) -> Option<&'a Node<'a>> {
    let node = value.node()?;
    match node.kind {
        K::List | K::Tuple => node
            .items
            .iter()
            .find_map(|&item| invalid_target(item, targets)),
        K::Starred if targets == Targets::Del => Some(node),
        K::Starred => node
            .items
            .first()
            .and_then(|&item| invalid_target(item, targets)),
        K::CompareIn if targets == Targets::For => node
            .items
            .first()
            .and_then(|&item| invalid_target(item, targets)),
        K::Compare if targets == Targets::For => None,
        K::Name | K::Subscript | K::Attribute => None,
        _ => Some(node),
    }
}

/// The last part of a list of comprehension clauses.
fn last_of_comprehensions(value: V) -> Option<V> {
    value.items().last()?.node()?.items.last().copied()
}

impl<'a> Pass<'a, '_> {
    fn range_of(&self, value: V) -> Range {
        match value {
            V::Token(token) => self.token_range(token as usize),
            V::Node(node) => node.range,
            V::List(items) => match (items.first(), items.last()) {
                (Some(&first), Some(&last)) => self.range_of(first).to(self.range_of(last)),
                _ => Range::default(),
            },
            V::Unit => Range::default(),
        }
    }

    /// The message with `%s` (what the node is), `%t` (a token's text) and `%d` (its line) filled in.
    fn fill_in(&self, text: &str, value: V) -> String {
        if text.contains("%s") {
            return text.replace("%s", value.kind().map_or("expression", K::description));
        }
        if text.contains("%d") {
            return text.replace("%d", &self.range_of(value).lineno.to_string());
        }
        if let (true, V::Token(token)) = (text.contains("%t"), value) {
            return text.replace("%t", self.text(token as usize));
        }
        text.to_owned()
    }

    /// Runs an action. `None` is the action's NULL: the rule fails without trying further alternatives.
    pub(super) fn perform(
        &mut self,
        action: &Action,
        start: usize,
        args: &[V<'a>],
    ) -> Option<V<'a>> {
        let arg = |index: usize| args.get(index).copied().unwrap_or(V::Unit);
        let (a, b) = (arg(0), arg(1));
        if let Some(kind) = K::from_name(action.name) {
            let mut items = Vec::new();
            args.iter().for_each(|&value| flatten(value, &mut items));
            return Some(self.node(start, kind, &items));
        }
        match action.name {
            "=" => return Some(a),
            "" | "Unit" => return Some(V::Unit),
            "items" => {
                let mut items = Vec::new();
                args.iter().for_each(|&value| flatten(value, &mut items));
                return Some(self.list(&items));
            }
            "compare" => {
                let found_in = match b.items().first() {
                    Some(&V::Token(_)) => K::CompareIn,
                    _ => K::Compare,
                };
                return Some(self.node(start, found_in, &[a]));
            }
            "range" => {
                let message = self.fill_in(&action.text, a);
                self.known(self.range_of(a).to(self.range_of(b)), message);
            }
            "at" => {
                let message = self.fill_in(&action.text, a);
                self.known(self.range_of(a), message);
            }
            "from" => self.starting_from(self.range_of(a), action.text.clone()),
            "last" => self.last(SyntaxErrorKind::Syntax, action.text.clone()),
            "next" => self.next(action.text.clone()),
            "indent" => {
                let message = self.fill_in(&action.text, a);
                self.last(SyntaxErrorKind::Indentation, message);
            }
            "first_last" => self.known(self.range_of(a), action.text.clone()),
            "range_to_last" => {
                let last = b.items().last().copied().unwrap_or(b);
                self.known(
                    self.range_of(a).to(self.range_of(last)),
                    action.text.clone(),
                );
            }
            "last_to" => {
                let last = a.items().last().copied().unwrap_or(a);
                self.known(
                    self.range_of(last).to(self.range_of(b)),
                    action.text.clone(),
                );
            }
            "kvpair" => {
                let range = self.range_of(a);
                let col = i64::from(range.end_col_offset);
                let (line, end_line) = (range.lineno.into(), range.end_lineno.into());
                self.raise(
                    SyntaxErrorKind::Syntax,
                    line,
                    col,
                    end_line,
                    0,
                    action.text.clone(),
                );
            }
            "star_target_error" => self.target_error(a, Targets::Star),
            "del_target_error" => self.target_error(a, Targets::Del),
            "for_target_error" => self.target_error(a, Targets::For),
            "legacy" => self.legacy(a, b),
            "missing_comma" => {
                if !self.is_legacy(a) && self.depth_before(self.mark) > 0 {
                    let range = self.range_of(a).to(self.range_of(b));
                    self.known(
                        range,
                        "invalid syntax. Perhaps you forgot a comma?".to_owned(),
                    );
                }
            }
            "genexp_range" => {
                if let Some(last) = last_of_comprehensions(b) {
                    let range = self.range_of(a).to(self.range_of(last));
                    self.known(
                        range,
                        "Generator expression must be parenthesized".to_owned(),
                    );
                }
            }
            "nonparen_genexp" => self.nonparen_genexp(a, b),
            "arguments_error" => {
                let unpacking = a.node().is_some_and(|args| {
                    args.items
                        .iter()
                        .any(|item| item.kind() == Some(K::Unpacking))
                });
                let message = if unpacking {
                    "positional argument follows keyword argument unpacking"
                } else {
                    "positional argument follows keyword argument"
                };
                self.last(SyntaxErrorKind::Syntax, message.to_owned());
            }
            "bound" => {
                let what = if b.kind() == Some(K::Tuple) {
                    "constraints"
                } else {
                    "bound"
                };
                self.starting_from(
                    self.range_of(a),
                    format!("cannot use {what} with {}", action.text),
                );
            }
            _ => return self.perform_literal(action, start, args),
        }
        None
    }

    fn perform_literal(&mut self, action: &Action, start: usize, args: &[V<'a>]) -> Option<V<'a>> {
        let arg = |index: usize| args.get(index).copied().unwrap_or(V::Unit);
        let (a, b) = (arg(0), arg(1));
        match action.name {
            "real" => {
                if a.kind() == Some(K::Imaginary) {
                    self.known(
                        self.range_of(a),
                        "real number required in complex literal".to_owned(),
                    );
                    return None;
                }
                Some(a)
            }
            "imaginary" => {
                if a.kind() != Some(K::Imaginary) {
                    self.known(
                        self.range_of(a),
                        "imaginary number required in complex literal".to_owned(),
                    );
                    return None;
                }
                Some(a)
            }
            "barry" => {
                let V::Token(token) = a else { return None };
                let old_style = self.text(token as usize) == "<>";
                if self.barry() && !old_style {
                    self.last(
                        SyntaxErrorKind::Syntax,
                        "with Barry as BDFL, use '<>' instead of '!='".to_owned(),
                    );
                }
                if !self.barry() && old_style && self.with_invalid_rules() {
                    let message = "invalid syntax.  Maybe you meant '!=' instead of '<>'?";
                    self.known(self.token_range(token as usize), message.to_owned());
                    return None;
                }
                if self.barry() == old_style {
                    Some(a)
                } else {
                    None
                }
            }
            "future" => {
                let names = b.items();
                if a.node()
                    .is_some_and(|module| self.node_text(module) == "__future__")
                    && names
                        .iter()
                        .filter_map(|name| name.node())
                        .any(|name| self.node_text(name) == "barry_as_FLUFL")
                {
                    self.set_barry();
                }
                Some(V::Unit)
            }
            "interactive_exit" => None,
            "conversion" => {
                let (bang, name) = (self.range_of(a), self.range_of(b));
                if bang.lineno != name.lineno || bang.end_col_offset != name.col_offset {
                    let prefix = self.string_prefix(start);
                    self.known(
                        bang.to(name),
                        format!("{prefix}-string: conversion type must come right after the exclamation mark"),
                    );
                    return None;
                }
                self.check_conversion(b, start)
            }
            "spec" => {
                let raw = self
                    .enclosing_string(start)
                    .is_some_and(|token| self.text(token).contains(['r', 'R']));
                for part in a.items() {
                    if let V::Token(token) = *part {
                        self.check_spec(token as usize, raw)?;
                    }
                }
                Some(V::Unit)
            }
            "fstring" | "tstring" => {
                let V::Token(open) = a else { return None };
                let raw = self.text(open as usize).contains(['r', 'R']);
                for part in b.items() {
                    if let V::Token(token) = *part {
                        self.check_text(token as usize, raw)?;
                    }
                }
                let kind = if action.name == "fstring" {
                    K::FString
                } else {
                    K::TString
                };
                Some(self.node(start, kind, &[]))
            }
            "string" => {
                let V::Token(token) = a else { return None };
                let text = self.text(token as usize);
                match super::literal::check_string(text) {
                    Ok(bytes) => Some(self.node(start, if bytes { K::Bytes } else { K::Str }, &[])),
                    Err(problem) => {
                        self.literal_problem(token as usize, problem);
                        None
                    }
                }
            }
            "strings" => {
                let kinds = || a.items().iter().filter_map(|part| part.kind());
                if kinds().any(|kind| kind == K::Bytes) && kinds().any(|kind| kind != K::Bytes) {
                    self.last(
                        SyntaxErrorKind::Syntax,
                        "cannot mix bytes and nonbytes literals".to_owned(),
                    );
                    return None;
                }
                let kind = match kinds().find(|&kind| kind == K::FString) {
                    Some(kind) => kind,
                    None => kinds().next().unwrap_or(K::Str),
                };
                Some(self.node(start, kind, &[]))
            }
            _ => Some(V::Unit),
        }
    }

    fn literal_problem(&mut self, token: usize, problem: Problem) {
        let Problem(message) = problem;
        self.known(self.token_range(token), message);
    }

    /// Decodes a literal part of an f-string for its errors.
    fn check_text(&mut self, token: usize, raw: bool) -> Option<()> {
        match super::literal::check_text(self.text(token), raw) {
            Ok(()) => Some(()),
            Err(problem) => {
                self.literal_problem(token, problem);
                None
            }
        }
    }

    /// The same in a format specification, where CPython lets the bare `UnicodeDecodeError` out.
    fn check_spec(&mut self, token: usize, raw: bool) -> Option<()> {
        let Err(Problem(message)) = super::literal::check_text(self.text(token), raw) else {
            return Some(());
        };
        self.bare(
            SyntaxErrorKind::Unicode,
            message.trim_start_matches("(unicode error) ").to_owned(),
        );
        None
    }

    /// The start token of the string that the replacement field at token `start` is in.
    fn enclosing_string(&self, start: usize) -> Option<usize> {
        let mut closed = 0;
        for token in (0..start).rev() {
            match self.token_kind(token) {
                T::FStringEnd | T::TemplateEnd => closed += 1,
                T::FStringStart | T::TemplateStart if closed == 0 => return Some(token),
                T::FStringStart | T::TemplateStart => closed -= 1,
                _ => {}
            }
        }
        None
    }

    /// Which string the replacement field at token `start` is in: `f` or `t`.
    fn string_prefix(&self, start: usize) -> char {
        match self.enclosing_string(start) {
            Some(token) if self.token_kind(token) == T::TemplateStart => 't',
            _ => 'f',
        }
    }

    /// Whether the name behind an exclamation mark is a conversion.
    fn check_conversion(&mut self, name: V<'a>, start: usize) -> Option<V<'a>> {
        let text = self.node_text(name.node()?);
        if !matches!(text, "s" | "r" | "a") {
            let prefix = self.string_prefix(start);
            let mut quoted = String::new();
            crate::repr::str(&mut quoted, text.as_bytes());
            let message =
                format!("invalid conversion character {quoted}: expected 's', 'r', or 'a'");
            self.known(self.range_of(name), format!("{prefix}-string: {message}"));
            return None;
        }
        Some(name)
    }

    fn target_error(&mut self, value: V<'a>, targets: Targets) {
        if let Some(node) = invalid_target(value, targets) {
            let verb = if targets == Targets::Del {
                "delete"
            } else {
                "assign to"
            };
            self.known(
                node.range,
                format!("cannot {verb} {}", node.kind.description()),
            );
        }
    }

    fn is_legacy(&self, value: V) -> bool {
        value.node().is_some_and(|node| {
            node.kind == K::Name && matches!(self.node_text(node), "print" | "exec")
        })
    }

    fn legacy(&mut self, name: V<'a>, rest: V<'a>) {
        if let (true, Some(node)) = (self.is_legacy(name), name.node()) {
            let name = self.node_text(node);
            self.known(
                node.range.to(self.range_of(rest)),
                format!("Missing parentheses in call to '{name}'. Did you mean {name}(...)?"),
            );
        }
    }

    fn nonparen_genexp(&mut self, args: V<'a>, clauses: V<'a>) {
        let Some(args) = args.node() else { return };
        let positional: Vec<V> = args
            .items
            .iter()
            .copied()
            .filter(|item| {
                !matches!(item.kind(), Some(K::Keyword | K::Unpacking)) && item.is_some()
            })
            .collect();
        if let (true, Some(&last), Some(end)) = (
            positional.len() > 1,
            positional.last(),
            last_of_comprehensions(clauses),
        ) {
            let range = self.range_of(last).to(self.range_of(end));
            self.known(
                range,
                "Generator expression must be parenthesized".to_owned(),
            );
        }
    }
}
