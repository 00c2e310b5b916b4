//! Docstrings without their indentation.
//!
//! Like `inspect.cleandoc`, except that blank lines at the start and end stay, to keep line numbers.
//! CPython: `_PyCompile_CleanDoc` in `Python/compile.c`.

/// Expands tabs to columns of eight, as `str.expandtabs`.
fn expand_tabs(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut column = 0;
    for &byte in text {
        match byte {
            b'\t' => {
                let width = 8 - column % 8;
                result.resize(result.len() + width, b' ');
                column += width;
            }
            b'\n' | b'\r' => {
                result.push(byte);
                column = 0;
            }
            _ => {
                result.push(byte);
                // Columns count characters: continuation bytes are none.
                column += usize::from(byte & 0xc0 != 0x80);
            }
        }
    }
    result
}

fn spaces(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// The docstring as it is stored. Takes and returns WTF-8.
pub(super) fn clean_doc(text: &[u8]) -> Vec<u8> {
    let text = expand_tabs(text);
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let indents = lines.clone().filter_map(|line| {
        let indent = spaces(line);
        line.get(indent)
            .filter(|byte| **byte != b'\n')
            .map(|_| indent)
    });
    let margin = indents.min().unwrap_or(0);
    if spaces(first) == 0 && margin == 0 {
        return text;
    }
    let mut result = Vec::with_capacity(text.len());
    result.extend_from_slice(&first[spaces(first)..]);
    for line in lines {
        result.extend_from_slice(&line[spaces(line).min(margin)..]);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::clean_doc;

    #[test]
    fn indentation_goes_and_lines_stay() {
        assert_eq!(clean_doc(b"  a\n    b\n\n      c\n   "), b"a\nb\n\n  c\n");
        assert_eq!(clean_doc(b"a\n\tb\n        c"), b"a\nb\nc");
        assert_eq!(clean_doc(b"a\nb\n  c"), b"a\nb\n  c");
    }
}
