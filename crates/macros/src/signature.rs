//! Parses text signatures: `($self, x, /, *, key=None)`.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PosOnly,
    PosOrKw,
    VarArgs,
    KwOnly,
    VarKw,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Param {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
}

/// The parameters of a text signature, `$self`, `$type` and `$module` left out.
pub fn parse(text: &str) -> Result<Vec<Param>, String> {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'))
        .ok_or_else(|| format!("a signature stands in parentheses: {text:?}"))?;
    let mut params: Vec<Param> = Vec::new();
    let mut kind = Kind::PosOrKw;
    for part in split(inner) {
        let part = part.trim();
        match part {
            "" => {}
            "/" => params
                .iter_mut()
                .filter(|p| p.kind == Kind::PosOrKw)
                .for_each(|p| p.kind = Kind::PosOnly),
            "*" => kind = Kind::KwOnly,
            _ if part.starts_with('$') => {}
            _ if part.starts_with("**") => params.push(Param {
                name: part[2..].into(),
                kind: Kind::VarKw,
                required: false,
            }),
            _ if part.starts_with('*') => {
                params.push(Param {
                    name: part[1..].into(),
                    kind: Kind::VarArgs,
                    required: false,
                });
                kind = Kind::KwOnly;
            }
            _ => {
                let (name, default) = match part.split_once('=') {
                    Some((name, default)) => (name.trim(), Some(default)),
                    None => (part, None),
                };
                if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                    return Err(format!("not a parameter: {part:?}"));
                }
                params.push(Param {
                    name: name.into(),
                    kind,
                    required: default.is_none(),
                });
            }
        }
    }
    Ok(params)
}

/// Splits at commas outside brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut parts) = (0i32, None, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_defaults() {
        let p = parse("($self, a, b=(1, 2), /, c=',', *args, d, e=None, **kw)").unwrap();
        let shape: Vec<_> = p
            .iter()
            .map(|p| (p.name.as_str(), p.kind, p.required))
            .collect();
        use Kind::*;
        assert_eq!(
            shape,
            [
                ("a", PosOnly, true),
                ("b", PosOnly, false),
                ("c", PosOrKw, false),
                ("args", VarArgs, false),
                ("d", KwOnly, true),
                ("e", KwOnly, false),
                ("kw", VarKw, false)
            ]
        );
        assert!(parse("a, b").is_err());
    }
}
