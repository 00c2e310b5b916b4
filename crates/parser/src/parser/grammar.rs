//! The notation of `python.peg`: CPython's PEG rules as data for the error pass.
//!
//! A rule is `name = alternative | alternative`; `name(memo)` and `name(left)` are memoised, the latter being
//! left-recursive. Items: `'token'`, `"soft keyword"`, `NAME` and other token kinds, `rule`, `( group )`, `x?`, `x*`,
//! `x+`, `','.x+` (separated), `&x`, `!x`, `~` (cut), `&&'token'` (demanded). `a=item` names an item for the action in
//! braces at the end of the alternative. An action that begins with `v8 "..."` needs that minor version.
//! The text is read once, when the first wrong program comes along.

use super::stream::{T, keyword};
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// One step of an alternative.
#[derive(Debug)]
pub(super) enum Item {
    Token(T),
    Soft(&'static str),
    SoftKeyword,
    Rule(usize),
    Optional(Box<Item>),
    Star(Box<Item>),
    Plus(Box<Item>),
    Separated(Box<Item>, Box<Item>),
    Ahead(Box<Item>),
    NotAhead(Box<Item>),
    Demanded(T, &'static str),
    Cut,
}

/// What an alternative makes of its items: a name, the numbers of the named items, a text.
#[derive(Debug, Default)]
pub(super) struct Action {
    pub version: Option<(u8, &'static str)>,
    pub name: &'static str,
    pub args: Vec<usize>,
    pub text: String,
}

#[derive(Debug, Default)]
pub(super) struct Alternative {
    pub items: Vec<Item>,
    /// Only tried in the second pass: an `invalid_*` rule alone.
    pub guarded: bool,
    pub action: Option<Action>,
}

#[derive(Debug, Default)]
pub(super) struct Rule {
    pub name: &'static str,
    pub memo: bool,
    pub left: bool,
    pub alternatives: Vec<Alternative>,
}

#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub rules: Vec<Rule>,
    numbers: FxHashMap<&'static str, usize>,
}

impl Grammar {
    /// The grammar of Python.
    pub(super) fn get() -> &'static Grammar {
        static GRAMMAR: OnceLock<Grammar> = OnceLock::new();
        GRAMMAR.get_or_init(|| read(include_str!("python.peg")))
    }

    pub(super) fn rule(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    fn number(&mut self, name: &'static str) -> usize {
        let next = self.rules.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.rules.push(Rule {
                name,
                ..Rule::default()
            });
        }
        number
    }
}

/// A word of the notation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Identifier(&'static str),
    Quoted(&'static str),
    Soft(&'static str),
    Punctuation(char),
    Line,
}

struct Reader {
    words: Vec<Word>,
    next: usize,
    grammar: Grammar,
}

fn read(text: &'static str) -> Grammar {
    let mut reader = Reader {
        words: words(text),
        next: 0,
        grammar: Grammar::default(),
    };
    while reader.next < reader.words.len() {
        match reader.peek() {
            Some(Word::Identifier(name)) => reader.rule(name),
            _ => reader.next += 1,
        }
    }
    reader.grammar
}

fn words(text: &'static str) -> Vec<Word> {
    let mut words = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            words.push(Word::Line);
        }
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let length = if c.is_ascii_alphanumeric() || c == '_' {
                let length = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                words.push(Word::Identifier(&rest[..length]));
                length
            } else if c == '\'' {
                let length = rest[1..].find('\'').map_or(rest.len(), |at| at + 2);
                words.push(Word::Quoted(&rest[1..length - 1]));
                length
            } else if c == '"' {
                let mut end = 1;
                while !rest[end..].starts_with('"') {
                    end += if rest[end..].starts_with('\\') { 2 } else { 1 };
                }
                words.push(Word::Soft(&rest[1..end]));
                end + 1
            } else {
                if c != ' ' {
                    words.push(Word::Punctuation(c));
                }
                1
            };
            rest = &rest[length..];
        }
    }
    words.push(Word::Line);
    words
}

impl Reader {
    fn peek(&self) -> Option<Word> {
        self.words.get(self.next).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(Word::Punctuation(c));
        self.next += usize::from(found);
        found
    }

    fn rule(&mut self, name: &'static str) {
        self.next += 1;
        let number = self.grammar.number(name);
        if self.eat('(') {
            let kind = self.peek();
            self.grammar.rules[number].memo = kind == Some(Word::Identifier("memo"));
            self.grammar.rules[number].left = kind == Some(Word::Identifier("left"));
            self.next += 2;
        }
        self.eat('=');
        let alternatives = self.alternatives();
        self.grammar.rules[number].alternatives = alternatives;
    }

    fn alternatives(&mut self) -> Vec<Alternative> {
        let mut result = Vec::new();
        loop {
            result.push(self.alternative());
            if !self.eat('|') {
                return result;
            }
        }
    }

