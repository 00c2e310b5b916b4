//! Errors and warnings of the front end, as plain data.

use crate::ast::Range;

/// Which exception to raise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyntaxErrorKind {
    Syntax,
    Indentation,
    Tab,
    /// `_IncompleteInputError`
    Incomplete,
    Memory,
    Recursion,
    Value,
    Unicode,
    Overflow,
    /// A tree that no parser makes.
    System,
    Runtime,
}

/// An error with its place. Lines and offsets count from 1, offsets in characters; -1 and 0 as CPython has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    pub message: String,
    pub lineno: i32,
    pub offset: i32,
    pub end_lineno: i32,
    pub end_offset: i32,
    pub text: Option<String>,
    /// For errors of the grammar: where to look for misspelt keywords.
    pub metadata: Option<Box<Metadata>>,
}

/// The place of the last whole compound statement (line and column, 0 where there is none), and the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    pub lineno: i32,
    pub col_offset: i32,
    pub source: String,
}

impl SyntaxError {
    /// Whether this is a `SyntaxError` or a subclass of it.
    pub fn is_syntax_error(&self) -> bool {
        matches!(
            self.kind,
            SyntaxErrorKind::Syntax
                | SyntaxErrorKind::Indentation
                | SyntaxErrorKind::Tab
                | SyntaxErrorKind::Incomplete
        )
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarningCategory {
    Syntax,
    Deprecation,
}

/// A warning with its place, columns counting from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    pub category: WarningCategory,
    pub message: String,
    pub lineno: i32,
    pub col_offset: i32,
    pub end_lineno: i32,
    pub end_col_offset: i32,
}

impl Warning {
    /// A `SyntaxWarning` for a node.
    pub fn syntax_at(message: String, range: Range) -> Self {
        Self {
            category: WarningCategory::Syntax,
            message,
            lineno: range.lineno,
            col_offset: range.col_offset + 1,
            end_lineno: range.end_lineno,
            end_col_offset: range.end_col_offset + 1,
        }
    }
}
