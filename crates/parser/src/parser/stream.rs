//! The tokens as the parser sees them: keywords told from names, all of them in one vector.
//!
//! A tokenizer error becomes a last token of kind [`T::Error`], which no rule accepts; whether it is the error to
//! report is decided when parsing has failed.

use crate::ast::Range;

/// Kinds of tokens: CPython's `Grammar/Tokens`, and the keywords.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum T {
    EndMarker,
    Name,
    Number,
    String,
    Newline,
    Indent,
    Dedent,
    LPar,
    RPar,
    LSqb,
    RSqb,
    Colon,
    Comma,
    Semi,
    Plus,
    Minus,
    Star,
    Slash,
    VBar,
    Amper,
    Less,
    Greater,
    Equal,
    Dot,
    Percent,
    LBrace,
    RBrace,
    EqEqual,
    NotEqual,
    LessEqual,
    GreaterEqual,
    Tilde,
    Circumflex,
    LeftShift,
    RightShift,
    DoubleStar,
    PlusEqual,
    MinEqual,
    StarEqual,
    SlashEqual,
    PercentEqual,
    AmperEqual,
    VBarEqual,
    CircumflexEqual,
    LeftShiftEqual,
    RightShiftEqual,
    DoubleStarEqual,
    DoubleSlash,
    DoubleSlashEqual,
    At,
    AtEqual,
    RArrow,
    Ellipsis,
    ColonEqual,
    Exclamation,
    /// A character that is no operator.
    Op,
    TypeComment,
    FStringStart,
    FStringMiddle,
    FStringEnd,
    TemplateStart,
    TemplateMiddle,
    TemplateEnd,
    False,
    None,
    True,
    And,
    As,
    Assert,
    Async,
    Await,
    Break,
    Class,
    Continue,
    Def,
    Del,
    Elif,
    Else,
    Except,
    Finally,
    For,
    From,
    Global,
    If,
    Import,
    In,
    Is,
    Lambda,
    Nonlocal,
    Not,
    Or,
    Pass,
    Raise,
    Return,
    Try,
    While,
    With,
    Yield,
    Error,
}

/// A token: its kind, where it stands in the text and where in lines and columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tok {
    pub kind: T,
    pub start: u32,
    pub end: u32,
    pub lineno: u32,
    pub col: u32,
    pub end_lineno: u32,
    pub end_col: u32,
}

impl Tok {
    #[inline]
    pub(crate) fn range(&self) -> Range {
        Range::new(
            self.lineno as i32,
            self.col as i32,
            self.end_lineno as i32,
            self.end_col as i32,
        )
    }
}

/// The keyword that `text` is.
#[inline]
pub(crate) fn keyword(text: &str) -> T {
    if !(2..=8).contains(&text.len()) {
        return T::Name;
    }
    match text {
        "False" => T::False,
        "None" => T::None,
        "True" => T::True,
        "and" => T::And,
        "as" => T::As,
        "assert" => T::Assert,
        "async" => T::Async,
        "await" => T::Await,
        "break" => T::Break,
        "class" => T::Class,
        "continue" => T::Continue,
        "def" => T::Def,
        "del" => T::Del,
        "elif" => T::Elif,
        "else" => T::Else,
        "except" => T::Except,
        "finally" => T::Finally,
        "for" => T::For,
        "from" => T::From,
        "global" => T::Global,
        "if" => T::If,
        "import" => T::Import,
        "in" => T::In,
        "is" => T::Is,
        "lambda" => T::Lambda,
        "nonlocal" => T::Nonlocal,
        "not" => T::Not,
        "or" => T::Or,
        "pass" => T::Pass,
        "raise" => T::Raise,
        "return" => T::Return,
        "try" => T::Try,
        "while" => T::While,
        "with" => T::With,
        "yield" => T::Yield,
        _ => T::Name,
    }
}
