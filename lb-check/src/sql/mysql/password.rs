// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers to the nonce of a server, which prove a password.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// `mysql_native_password`.
pub(super) const NATIVE: &str = "mysql_native_password";
/// `caching_sha2_password`.
pub(super) const CACHING_SHA2: &str = "caching_sha2_password";

/// The answer by a method; `None` if the method is unknown. Without a password the answer is empty, whatever
/// the method.
pub(super) fn answer(plugin: &[u8], password: &str, nonce: &[u8]) -> Option<Vec<u8>> {
    if password.is_empty() {
        return Some(Vec::new());
    }
    if plugin == NATIVE.as_bytes() {
        Some(native(password, nonce))
    } else if plugin == CACHING_SHA2.as_bytes() {
        Some(caching_sha2(password, nonce))
    } else {
        None
    }
}

/// SHA1(password) XOR SHA1(nonce, SHA1(SHA1(password))).
fn native(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password.as_bytes());
    let twice = Sha1::digest(once);
    let mask = Sha1::new()
        .chain_update(nonce)
        .chain_update(twice)
        .finalize();
    xor(&once, &mask)
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce).
fn caching_sha2(password: &str, nonce: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password.as_bytes());
    let twice = Sha256::digest(once);
    let mask = Sha256::new()
        .chain_update(twice)
        .chain_update(nonce)
        .finalize();
    xor(&once, &mask)
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter()
        .zip(right)
        .map(|(left, right)| left ^ right)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server does: from the answer and its stored SHA1(SHA1(password)) to SHA1(password).
    #[test]
    fn a_server_accepts_the_native_answer() {
        let nonce = b"abcdefghijklmnopqrst";
        let given = answer(NATIVE.as_bytes(), "geheim", nonce).unwrap();
        let stored = Sha1::digest(Sha1::digest(b"geheim"));
        let mask = Sha1::new()
            .chain_update(nonce)
            .chain_update(stored)
            .finalize();
        assert_eq!(Sha1::digest(xor(&given, &mask)), stored);
    }

    #[test]
    fn a_server_accepts_the_caching_sha2_answer() {
        let nonce = b"abcdefghijklmnopqrst";
        let given = answer(CACHING_SHA2.as_bytes(), "geheim", nonce).unwrap();
        let stored = Sha256::digest(Sha256::digest(b"geheim"));
        let mask = Sha256::new()
            .chain_update(stored)
            .chain_update(nonce)
            .finalize();
        assert_eq!(Sha256::digest(xor(&given, &mask)), stored);
    }

    #[test]
    fn no_password_needs_no_method() {
        assert_eq!(answer(b"client_ed25519", "", b"n"), Some(Vec::new()));
        assert_eq!(answer(b"client_ed25519", "x", b"n"), None);
    }
}
