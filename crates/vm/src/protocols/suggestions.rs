//! "Did you mean ...?": the closest of some names. CPython: Python/suggestions.c.

const MOVE_COST: usize = 2;
const CASE_COST: usize = 1;
const MAX_NAME: usize = 40;
const MAX_CANDIDATES: usize = 750;

fn substitution(a: u8, b: u8) -> usize {
    if a == b {
        0
    } else if a.eq_ignore_ascii_case(&b) {
        CASE_COST
    } else {
        MOVE_COST
    }
}

/// The edit distance of two names, or more than `max`.
fn distance(a: &[u8], b: &[u8], max: usize) -> usize {
    let prefix = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let suffix = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
    if a.is_empty() || b.is_empty() {
        return (a.len() + b.len()) * MOVE_COST;
    }
    if a.len().abs_diff(b.len()) * MOVE_COST > max {
        return max + 1;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut row: Vec<usize> = (1..=short.len()).map(|i| i * MOVE_COST).collect();
    let mut result = 0;
    for (i, &c) in long.iter().enumerate() {
        let mut diagonal = i * MOVE_COST;
        result = (i + 1) * MOVE_COST;
        let mut minimum = usize::MAX;
        for (cell, &d) in row.iter_mut().zip(short) {
            let substituted = diagonal + substitution(c, d);
            diagonal = *cell;
            result = substituted.min(result.min(diagonal) + MOVE_COST);
            *cell = result;
            minimum = minimum.min(result);
        }
        if minimum > max {
            return max + 1;
        }
    }
    result
}

/// The candidate closest to `name`, if one is close enough.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for (count, candidate) in candidates.enumerate() {
        if count >= MAX_CANDIDATES {
            return None;
        }
        if candidate == name || candidate.len() > MAX_NAME {
            continue;
        }
        let max = ((name.len() + candidate.len() + 3) * MOVE_COST / 6)
            .min(best.map_or(usize::MAX, |(d, _)| d.saturating_sub(1)));
        let found = distance(name.as_bytes(), candidate.as_bytes(), max);
        if found <= max && best.is_none_or(|(d, _)| found < d) {
            best = Some((found, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_what_was_meant() {
        assert_eq!(
            super::closest("blech", ["foo", "bluch", "bar"].into_iter()),
            Some("bluch")
        );
        assert_eq!(super::closest("x", ["abcdef"].into_iter()), None);
    }
}
