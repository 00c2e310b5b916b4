//! Certificates: reading their DER, showing them as `getpeercert()` does, and matching host names.
//!
//! The reader takes what it needs and copies it; nothing here decides about trust (`verify.rs` does). Invariant: all
//! reading is bounds-checked, malformed input gives None. CPython: _decode_certificate in Modules/_ssl.c (on OpenSSL).

use super::objects;
use naja_heap::Value;
use naja_vm::{PyResult, Vm};
use std::net::IpAddr;

/// A reader of DER: a sequence of elements.
#[derive(Clone, Copy)]
pub struct Der<'a>(pub &'a [u8]);

/// One element: its tag, its content, and all of its bytes.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    pub whole: &'a [u8],
}

impl<'a> Der<'a> {
    /// The next element; None at the end or where the encoding is wrong.
    #[expect(
        clippy::should_implement_trait,
        reason = "an end may be an error: loops say what they want"
    )]
    pub fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let len = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, after) = rest.split_at_checked(count)?;
            rest = after;
            bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b))
        };
        let (content, after) = rest.split_at_checked(len)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element {
            tag,
            content,
            whole,
        })
    }

    /// The next element if it has this tag.
    pub fn tagged(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|e| e.tag == tag)?;
        *self = ahead;
        Some(element)
    }
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 2;
const OID: u8 = 6;

/// An OID in dots.
pub fn oid_text(content: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut n: u64 = 0;
    for &byte in content {
        n = n.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (n / 40).min(2);
                numbers.extend([first, n - first * 40]);
            } else {
                numbers.push(n);
            }
            n = 0;
        }
    }
    let parts: Vec<String> = numbers.iter().map(u64::to_string).collect();
    parts.join(".")
}

