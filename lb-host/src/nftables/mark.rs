// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mark on tables: their comment, as `nft` writes and prints it.

/// `NFTNL_UDATA_TABLE_COMMENT`.
const COMMENT: u8 = 0;

/// User data with a comment, cut where it is longer than the kernel takes.
pub(super) fn encode(comment: &str) -> Vec<u8> {
    let mut text: Vec<u8> = comment.bytes().take(127).collect();
    text.push(0);
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut data = vec![COMMENT, length];
    data.append(&mut text);
    data
}

/// Whether the user data of a table has this comment.
pub(super) fn matches(data: &[u8], comment: &str) -> bool {
    let mut rest = data;
    while let [kind, length, tail @ ..] = rest {
        let Some((value, next)) = tail.split_at_checked(usize::from(*length)) else {
            return false;
        };
        if *kind == COMMENT {
            return value.strip_suffix(&[0]).unwrap_or(value) == comment.as_bytes();
        }
        rest = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_is_found_behind_other_data_and_broken_data_has_none() {
        let marked = encode("lb-vrrp");
        assert_eq!(marked, b"\x00\x08lb-vrrp\x00");
        assert!(matches(&marked, "lb-vrrp"));
        assert!(!matches(&marked, "lb-vrr"));
        let mut behind = vec![1, 2, 0, 0];
        behind.extend(&marked);
        assert!(matches(&behind, "lb-vrrp"));
        for length in 0..marked.len() {
            assert!(!matches(&marked[..length], "lb-vrrp"), "{length}");
        }
    }
}
