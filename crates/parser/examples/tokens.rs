//! Writes the tokens of source files as text: `tokens OUTDIR LIST`, the n-th file of LIST to OUTDIR/n.tokens.
//!
//! The text is that of tools/frontend's dump of `tokenize.tokenize`, for a comparison line by line.

use naja_parser::error::SyntaxErrorKind;
use naja_parser::source::{Source, cookie, decode};
use naja_parser::tokenizer::{Infos, TextLines, TokenError};
use std::fmt::Write;

fn repr(bytes: &[u8]) -> String {
    let mut out = String::new();
    naja_parser::repr::str(&mut out, bytes);
    out
}

fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    let text = match decode(bytes, None) {
        Ok(Source::Text { text, .. }) => text.into_owned(),
        Ok(Source::Codec { encoding, .. }) => return format!("codec {encoding}\n"),
        Err(error) => return format!("SyntaxError: {}\n", error.message),
    };
    let encoding = cookie(bytes).map_or("utf-8".to_owned(), |found| found.0);
    let _ = writeln!(out, "(0, 0)-(0, 0) 68 {}", repr(encoding.as_bytes()));
    let (mut infos, mut lines) = (Infos::new(true), TextLines(&text));
    loop {
        match infos.next_info(&mut lines) {
            Ok(Some(info)) => {
                let ((l, c), (el, ec)) = (info.start, info.end);
                let _ = writeln!(
                    out,
                    "({l}, {c})-({el}, {ec}) {} {}",
                    info.kind,
                    repr(&info.string)
                );
            }
            Ok(None) => return out,
            Err(TokenError::Read) => return out + "read failed\n",
            Err(TokenError::Syntax(error)) => {
                let message = if error
                    .message
                    .contains("unterminated triple-quoted string literal")
                {
                    "EOF in multi-line string".to_owned()
                } else {
                    error.message
                };
                let _ = match error.kind {
                    SyntaxErrorKind::Syntax => {
                        writeln!(
                            out,
                            "TokenError: ({}, ({}, {}))",
                            repr(message.as_bytes()),
                            error.lineno,
                            error.offset
                        )
                    }
                    SyntaxErrorKind::Tab => {
                        writeln!(out, "TabError: {message} (<string>, line {})", error.lineno)
                    }
                    _ => writeln!(
                        out,
                        "IndentationError: {message} (<string>, line {})",
                        error.lineno
                    ),
                };
                return out;
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(out), Some(list)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: tokens OUTDIR LIST"));
    };
    for (number, path) in std::fs::read_to_string(list)?.lines().enumerate() {
        std::fs::write(
            format!("{out}/{number}.tokens"),
            dump(&std::fs::read(path)?),
        )?;
    }
    Ok(())
}
