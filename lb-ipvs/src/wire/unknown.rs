// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes without a variant.

use netlink_packet_core::{DefaultNla, Nla as _};

/// An attribute that this crate does not know, kept as it is.
///
/// ```
/// use lb_ipvs::wire::UnknownAttribute;
/// let attribute = UnknownAttribute::new(250, vec![1, 2]);
/// assert_eq!((attribute.kind(), attribute.value()), (250, vec![1, 2]));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownAttribute(pub(super) DefaultNla);

impl UnknownAttribute {
    /// Makes an attribute of its type and value.
    #[must_use]
    pub fn new(kind: u16, value: Vec<u8>) -> Self {
        Self(DefaultNla::new(kind, value))
    }

    /// Returns the type (`nla_type`), without the flags in its upper two bits.
    #[must_use]
    pub fn kind(&self) -> u16 {
        self.0.kind()
    }

    /// Returns the bytes behind the header.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let mut value = vec![0; self.0.value_len()];
        self.0.emit_value(&mut value);
        value
    }
}
