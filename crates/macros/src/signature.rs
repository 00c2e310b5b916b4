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
///
/// Brackets mark parameters without a default that can be left out: `($self, sub[, start[, end]], /)`.
pub fn parse(text: &str) -> Result<Vec<Param>, String> {
    if let Some(at) = text.find("[, ") {
        let plain = |part: &str| part.replace(['[', ']'], "");
        let required = parse(&format!("{})", plain(&text[..at])))?;
        let mut all = parse(&plain(text))?;
        all.iter_mut()
            .skip(required.len())
            .for_each(|p| p.required = false);
        return Ok(all);
    }
    let mut params: Vec<Param> = Vec::new();
    let mut kind = Kind::PosOrKw;
    let mut optional = false;
    for part in split(inside(text)?) {
        let part = part.trim();
        if params.last().is_some_and(|p| p.kind == Kind::VarKw) && !part.is_empty() {
            return Err(format!(
                "nothing can follow **{}",
                params[params.len() - 1].name
            ));
        }
        match part {
            "" => {}
            "/" if kind != Kind::PosOrKw || params.iter().any(|p| p.kind == Kind::PosOnly) => {
                return Err("`/` stands once, before any `*`".into());
            }
            "/" => params.iter_mut().for_each(|p| p.kind = Kind::PosOnly),
            "*" if kind == Kind::KwOnly => return Err("there is one `*` at most".into()),
            "*" => kind = Kind::KwOnly,
            _ if part.starts_with('$') => {}
            _ if part.starts_with("**") => add(&mut params, &part[2..], Kind::VarKw, false)?,
            _ if part.starts_with('*') => {
                if kind == Kind::KwOnly {
                    return Err("there is one `*` at most".into());
                }
                add(&mut params, &part[1..], Kind::VarArgs, false)?;
                kind = Kind::KwOnly;
            }
            _ => {
                let (name, default) = match part.split_once('=') {
                    Some((name, default)) => (name.trim(), Some(default)),
                    None => (part, None),
                };
                if default.is_none() && optional && kind != Kind::KwOnly {
                    return Err(format!(
                        "`{name}` has no default, but a parameter before it has"
                    ));
                }
                optional |= default.is_some();
                add(&mut params, name, kind, default.is_none())?;
            }
        }
    }
    Ok(params)
}

fn add(params: &mut Vec<Param>, name: &str, kind: Kind, required: bool) -> Result<(), String> {
    let starts = name
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_');
    if !starts || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("not the name of a parameter: {name:?}"));
    }
    if params.iter().any(|p| p.name == name) {
        return Err(format!("there are two parameters `{name}`"));
    }
    params.push(Param {
        name: name.into(),
        kind,
        required,
    });
    Ok(())
}

/// What stands between the parentheses.
fn inside(text: &str) -> Result<&str, String> {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'));
    inner.ok_or_else(|| format!("a signature stands in parentheses: {text:?}"))
}

/// The text with the receiver (`$self`, `$type`, `$module`) in front, as CPython's signatures have it, unless one is there
/// or `first` is empty.
pub fn with_first(text: &str, first: &str) -> String {
    let Ok(inner) = inside(text) else {
        return text.to_string();
    };
    if first.is_empty() || inner.trim_start().starts_with('$') {
        return text.to_string();
    }
    if inner.trim().is_empty() {
        format!("({first}, /)")
    } else if split(inner).iter().any(|part| part.trim() == "/") {
        format!("({first}, {inner})")
    } else {
        format!("({first}, /, {inner})")
    }
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
    fn brackets() {
        let p = parse("($self, sub[, start[, end]], /)").unwrap();
        assert_eq!(
            p.iter().map(|p| p.required).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert!(p.iter().all(|p| p.kind == Kind::PosOnly));
    }

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
        for wrong in [
            "a, b",
            "(a, /, b, /)",
            "(a=1, b)",
            "(*, *)",
            "(*a, *)",
            "(a, a)",
            "(1a)",
            "(**k, a)",
            "(a b)",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse("(a=1, *, b, c='/,*')").is_ok());
    }

    #[test]
    fn receivers() {
        assert_eq!(with_first("()", "$self"), "($self, /)");
        assert_eq!(with_first("(x, /)", "$module"), "($module, x, /)");
        assert_eq!(
            with_first("(*args, sep=' ')", "$module"),
            "($module, /, *args, sep=' ')"
        );
        assert_eq!(with_first("($self, x, /)", "$self"), "($self, x, /)");
        assert_eq!(with_first("(x)", ""), "(x)");
    }
}