/// The text of a string of any of ASN.1's types.
fn string_text(element: Element) -> String {
    match element.tag {
        30 => {
            let units = element.content.chunks_exact(2);
            let units: Vec<u16> = units.map(|c| u16::from_be_bytes([c[0], c[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        28 => element
            .content
            .chunks_exact(4)
            .map(|c| char::from_u32(u32::from_be_bytes([c[0], c[1], c[2], c[3]])))
            .map(|c| c.unwrap_or('\u{fffd}'))
            .collect(),
        20 => element.content.iter().map(|&b| char::from(b)).collect(),
        _ => String::from_utf8_lossy(element.content).into_owned(),
    }
}

/// A moment of UTCTime or GeneralizedTime, in seconds since 1970.
fn time_of(element: Element) -> Option<i64> {
    let digits = element.content.strip_suffix(b"Z")?;
    let number = |from: usize, len: usize| -> Option<i64> {
        std::str::from_utf8(digits.get(from..from + len)?)
            .ok()?
            .parse()
            .ok()
    };
    let (year, at) = match element.tag {
        23 => {
            let year = number(0, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        24 => (number(0, 4)?, 4),
        _ => return None,
    };
    let (month, day) = (number(at, 2)?, number(at + 2, 2)?);
    let (hour, minute) = (number(at + 4, 2)?, number(at + 6, 2)?);
    let second = number(at + 8, 2).unwrap_or(0);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// "Aug 29 14:23:16 2018 GMT".
fn time_text(seconds: i64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let name = MONTHS.get((month - 1) as usize).unwrap_or(&"");
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{name} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT")
}

/// A name in a certificate: of a host, a mailbox, ...
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralName {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(Vec<u8>),
    Directory(Vec<u8>),
    Registered(String),
    Other,
}

fn general_name(element: Element) -> GeneralName {
    let text = || String::from_utf8_lossy(element.content).into_owned();
    match element.tag & 0x1f {
        1 => GeneralName::Email(text()),
        2 => GeneralName::Dns(text()),
        4 => GeneralName::Directory(element.content.to_vec()),
        6 => GeneralName::Uri(text()),
        7 => GeneralName::Ip(element.content.to_vec()),
        8 => GeneralName::Registered(oid_text(element.content)),
        _ => GeneralName::Other,
    }
}

/// A certificate, read.
#[derive(Clone, Debug)]
pub struct X509 {
    pub der: Vec<u8>,
    version: u16,
    serial: Vec<u8>,
    /// Names, as DER.
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    pub not_before: i64,
    pub not_after: i64,
    extensions: Vec<(String, Vec<u8>)>,
}

impl X509 {
    /// Reads a certificate.
    pub fn parse(der: &[u8]) -> Option<X509> {
        let mut outer = Der(der);
        let whole = outer.tagged(SEQUENCE)?;
        let mut tbs = Der(Der(whole.content).tagged(SEQUENCE)?.content);
        let version = match tbs.tagged(0xa0) {
            Some(version) => u16::from(*Der(version.content).tagged(INTEGER)?.content.last()?) + 1,
            None => 1,
        };
        let serial = tbs.tagged(INTEGER)?.content.to_vec();
        tbs.tagged(SEQUENCE)?;
        let issuer = tbs.tagged(SEQUENCE)?.whole.to_vec();
        let mut validity = Der(tbs.tagged(SEQUENCE)?.content);
        let (not_before, not_after) = (time_of(validity.next()?)?, time_of(validity.next()?)?);
        let subject = tbs.tagged(SEQUENCE)?.whole.to_vec();
        tbs.tagged(SEQUENCE)?;
        let mut extensions = Vec::new();
        while let Some(element) = tbs.next() {
            if element.tag != 0xa3 {
                continue;
            }
            let mut all = Der(Der(element.content).tagged(SEQUENCE)?.content);
            while let Some(extension) = all.tagged(SEQUENCE) {
                let mut parts = Der(extension.content);
                let oid = oid_text(parts.tagged(OID)?.content);
                parts.tagged(1);
                extensions.push((oid, parts.tagged(4)?.content.to_vec()));
            }
        }
        Some(X509 {
            der: whole.whole.to_vec(),
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            extensions,
        })
    }

    fn extension(&self, oid: &str) -> Option<&[u8]> {
        let found = self.extensions.iter().find(|(name, _)| name == oid);
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether it may sign others.
    pub fn is_ca(&self) -> bool {
        match self.extension("2.5.29.19") {
            Some(value) => {
                let ca = Der(value)
                    .tagged(SEQUENCE)
                    .and_then(|s| Der(s.content).tagged(1));
                ca.is_some_and(|flag| flag.content != [0])
            }
            // Version 1 knows no extensions: its self-signed certificates are roots.
            None => self.version == 1 && self.is_self_issued(),
        }
    }

    /// Whether it says which key of its issuer's signed it.
    pub fn names_authority_key(&self) -> bool {
        self.extension("2.5.29.35").is_some()
    }

    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// The alternative names of the subject.
    pub fn alternative_names(&self) -> Vec<GeneralName> {
        let mut names = Vec::new();
        if let Some(value) = self.extension("2.5.29.17")
            && let Some(all) = Der(value).tagged(SEQUENCE)
        {
            let mut all = Der(all.content);
            while let Some(element) = all.next() {
                names.push(general_name(element));
            }
        }
        names
    }

    /// The common names of the subject.
    fn common_names(&self) -> Vec<String> {
        let parts = name_parts(&self.subject).into_iter().flatten();
        parts
            .filter(|(oid, _)| oid == "2.5.4.3")
            .map(|(_, text)| text)
            .collect()
    }

    /// Whether the certificate is for this host. `flags` are `HOSTFLAG_*`.
    pub fn matches_host(&self, host: &str, flags: u32) -> bool {
        let names = self.alternative_names();
        let mut any_dns = false;
        for name in &names {
            if let GeneralName::Dns(pattern) = name {
                any_dns = true;
                if matches_pattern(pattern, host, flags) {
                    return true;
                }
            }
        }
        let common = !any_dns || flags & 1 != 0;
        common
            && flags & 32 == 0
            && self
                .common_names()
                .iter()
                .any(|name| matches_pattern(name, host, flags))
    }

    /// Whether the certificate is for this address.
    pub fn matches_ip(&self, ip: IpAddr) -> bool {
        let wanted = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let names = self.alternative_names();
        names
            .iter()
            .any(|n| matches!(n, GeneralName::Ip(ip) if *ip == wanted))
    }
}

/// Whether a name of a certificate, which may start with a wildcard label, covers a host.
fn matches_pattern(pattern: &str, host: &str, flags: u32) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if pattern.is_empty() || pattern.contains('\0') {
        return false;
    }
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    // Wildcards: one whole label, the first, with two labels behind it.
    let Some(suffix) = pattern.strip_prefix("*.").filter(|_| flags & 2 == 0) else {
        return false;
    };
    if suffix.contains('*') || suffix.split('.').filter(|label| !label.is_empty()).count() < 2 {
        return false;
    }
    match host.split_once('.') {
        Some((label, rest)) => {
            !label.is_empty()
                && !label.to_ascii_lowercase().starts_with("xn--")
                && rest.eq_ignore_ascii_case(suffix)
        }
        None => false,
    }
}

/// The sets of a name: OIDs and texts.
fn name_parts(name: &[u8]) -> Vec<Vec<(String, String)>> {
    let mut sets = Vec::new();
    let Some(all) = Der(name).tagged(SEQUENCE) else {
        return sets;
    };
    let mut all = Der(all.content);
    while let Some(set) = all.tagged(SET) {
        let mut parts = Vec::new();
        let mut inner = Der(set.content);
        while let Some(pair) = inner.tagged(SEQUENCE) {
            let mut pair = Der(pair.content);
            if let (Some(oid), Some(value)) = (pair.tagged(OID), pair.next()) {
                parts.push((oid_text(oid.content), string_text(value)));
            }
        }
        sets.push(parts);
    }
    sets
}

fn text(vm: &Vm, text: impl AsRef<str>) -> PyResult {
    Ok(vm.new_str(text)?.into_value())
}

fn tuple(vm: &Vm, items: Vec<Value>) -> PyResult {
    Ok(vm.new_tuple(items)?.into_value())
}

/// A name as nested tuples.
fn name_value(vm: &Vm, name: &[u8]) -> PyResult {
    let mut sets = Vec::new();
    for parts in name_parts(name) {
        let mut pairs = Vec::new();
        for (oid, value) in parts {
            let pair = vec![text(vm, objects::name_of(&oid))?, text(vm, value)?];
            pairs.push(tuple(vm, pair)?);
        }
        sets.push(tuple(vm, pairs)?);
    }
    tuple(vm, sets)
}

fn ip_text(ip: &[u8]) -> String {
    match ip.len() {
        4 => format!("{}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]),
        16 => {
            let groups = ip.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
            let groups: Vec<String> = groups.map(|g| format!("{g:X}")).collect();
            groups.join(":")
        }
        _ => "<invalid>".to_string(),
    }
}

fn general_name_value(vm: &Vm, name: &GeneralName) -> PyResult {
    let (kind, value) = match name {
        GeneralName::Dns(name) => ("DNS", text(vm, name)?),
        GeneralName::Email(name) => ("email", text(vm, name)?),
        GeneralName::Uri(name) => ("URI", text(vm, name)?),
        GeneralName::Ip(ip) => ("IP Address", text(vm, ip_text(ip))?),
        GeneralName::Directory(name) => ("DirName", name_value(vm, name)?),
        GeneralName::Registered(oid) => ("Registered ID", text(vm, objects::name_of(oid))?),
        GeneralName::Other => ("othername", text(vm, "<unsupported>")?),
    };
    tuple(vm, vec![text(vm, kind)?, value])
}

impl X509 {
    /// The places where revocation lists are, and those that a method (an OID) of the authority's information names.
    fn crl_places(&self) -> Vec<String> {
        let mut found = Vec::new();
        let Some(points) = self
            .extension("2.5.29.31")
            .and_then(|v| Der(v).tagged(SEQUENCE))
        else {
            return found;
        };
        let mut points = Der(points.content);
        while let Some(point) = points.tagged(SEQUENCE) {
            // DistributionPoint: [0] distributionPoint: [0] fullName
            let full = Der(point.content)
                .tagged(0xa0)
                .and_then(|name| Der(name.content).tagged(0xa0));
            let Some(full) = full else { continue };
            let mut names = Der(full.content);
            while let Some(name) = names.next() {
                if let GeneralName::Uri(uri) = general_name(name) {
                    found.push(uri);
                }
            }
        }
        found
    }

    fn authority_places(&self, method: &str) -> Vec<String> {
        let mut found = Vec::new();
        let value = self.extension("1.3.6.1.5.5.7.1.1");
        let Some(all) = value.and_then(|v| Der(v).tagged(SEQUENCE)) else {
            return found;
        };
        let mut all = Der(all.content);
        while let Some(entry) = all.tagged(SEQUENCE) {
            let mut entry = Der(entry.content);
            let (Some(oid), Some(name)) = (entry.tagged(OID), entry.next()) else {
                continue;
            };
            if oid_text(oid.content) == method
                && let GeneralName::Uri(uri) = general_name(name)
            {
                found.push(uri);
            }
        }
        found
    }

    /// The serial number in hexadecimal digits, two for each byte.
    fn serial_text(&self) -> String {
        let bytes = match self.serial.as_slice() {
            [0, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        bytes.iter().map(|b| format!("{b:02X}")).collect()
    }

    /// The certificate as the dictionary that `getpeercert()` gives.
    pub fn to_dict(&self, vm: &Vm) -> PyResult {
        let dict = vm.new_dict()?;
        let set = |name: &str, value: Value| dict.set_str(vm, &vm.intern(name), value);
        set("subject", name_value(vm, &self.subject)?)?;
        set("issuer", name_value(vm, &self.issuer)?)?;
        set("version", vm.new_int(i64::from(self.version))?)?;
        set("serialNumber", text(vm, self.serial_text())?)?;
        set("notBefore", text(vm, time_text(self.not_before))?)?;
        set("notAfter", text(vm, time_text(self.not_after))?)?;
        let names = self.alternative_names();
        if !names.is_empty() {
            let names = names.iter().map(|n| general_name_value(vm, n));
            let names = names.collect::<PyResult<Vec<Value>>>()?;
            set("subjectAltName", tuple(vm, names)?)?;
        }
        for (key, places) in [
            ("OCSP", self.authority_places("1.3.6.1.5.5.7.48.1")),
            ("caIssuers", self.authority_places("1.3.6.1.5.5.7.48.2")),
            ("crlDistributionPoints", self.crl_places()),
        ] {
            if !places.is_empty() {
                let places = places.iter().map(|p| text(vm, p));
                let places = places.collect::<PyResult<Vec<Value>>>()?;
                set(key, tuple(vm, places)?)?;
            }
        }
        Ok(dict.into_value())
    }

    /// The subject as OpenSSL prints it on one line: "C = XY, CN = localhost".
    pub fn subject_line(&self) -> String {
        let short = |oid: &str| {
            let found = objects::OBJECTS.iter().find(|o| o.oid == oid);
            found.map_or_else(|| oid.to_string(), |o| o.short.to_string())
        };
        let parts = name_parts(&self.subject).into_iter().flatten();
        let shown: Vec<String> = parts
            .map(|(oid, text)| format!("{}={text}", short(&oid)))
            .collect();
        shown.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_openssl_does() {
        assert_eq!(time_text(1_535_552_596), "Aug 29 14:23:16 2018 GMT");
        assert_eq!(time_text(0), "Jan  1 00:00:00 1970 GMT");
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
    }

    #[test]
    fn wildcards_cover_one_label() {
        assert!(matches_pattern("*.example.com", "www.example.com", 4));
        assert!(!matches_pattern("*.example.com", "a.b.example.com", 4));
        assert!(!matches_pattern("*.com", "example.com", 4));
        assert!(!matches_pattern("w*.example.com", "www.example.com", 4));
        assert!(matches_pattern("Localhost", "localhost", 4));
    }

    #[test]
    fn malformed_der_is_refused() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x84",
            b"\x30\x05\x02\x01",
            b"\x30\x80\x00\x00",
            // A version that no byte holds.
            b"\x30\x07\x30\x05\xa0\x03\x02\x01\xff",
        ] {
            assert!(X509::parse(bytes).is_none());
        }
    }
}
