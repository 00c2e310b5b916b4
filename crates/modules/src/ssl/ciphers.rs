//! The cipher suites that rustls has, under OpenSSL's names, and OpenSSL's language for choosing among them.

use naja_heap::Value;
use naja_vm::{PyResult, Vm};

/// A suite as `get_ciphers()` shows it.
pub struct Suite {
    pub code: u16,
    pub name: &'static str,
    pub bits: i64,
    cipher: &'static str,
    symmetric: &'static str,
    auth: &'static str,
}

const fn suite(
    code: u16,
    name: &'static str,
    bits: i64,
    cipher: &'static str,
    symmetric: &'static str,
    auth: &'static str,
) -> Suite {
    Suite {
        code,
        name,
        bits,
        cipher,
        symmetric,
        auth,
    }
}

/// All, in the order of preference.
pub static SUITES: [Suite; 9] = [
    suite(
        0x1302,
        "TLS_AES_256_GCM_SHA384",
        256,
        "AESGCM(256)",
        "aes-256-gcm",
        "any",
    ),
    suite(
        0x1303,
        "TLS_CHACHA20_POLY1305_SHA256",
        256,
        "CHACHA20/POLY1305(256)",
        "chacha20-poly1305",
        "any",
    ),
    suite(
        0x1301,
        "TLS_AES_128_GCM_SHA256",
        128,
        "AESGCM(128)",
        "aes-128-gcm",
        "any",
    ),
    suite(
        0xc02c,
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        256,
        "AESGCM(256)",
        "aes-256-gcm",
        "ECDSA",
    ),
    suite(
        0xc030,
        "ECDHE-RSA-AES256-GCM-SHA384",
        256,
        "AESGCM(256)",
        "aes-256-gcm",
        "RSA",
    ),
    suite(
        0xcca9,
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        256,
        "CHACHA20/POLY1305(256)",
        "chacha20-poly1305",
        "ECDSA",
    ),
    suite(
        0xcca8,
        "ECDHE-RSA-CHACHA20-POLY1305",
        256,
        "CHACHA20/POLY1305(256)",
        "chacha20-poly1305",
        "RSA",
    ),
    suite(
        0xc02b,
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        128,
        "AESGCM(128)",
        "aes-128-gcm",
        "ECDSA",
    ),
    suite(
        0xc02f,
        "ECDHE-RSA-AES128-GCM-SHA256",
        128,
        "AESGCM(128)",
        "aes-128-gcm",
        "RSA",
    ),
];

/// The suite of a number.
pub fn by_code(code: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.code == code)
}

impl Suite {
    /// The kind of key it wants.
    pub fn auth(&self) -> &'static str {
        self.auth
    }

    pub fn tls13(&self) -> bool {
        self.name.starts_with("TLS_")
    }

    pub fn protocol(&self) -> &'static str {
        if self.tls13() { "TLSv1.3" } else { "TLSv1.2" }
    }

    /// Whether one word of a cipher string means it.
    fn has(&self, word: &str) -> bool {
        if self.name == word {
            return true;
        }
        match word {
            "ALL" | "DEFAULT" | "HIGH" | "COMPLEMENTOFALL" | "ECDHE" | "EECDH" | "kECDHE"
            | "kEECDH" | "ECDH" | "TLSv1.2" => word != "COMPLEMENTOFALL",
            "AESGCM" => self.symmetric.ends_with("gcm"),
            "AES" => self.symmetric.starts_with("aes"),
            "AES128" => self.symmetric.starts_with("aes-128"),
            "AES256" => self.symmetric.starts_with("aes-256"),
            "CHACHA20" => self.symmetric.starts_with("chacha"),
            "aRSA" => self.auth == "RSA",
            "aECDSA" | "ECDSA" => self.auth == "ECDSA",
            "SHA256" | "SHA384" => false,
            _ => false,
        }
    }

    /// The entry of `get_ciphers()`.
    pub fn to_dict(&self, vm: &Vm) -> PyResult {
        let dict = vm.new_dict()?;
        let text = |t: &str| Ok(vm.new_str(t)?.into_value());
        let set = |name: &str, value: Value| dict.set_str(vm, &vm.intern(name), value);
        let (kx, kea) = if self.tls13() {
            ("any", "kx-any")
        } else {
            ("ECDH", "kx-ecdhe")
        };
        let auth = format!("auth-{}", self.auth.to_ascii_lowercase());
        let description = format!(
            "{:30} {} Kx={kx:8} Au={:5} Enc={:22} Mac=AEAD",
            self.name,
            self.protocol(),
            self.auth,
            self.cipher
        );
        set("id", vm.new_int(0x0300_0000 | i64::from(self.code))?)?;
        set("name", text(self.name)?)?;
        set("protocol", text(self.protocol())?)?;
        set("description", text(&description)?)?;
        set("strength_bits", vm.new_int(self.bits)?)?;
        set("alg_bits", vm.new_int(self.bits)?)?;
        set("aead", Value::TRUE)?;
        set("symmetric", text(self.symmetric)?)?;
        set("digest", Value::NONE)?;
        set("kea", text(kea)?)?;
        set("auth", text(&auth)?)?;
        Ok(dict.into_value())
    }

    /// The triple of `cipher()`.
    pub fn to_tuple(&self, vm: &Vm) -> PyResult {
        let items = vec![
            vm.new_str(self.name)?.into_value(),
            vm.new_str(self.protocol())?.into_value(),
            vm.new_int(self.bits)?,
        ];
        Ok(vm.new_tuple(items)?.into_value())
    }
}

/// The suites of TLS 1.2 that a cipher string chooses, in its order. Empty: none.
pub fn choose(list: &str) -> Vec<u16> {
    let all = || SUITES.iter().filter(|suite| !suite.tls13());
    let mut chosen: Vec<u16> = Vec::new();
    let mut banned: Vec<u16> = Vec::new();
    for word in list.split([':', ',', ' ', ';']).filter(|w| !w.is_empty()) {
        if word.starts_with('@') {
            continue;
        }
        let (sign, body) = match word.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), body)) => (sign, body),
            _ => ("", word),
        };
        let meant = |suite: &&Suite| body.split('+').all(|part| suite.has(part));
        let codes: Vec<u16> = all().filter(meant).map(|suite| suite.code).collect();
        match sign {
            "!" => {
                chosen.retain(|code| !codes.contains(code));
                banned.extend(codes);
            }
            "-" => chosen.retain(|code| !codes.contains(code)),
            "+" => {
                // Moves what is chosen to the end.
                let (back, front): (Vec<u16>, Vec<u16>) =
                    chosen.iter().partition(|code| codes.contains(code));
                chosen = front;
                chosen.extend(back);
            }
            _ => {
                for code in codes {
                    if !chosen.contains(&code) && !banned.contains(&code) {
                        chosen.push(code);
                    }
                }
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_strings_choose() {
        assert_eq!(choose("ALL:!COMPLEMENTOFDEFAULT:!eNULL").len(), 6);
        assert_eq!(choose("ECDHE+AESGCM").len(), 4);
        assert_eq!(choose("ECDHE-RSA-AES128-GCM-SHA256"), [0xc02f]);
        assert_eq!(choose("ALL:!AES128:!CHACHA20").len(), 2);
        assert!(choose("no such thing").is_empty());
    }
}
