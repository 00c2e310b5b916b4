//! The parser: tokens to syntax tree for the whole grammar of Python 3.14.
//!
//! Two parsers share the work. The fast one (`statement`, `compound`, `expression`, `arguments`, `pattern`, `fstring`,
//! `type_params`) is recursive descent by hand; it builds the tree of a correct program and knows nothing of messages.
//! Where it fails, `grammar` runs CPython's PEG rules, alternative by alternative with its `invalid_*` rules, to find
//! the exact message and range. So the fast parser may look ahead as it pleases; it must only accept the same programs
//! and make the same trees. CPython: `Grammar/python.gram`, `Parser/pegen.c`, `Parser/action_helpers.c`.

mod arguments;
mod compound;
mod errors;
mod expression;
mod fstring;
mod grammar;
mod literal;
mod node;
mod pattern;
mod scanner;
mod statement;
mod stream;
mod type_params;

use crate::ast::*;
use crate::error::{SyntaxError, Warning, WarningCategory};
use crate::stack::Stack;
use crate::wtf8::Wtf8;
use expression::MAX_LEVEL;
use stream::{T, Tok};

/// What to parse: `exec`, `eval` or `single` input, or a function's type comment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Exec,
    Eval,
    Single,
    FuncType,
}

/// The flags of `compile()` that concern the parser.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// Parse `# type:` comments (`PyCF_TYPE_COMMENTS`).
    pub type_comments: bool,
    /// The minor version of Python 3 whose grammar holds, for `ast.parse(feature_version=...)`.
    pub feature_version: u8,
    /// `from __future__ import barry_as_FLUFL` is in force.
    pub barry_as_flufl: bool,
    /// `PyCF_ALLOW_INCOMPLETE_INPUT`: input that ends too early raises `_IncompleteInputError`.
    pub allow_incomplete_input: bool,
    /// `PyCF_DONT_IMPLY_DEDENT`: the end of `single` input closes no block.
    pub dont_imply_dedent: bool,
    /// `sys.get_int_max_str_digits()`: decimal literals may not be longer; 0 for no limit.
    pub int_max_str_digits: usize,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            type_comments: false,
            feature_version: 14,
            barry_as_flufl: false,
            allow_incomplete_input: false,
            dont_imply_dedent: false,
            int_max_str_digits: 4300,
        }
    }
}

/// A syntax tree and the warnings (invalid escapes, `1if x`) that came up.
/// `barry_as_flufl` tells whether the text itself asked for that future.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub module: &'a Mod<'a>,
    pub warnings: Vec<Warning>,
    pub barry_as_flufl: bool,
}

/// Parses `source`.
pub fn parse<'a>(
    source: &str,
    mode: Mode,
    options: &ParseOptions,
    arena: &'a Arena,
) -> Result<Parsed<'a>, SyntaxError> {
    let mut warnings = Vec::new();
    let (module, barry_as_flufl) =
        parse_with_warnings(source, mode, options, arena, &mut warnings)?;
    Ok(Parsed {
        module,
        warnings,
        barry_as_flufl,
    })
}

/// Parses `source`; warnings come up even where it is wrong. The result's second part is `Parsed::barry_as_flufl`.
pub fn parse_with_warnings<'a>(
    source: &str,
    mode: Mode,
    options: &ParseOptions,
    arena: &'a Arena,
    warnings: &mut Vec<Warning>,
) -> Result<(&'a Mod<'a>, bool), SyntaxError> {
    let source = translate_newlines(source, mode, arena);
    let scanned = scanner::scan(source, mode, options);
    let mut parser = Parser {
        source,
        arena,
        options,
        tokens: scanned.tokens,
        mark: 0,
        level: 32,
        too_deep: false,
        barry: options.barry_as_flufl,
        stack: Stack::here(),
        warnings: scanned.warnings,
        type_ignores: scanned.type_ignores,
        exprs: Vec::new(),
        stmts: Vec::new(),
        keywords: Vec::new(),
        keys: Vec::new(),
        pending: Vec::new(),
    };
    let result = match mode {
        Mode::Exec => parser.file(),
        Mode::Eval => parser.eval(),
        Mode::Single => parser.interactive(),
        Mode::FuncType => parser.func_type(),
    };
    // The scanner's warnings come first, CPython's as it goes.
    parser.warnings.sort_by_key(|warning| warning.lineno);
    warnings.append(&mut parser.warnings);
    match result {
        Ok(module) => {
            let last = &parser.tokens[parser.mark.saturating_sub(1)];
            if mode == Mode::Single && errors::has_second_statement(source, last.end as usize) {
                return Err(errors::multiple_statements(source, last));
            }
            Ok((arena.alloc(module), parser.barry))
        }
        Err(Fail) => Err(errors::find_error(&errors::Input {
            source,
            tokens: &parser.tokens,
            token_error: scanned.error.as_ref(),
            error_in_string: scanned.error_in_string,
            error_deferred: scanned.error_deferred,
            unclosed: scanned.unclosed.as_ref(),
            mode,
            options,
            too_deep: parser.too_deep,
        })),
    }
}