    fn alternative(&mut self) -> Alternative {
        let mut result = Alternative::default();
        let mut names: Vec<(&'static str, usize)> = Vec::new();
        loop {
            match self.peek() {
                None | Some(Word::Line | Word::Punctuation('|' | ')')) => break,
                Some(Word::Punctuation('{')) => {
                    self.next += 1;
                    result.action = Some(self.action(&names));
                }
                Some(Word::Identifier(name))
                    if self.words.get(self.next + 1) == Some(&Word::Punctuation('=')) =>
                {
                    self.next += 2;
                    names.push((name, result.items.len()));
                }
                Some(_) => {
                    let item = self.item();
                    result.items.push(item);
                }
            }
        }
        result.guarded = matches!(&result.items[..], [Item::Rule(rule)] if self.grammar.rules[*rule].name.starts_with("invalid_"));
        result
    }

    fn action(&mut self, names: &[(&'static str, usize)]) -> Action {
        let mut action = Action::default();
        while !self.eat('}') {
            match self.peek() {
                Some(Word::Identifier(word)) => {
                    if let Some(&(_, index)) = names.iter().find(|(name, _)| *name == word) {
                        action.args.push(index);
                    } else if let Some(Word::Soft(text)) = self.words.get(self.next + 1).copied()
                        && let Some(Ok(version)) = word.strip_prefix('v').map(str::parse)
                    {
                        action.version = Some((version, text));
                        self.next += 1;
                    } else {
                        action.name = word;
                    }
                }
                Some(Word::Punctuation('=')) => action.name = "=",
                Some(Word::Soft(text)) => action.text = text.replace("\\\"", "\""),
                None => break,
                _ => {}
            }
            self.next += 1;
        }
        action
    }

    fn item(&mut self) -> Item {
        if self.eat('&') {
            if self.eat('&') {
                if let Some(Word::Quoted(text)) = self.peek() {
                    self.next += 1;
                    return Item::Demanded(token(text), text);
                }
                return Item::Cut;
            }
            return Item::Ahead(Box::new(self.item()));
        }
        if self.eat('!') {
            return Item::NotAhead(Box::new(self.item()));
        }
        if self.eat('~') {
            return Item::Cut;
        }
        let atom = self.atom();
        if self.eat('?') {
            Item::Optional(Box::new(atom))
        } else if self.eat('*') {
            Item::Star(Box::new(atom))
        } else if self.eat('+') {
            Item::Plus(Box::new(atom))
        } else if self.eat('.') {
            let element = self.atom();
            self.eat('+');
            Item::Separated(Box::new(atom), Box::new(element))
        } else {
            atom
        }
    }

    fn atom(&mut self) -> Item {
        let word = self.peek();
        self.next += 1;
        match word {
            Some(Word::Quoted(text)) => Item::Token(token(text)),
            Some(Word::Soft(text)) => match token(text) {
                T::Name => Item::Soft(text),
                // `"/"` and `"!"` stand for the operators.
                kind => Item::Token(kind),
            },
            Some(Word::Punctuation('(')) => {
                let alternatives = self.alternatives();
                self.eat(')');
                let number = self.grammar.rules.len();
                self.grammar.rules.push(Rule {
                    name: "",
                    alternatives,
                    ..Rule::default()
                });
                Item::Rule(number)
            }
            Some(Word::Identifier(name)) => match name {
                "NAME" => Item::Token(T::Name),
                "NUMBER" => Item::Token(T::Number),
                "STRING" => Item::Token(T::String),
                "NEWLINE" => Item::Token(T::Newline),
                "INDENT" => Item::Token(T::Indent),
                "DEDENT" => Item::Token(T::Dedent),
                "ENDMARKER" => Item::Token(T::EndMarker),
                "TYPE_COMMENT" => Item::Token(T::TypeComment),
                "FSTRING_START" => Item::Token(T::FStringStart),
                "FSTRING_MIDDLE" => Item::Token(T::FStringMiddle),
                "FSTRING_END" => Item::Token(T::FStringEnd),
                "TSTRING_START" => Item::Token(T::TemplateStart),
                "TSTRING_MIDDLE" => Item::Token(T::TemplateMiddle),
                "TSTRING_END" => Item::Token(T::TemplateEnd),
                "SOFT_KEYWORD" => Item::SoftKeyword,
                _ => Item::Rule(self.grammar.number(name)),
            },
            _ => Item::Cut,
        }
    }
}

/// The token that a quoted text stands for; a name where it is no operator and no keyword.
fn token(text: &str) -> T {
    match text {
        "(" => T::LPar,
        ")" => T::RPar,
        "[" => T::LSqb,
        "]" => T::RSqb,
        "{" => T::LBrace,
        "}" => T::RBrace,
        ":" => T::Colon,
        "," => T::Comma,
        ";" => T::Semi,
        "+" => T::Plus,
        "-" => T::Minus,
        "*" => T::Star,
        "/" => T::Slash,
        "|" => T::VBar,
        "&" => T::Amper,
        "<" => T::Less,
        ">" => T::Greater,
        "=" => T::Equal,
        "." => T::Dot,
        "%" => T::Percent,
        "==" => T::EqEqual,
        "!=" => T::NotEqual,
        "<=" => T::LessEqual,
        ">=" => T::GreaterEqual,
        "~" => T::Tilde,
        "^" => T::Circumflex,
        "<<" => T::LeftShift,
        ">>" => T::RightShift,
        "**" => T::DoubleStar,
        "+=" => T::PlusEqual,
        "-=" => T::MinEqual,
        "*=" => T::StarEqual,
        "/=" => T::SlashEqual,
        "%=" => T::PercentEqual,
        "&=" => T::AmperEqual,
        "|=" => T::VBarEqual,
        "^=" => T::CircumflexEqual,
        "<<=" => T::LeftShiftEqual,
        ">>=" => T::RightShiftEqual,
        "**=" => T::DoubleStarEqual,
        "//" => T::DoubleSlash,
        "//=" => T::DoubleSlashEqual,
        "@" => T::At,
        "@=" => T::AtEqual,
        "->" => T::RArrow,
        "..." => T::Ellipsis,
        ":=" => T::ColonEqual,
        "!" => T::Exclamation,
        _ => keyword(text),
    }
}
