// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding the family.

use super::{
    exchange::{Transport, family::resolve},
    link::Link,
    scripted::ScriptedLink,
};
use crate::error::Error;

/// `CTRL_CMD_NEWFAMILY` for IPVS, family 0x1c, shortened to name, id, version and an attribute of
/// the future (0x55), then an acknowledgement.
const FOUND: &[u8] = &[
    56, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, // nlmsghdr
    1, 2, 0, 0, // genlmsghdr
    9, 0, 2, 0, b'I', b'P', b'V', b'S', 0, 0, 0, 0, // name
    6, 0, 1, 0, 0x1c, 0, 0, 0, // id
    8, 0, 3, 0, 1, 0, 0, 0, // version
    8, 0, 0x55, 0, 1, 2, 3, 4,
];
const ACK: &[u8] = &[
    36, 0, 0, 0, 2, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0,
];

fn transport(replies: Vec<Vec<u8>>) -> Transport {
    let handler = move |request: &[u8]| {
        // CTRL_CMD_GETFAMILY with CTRL_ATTR_FAMILY_NAME "IPVS".
        assert_eq!(request.get(4..8), Some(&[16, 0, 5, 0][..]));
        assert_eq!(request.get(16..18), Some(&[3, 2][..]));
        assert_eq!(
            request.get(20..29),
            Some(&[9, 0, 2, 0, b'I', b'P', b'V', b'S', 0][..])
        );
        replies.iter().cloned().map(Ok).collect()
    };
    Transport::over(Link::Scripted(ScriptedLink::new(handler, 1 << 20)), 0)
}

#[tokio::test]
async fn found() {
    let mut transport = transport(vec![FOUND.to_vec(), ACK.to_vec()]);
    assert_eq!(resolve(&mut transport).await.unwrap(), Some(0x1c));
}

#[tokio::test]
async fn not_found() {
    let mut enoent = ACK.to_vec();
    enoent.splice(16..20, (-2_i32).to_ne_bytes());
    let mut transport = transport(vec![enoent]);
    assert_eq!(resolve(&mut transport).await.unwrap(), None);
}

#[tokio::test]
async fn refused() {
    let mut eperm = ACK.to_vec();
    eperm.splice(16..20, (-1_i32).to_ne_bytes());
    let mut transport = transport(vec![eperm]);
    let error = resolve(&mut transport).await.unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
}

#[tokio::test]
async fn without_a_number() {
    let mut transport = transport(vec![ACK.to_vec()]);
    let error = resolve(&mut transport).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
}