/// The text in the arena, with `\n` for every line end; a file's text gets one at its end.
fn translate_newlines<'a>(source: &str, mode: Mode, arena: &'a Arena) -> &'a str {
    let add_newline = mode == Mode::Exec && !source.is_empty() && !source.ends_with(['\n', '\r']);
    if !add_newline && memchr::memchr(b'\r', source.as_bytes()).is_none() {
        return arena.str(source);
    }
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    if add_newline {
        text.push('\n');
    }
    arena.str(&text)
}

/// An identifier in its normal form.
fn normalize<'a>(arena: &'a Arena, text: &'a str) -> &'a str {
    match naja_unicode::nfkc(text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(changed) => arena.str(&changed),
    }
}

/// The fast parser's only error: this is not the grammar. The message is found by `grammar`.
#[derive(Debug)]
struct Fail;

type P<V> = Result<V, Fail>;

struct Parser<'a, 'o> {
    source: &'a str,
    arena: &'a Arena,
    options: &'o ParseOptions,
    tokens: Vec<Tok>,
    mark: usize,
    /// CPython's recursion counter, approximately.
    level: u32,
    too_deep: bool,
    barry: bool,
    stack: Stack,
    warnings: Vec<Warning>,
    type_ignores: Vec<TypeIgnore<'a>>,
    // Lists under construction: a rule remembers the length, pushes, and takes what it pushed.
    exprs: Vec<ExprRef<'a>>,
    stmts: Vec<StmtRef<'a>>,
    keywords: Vec<Keyword<'a>>,
    keys: Vec<Option<ExprRef<'a>>>,
    pending: Vec<(usize, ExprRef<'a>, ExprRef<'a>)>,
}

/// A place to come back to.
struct Saved {
    mark: usize,
    level: u32,
    barry: bool,
    exprs: usize,
    stmts: usize,
    keywords: usize,
    keys: usize,
    pending: usize,
    warnings: usize,
}

