//! PEM: the blocks of base64 between `-----BEGIN X-----` and `-----END X-----`.

/// A block: its label and its bytes.
pub struct Block {
    pub label: String,
    pub der: Vec<u8>,
    /// Whether its header says that it is encrypted.
    pub encrypted: bool,
}

/// Decodes base64, skipping white space. None where another character is met.
fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => break,
            c if c.is_ascii_whitespace() => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

/// Writes base64 in lines of 64.
pub fn encode(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (i, chunk) in der.chunks(3).enumerate() {
        if i > 0 && i % 16 == 0 {
            text.push('\n');
        }
        let n = (0..3).fold(0, |n, i| n << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            if i <= chunk.len() {
                text.push(char::from(DIGITS[(n >> (18 - 6 * i) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// All blocks of a text. None where one is malformed.
pub fn blocks(text: &str) -> Option<Vec<Block>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("-----BEGIN ") {
        let after = &rest[at + 11..];
        let (label, body) = after.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (body, more) = body.split_once(end.as_str())?;
        rest = more;
        // Old encrypted keys have headers, ended by an empty line.
        let encrypted = body.contains("Proc-Type: 4,ENCRYPTED") || label.starts_with("ENCRYPTED");
        let data = match body.contains(':') {
            true => body.split_once("\n\n").map_or("", |(_, data)| data),
            false => body,
        };
        found.push(Block {
            label: label.to_string(),
            der: base64(data)?,
            encrypted,
        });
    }
    Some(found)
}

/// Whether a block is a certificate.
pub fn is_certificate(label: &str) -> bool {
    matches!(
        label,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let data: Vec<u8> = (0..100).collect();
        let text = encode("CERTIFICATE", &data);
        let all = blocks(&text).unwrap_or_default();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].der, data);
        assert!(is_certificate(&all[0].label));
        assert!(blocks("-----BEGIN X-----\n!\n-----END X-----").is_none());
    }
}
