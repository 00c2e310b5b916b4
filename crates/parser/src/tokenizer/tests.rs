use super::*;

fn items(text: &str, extra: bool) -> Vec<String> {
    let (mut infos, mut lines, mut out) = (Infos::new(extra), TextLines(text), Vec::new());
    loop {
        match infos.next_info(&mut lines) {
            Ok(Some(i)) => {
                let ((l, c), (el, ec)) = (i.start, i.end);
                out.push(format!(
                    "{} {:?} {l},{c}-{el},{ec}",
                    i.kind,
                    String::from_utf8_lossy(&i.string)
                ));
            }
            Err(TokenError::Syntax(e)) => {
                out.push(format!("{} {},{}", e.message, e.lineno, e.offset))
            }
            Ok(None) | Err(TokenError::Read) => return out,
        }
    }
}

#[test]
fn messages() {
    for (text, message) in [
        ("0x", "invalid hexadecimal literal 1,2"),
        ("0b12", "invalid digit '2' in binary literal 1,4"),
        ("1__0", "invalid decimal literal 1,2"),
        ("1andy", "invalid decimal literal 1,1"),
        (
            "'a\\'",
            "unterminated string literal (detected at line 1); perhaps you escaped the end quote? 1,1",
        ),
        (
            "'''a\n",
            "unterminated triple-quoted string literal (detected at line 1) 1,1",
        ),
        (
            "f'abc",
            "unterminated f-string literal (detected at line 1) 1,1",
        ),
        ("f'{a'", "f-string: expecting '}' 1,5"),
        ("t'}'", "t-string: single '}' is not allowed 1,3"),
        (
            "(]",
            "closing parenthesis ']' does not match opening parenthesis '(' 1,2",
        ),
        ("f'{a]}'", "f-string: unmatched ']' 1,5"),
        (")", "unmatched ')' 1,1"),
        ("é=bu''", "'u' and 'b' prefixes are incompatible 1,3"),
        ("a\u{200b}b", "invalid non-printable character U+200B 1,2"),
        ("€", "invalid character '€' (U+20AC) 1,1"),
        (
            "if 1:\n    a\n  b\n",
            "unindent does not match any outer indentation level 3,4",
        ),
        (
            "if 1:\n\ta\n        b\n",
            "inconsistent use of tabs and spaces in indentation 3,10",
        ),
        (
            "a\\ b",
            "unexpected character after line continuation character 1,5",
        ),
        ("a\\\n", "unexpected EOF in multi-line statement 1,3"),
        ("(a", "unexpected EOF in multi-line statement 1,0"),
        ("a\0", "source code cannot contain null bytes 1,0"),
    ] {
        assert_eq!(
            items(text, false).pop().unwrap_or_default(),
            message,
            "{text:?}"
        );
    }
    assert!(
        items(&"(".repeat(201), true)
            .pop()
            .is_some_and(|e| e.starts_with("too many nested parentheses"))
    );
}

#[test]
fn extra_tokens() {
    let found = items("if é: #c\n  f'{x!r:>{w}}'", true).join("|");
    let expected = "1 \"if\" 1,0-1,2|1 \"é\" 1,3-1,4|55 \":\" 1,4-1,5|65 \"#c\" 1,6-1,8|4 \"\\n\" 1,8-1,9|\
        5 \"  \" 2,0-2,2|59 \"f'\" 2,2-2,4|55 \"{\" 2,4-2,5|1 \"x\" 2,5-2,6|55 \"!\" 2,6-2,7|1 \"r\" 2,7-2,8|\
        55 \":\" 2,8-2,9|60 \">\" 2,9-2,10|55 \"{\" 2,10-2,11|1 \"w\" 2,11-2,12|55 \"}\" 2,12-2,13|\
        60 \"\" 2,13-2,13|55 \"}\" 2,13-2,14|61 \"'\" 2,14-2,15|4 \"\" 2,15-2,16|6 \"\" 3,0-3,0|0 \"\" 3,0-3,0";
    assert_eq!(found, expected);
    // Brackets need not match, but a replacement field ends with a brace.
    assert!(
        items("(]", true)
            .pop()
            .is_some_and(|last| last.starts_with("0 "))
    );
    assert_eq!(
        items("f'{)'", true).pop().as_deref(),
        Some("f-string: unmatched ')' 1,4")
    );
}