impl<'a> Parser<'a, '_> {
    #[inline]
    fn kind(&self) -> T {
        self.tokens[self.mark].kind
    }

    /// The kind of the token `ahead` of the current one.
    #[inline]
    fn peek(&self, ahead: usize) -> T {
        self.tokens
            .get(self.mark + ahead)
            .map_or(T::Error, |token| token.kind)
    }

    #[inline]
    fn eat(&mut self, kind: T) -> bool {
        // A branch, not `mark += usize::from(found)`: rustc 1.95 compiles that wrongly in loops at opt-level 2 and 3.
        if self.kind() != kind {
            return false;
        }
        self.mark += 1;
        true
    }

    #[inline]
    fn expect(&mut self, kind: T) -> P<()> {
        if self.eat(kind) { Ok(()) } else { Err(Fail) }
    }

    #[inline]
    fn text(&self, token: usize) -> &'a str {
        let token = &self.tokens[token];
        self.source
            .get(token.start as usize..token.end as usize)
            .unwrap_or("")
    }

    /// From the first token of a rule to the last one consumed that is no line end or indentation.
    #[inline]
    fn range(&self, start: usize) -> Range {
        let first = &self.tokens[start];
        let mut last = self.mark - 1;
        while matches!(
            self.tokens[last].kind,
            T::EndMarker | T::Newline | T::Indent | T::Dedent
        ) && last > 0
        {
            last -= 1;
        }
        let last = &self.tokens[last];
        Range::new(
            first.lineno as i32,
            first.col as i32,
            last.end_lineno as i32,
            last.end_col as i32,
        )
    }

    #[inline]
    fn expr(&self, start: usize, kind: ExprKind<'a>) -> ExprRef<'a> {
        self.arena.expr(kind, self.range(start))
    }

    #[inline]
    fn stmt(&self, start: usize, kind: StmtKind<'a>) -> StmtRef<'a> {
        self.arena.stmt(kind, self.range(start))
    }

    #[inline]
    fn take_exprs(&mut self, base: usize) -> &'a [ExprRef<'a>] {
        let taken = self.arena.slice(&self.exprs[base..]);
        self.exprs.truncate(base);
        taken
    }

    #[inline]
    fn take_stmts(&mut self, base: usize) -> &'a [StmtRef<'a>] {
        let taken = self.arena.slice(&self.stmts[base..]);
        self.stmts.truncate(base);
        taken
    }

    fn save(&self) -> Saved {
        Saved {
            mark: self.mark,
            level: self.level,
            barry: self.barry,
            exprs: self.exprs.len(),
            stmts: self.stmts.len(),
            keywords: self.keywords.len(),
            keys: self.keys.len(),
            pending: self.pending.len(),
            warnings: self.warnings.len(),
        }
    }

    fn restore(&mut self, saved: Saved) {
        self.mark = saved.mark;
        self.level = saved.level;
        self.barry = saved.barry;
        self.exprs.truncate(saved.exprs);
        self.stmts.truncate(saved.stmts);
        self.keywords.truncate(saved.keywords);
        self.keys.truncate(saved.keys);
        self.pending.truncate(saved.pending);
        self.warnings.truncate(saved.warnings);
    }

    /// Counts `levels` of recursion; fails where CPython's parser stack would overflow.
    #[inline]
    fn deepen(&mut self, levels: u32) -> P<()> {
        self.level += levels;
        if self.level > MAX_LEVEL {
            self.too_deep = true;
            return Err(Fail);
        }
        self.check_stack()
    }

    #[inline]
    fn check_stack(&mut self) -> P<()> {
        if self.stack.exhausted() {
            self.too_deep = true;
            return Err(Fail);
        }
        Ok(())
    }

    fn require_version(&self, minor: u8) -> P<()> {
        if self.options.feature_version >= minor {
            Ok(())
        } else {
            Err(Fail)
        }
    }

    /// A name token's identifier, normalised.
    #[inline]
    fn identifier(&mut self) -> P<Identifier<'a>> {
        if self.kind() != T::Name {
            return Err(Fail);
        }
        let text = self.text(self.mark);
        self.mark += 1;
        if text.is_ascii() {
            return Ok(text);
        }
        match normalize(self.arena, text) {
            "None" | "True" | "False" => Err(Fail),
            name => Ok(name),
        }
    }

    #[inline]
    fn name(&mut self, ctx: ExprContext) -> P<ExprRef<'a>> {
        let start = self.mark;
        let id = self.identifier()?;
        Ok(self
            .arena
            .expr(ExprKind::Name { id, ctx }, self.tokens[start].range()))
    }

    fn number_value(&self, token: usize) -> P<Constant<'a>> {
        if self.kind() != T::Number {
            return Err(Fail);
        }
        let text = self.text(token);
        if text.contains('_') {
            self.require_version(6)?;
        }
        literal::number(text, self.options, self.arena).map_err(|_| Fail)
    }

    fn string_value(&mut self, token: usize) -> P<Constant<'a>> {
        let mut bad = None;
        let value = literal::string(self.text(token), self.arena, &mut bad).map_err(|_| Fail)?;
        if let Some(bad) = bad {
            self.warn_escape(self.tokens[token].lineno, token, bad);
        }
        Ok(value)
    }

    /// The text of a literal part of an f-string, and the escape sequence in it that means nothing.
    fn decode_part(
        &self,
        raw: bool,
        text: &'a str,
    ) -> P<(&'a Wtf8, Option<literal::BadEscape<'a>>)> {
        let mut bad = None;
        let value = literal::text_value(text, raw, 0, self.arena, &mut bad).map_err(|_| Fail)?;
        // The scanner has already warned of backslashes before braces.
        Ok((value, bad.filter(|bad| !matches!(bad.sequence, "{" | "}"))))
    }

    /// Warns of an escape sequence in a token, counting lines from `lineno`.
    fn warn_escape(&mut self, lineno: u32, token: usize, bad: literal::BadEscape<'a>) {
        let text = self.text(token).as_bytes();
        let before = &text[..bad.offset.min(text.len())];
        let lines = before.iter().filter(|&&b| b == b'\n').count();
        // The column in the line where the backslash stands.
        let at = self.tokens[token].start as usize + before.len();
        let ahead = self.source.get(..at).unwrap_or("");
        let column = ahead[ahead.rfind('\n').map_or(0, |end| end + 1)..]
            .chars()
            .count() as i32
            + 1;
        let width = 1 + bad.sequence.chars().count() as i32;
        self.warnings.push(Warning {
            category: WarningCategory::Syntax,
            message: bad.message(),
            lineno: lineno as i32 + lines as i32,
            col_offset: column,
            end_lineno: lineno as i32 + lines as i32,
            end_col_offset: column + width,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::dump;

    fn parsed(source: &str) -> String {
        let arena = Arena::new();
        match parse(source, Mode::Exec, &ParseOptions::default(), &arena) {
            Ok(parsed) => dump(parsed.module, false).unwrap_or_default(),
            Err(error) => format!("{} {}:{}", error.message, error.lineno, error.offset),
        }
    }

    fn expression(source: &str) -> String {
        let arena = Arena::new();
        match parse(source, Mode::Eval, &ParseOptions::default(), &arena) {
            Ok(parsed) => dump(parsed.module, true).unwrap_or_default(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn ranges_reach_from_the_first_to_the_last_token() {
        assert_eq!(
            expression("(a).b"),
            "Expression(body=Attribute(value=Name(id='a', ctx=Load(), lineno=1, col_offset=1, end_lineno=1, \
             end_col_offset=2), attr='b', ctx=Load(), lineno=1, col_offset=0, end_lineno=1, end_col_offset=5))"
        );
        assert_eq!(
            expression("f'{x=}'"),
            "Expression(body=JoinedStr(values=[Constant(value='x=', lineno=1, col_offset=3, end_lineno=1, \
             end_col_offset=5), FormattedValue(value=Name(id='x', ctx=Load(), lineno=1, col_offset=3, end_lineno=1, \
             end_col_offset=4), conversion=114, lineno=1, col_offset=2, end_lineno=1, end_col_offset=6)], lineno=1, \
             col_offset=0, end_lineno=1, end_col_offset=7))"
        );
    }

    #[test]
    fn words_that_are_keywords_only_sometimes() {
        assert!(
            parsed("match = case = type = _ = 1\nmatch(x)\ntype(x)\nmatch[a:b]")
                .starts_with("Module")
        );
        assert!(
            parsed("match x, *y:\n case [1, *_] if z: pass\n case A(b=-1j | None) as c: pass")
                .contains("Match(")
        );
        assert!(parsed("type X[*T = int, **P] = T").contains("TypeAlias("));
        assert!(parsed("with (a as b, c): pass").contains("optional_vars"));
        assert!(parsed("with (a, b) as c: pass").contains("Tuple("));
        assert!(parsed("with (yield): pass").contains("Yield("));
    }

    #[test]
    fn long_chains_need_no_stack() {
        let arena = Arena::new();
        for (unit, last) in [
            ("1+", "1"),
            ("a.", "b"),
            ("a=", "1"),
            ("not ", "1"),
            ("1 or ", "1"),
        ] {
            let count = if unit == "not " { 5000 } else { 300_000 };
            let source = unit.repeat(count) + last;
            assert!(
                parse(&source, Mode::Exec, &ParseOptions::default(), &arena).is_ok(),
                "{unit}"
            );
        }
        assert_eq!(
            parsed(&"-".repeat(100_000)),
            "Parser stack overflowed - Python source too complex to parse 0:0"
        );
    }

    #[test]
    fn messages() {
        for (source, expected) in [
            ("a b", "invalid syntax 1:3"),
            ("(a b)", "invalid syntax. Perhaps you forgot a comma? 1:2"),
            (
                "print 1",
                "Missing parentheses in call to 'print'. Did you mean print(...)? 1:1",
            ),
            ("if x\n  pass", "expected ':' 1:5"),
            (
                "if x:\npass",
                "expected an indented block after 'if' statement on line 1 2:1",
            ),
            (
                "f() = 1",
                "cannot assign to function call here. Maybe you meant '==' instead of '='? 1:1",
            ),
            (
                "f(a=1, b)",
                "positional argument follows keyword argument 1:9",
            ),
            (
                "f(x for x in y, 1)",
                "Generator expression must be parenthesized 1:3",
            ),
            (
                "[a, b for a in b]",
                "did you forget parentheses around the comprehension target? 1:2",
            ),
            ("x = (1,\ny = 2", "'(' was never closed 1:5"),
            ("  x", "unexpected indent 1:2"),
            ("try: pass\nx", "expected 'except' or 'finally' block 2:1"),
            (
                "f'{a!x}'",
                "f-string: invalid conversion character 'x': expected 's', 'r', or 'a' 1:6",
            ),
            (
                "f'{lambda x: 1}'",
                "f-string: lambda expressions are not allowed without parentheses 1:4",
            ),
            ("'a' b'b'", "cannot mix bytes and nonbytes literals 1:9"),
            (
                "'\\N{no such}'",
                "(unicode error) 'unicodeescape' codec can't decode bytes in position 0-10: \
                unknown Unicode character name 1:1",
            ),
            (
                "1 <> 2",
                "invalid syntax.  Maybe you meant '!=' instead of '<>'? 1:3",
            ),
            (
                "def f(a, *): pass",
                "named arguments must follow bare * 1:10",
            ),
            (
                "0777",
                "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal \
                integers 1:1",
            ),
            ("é = 'ü' ä", "invalid syntax 1:9"),
        ] {
            assert_eq!(parsed(source), expected, "{source}");
        }
    }

    #[test]
    fn interactive_input_may_be_incomplete() {
        let arena = Arena::new();
        let options = ParseOptions {
            allow_incomplete_input: true,
            dont_imply_dedent: true,
            ..ParseOptions::default()
        };
        let message = |source| match parse(source, Mode::Single, &options, &arena) {
            Ok(_) => String::new(),
            Err(error) => error.message,
        };
        assert_eq!(message("x = 1\n"), "");
        assert_eq!(message("if x:\n  y"), "incomplete input");
        assert_eq!(message("'''abc"), "incomplete input");
        assert_eq!(message("x y\n"), "invalid syntax");
        assert_eq!(
            message("x\ny"),
            "multiple statements found while compiling a single statement"
        );
    }

    #[test]
    fn versions_and_type_comments() {
        let arena = Arena::new();
        let old = ParseOptions {
            feature_version: 7,
            ..ParseOptions::default()
        };
        let error = parse("(x := 1)", Mode::Exec, &old, &arena)
            .map(|_| ())
            .map_err(|error| error.message);
        assert_eq!(
            error,
            Err("Assignment expressions are only supported in Python 3.8 and greater".to_owned())
        );
        let typed = ParseOptions {
            type_comments: true,
            ..ParseOptions::default()
        };
        let source = "def f(a):\n  # type: (int) -> str\n  pass # type: ignore[x]\n";
        let text = parse(source, Mode::Exec, &typed, &arena)
            .ok()
            .and_then(|parsed| dump(parsed.module, false).ok());
        let text = text.unwrap_or_default();
        assert!(
            text.contains("type_comment='(int) -> str'") && text.contains("tag='[x]'"),
            "{text}"
        );
    }
}
