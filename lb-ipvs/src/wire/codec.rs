// SPDX-License-Identifier: MIT OR Apache-2.0
//! How values of attributes become bytes, and the macro that makes attribute enums of them.

use netlink_packet_core::{DecodeError, Emitable, NlaBuffer, NlasIterator, Parseable};

/// One way to write a value.
pub(super) trait Codec {
    type Value;

    fn len(value: &Self::Value) -> usize;
    /// Writes into a buffer of exactly [`Codec::len`] bytes.
    fn emit(value: &Self::Value, buffer: &mut [u8]);
    fn parse(bytes: &[u8]) -> Result<Self::Value, DecodeError>;
}

/// Takes exactly `N` bytes.
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes
        .try_into()
        .map_err(|_| DecodeError::invalid_number(N, bytes.len()))
}

macro_rules! integer_codec {
    ($name:ident, $type:ty, $from:ident, $to:ident) => {
        pub(super) struct $name;

        impl Codec for $name {
            type Value = $type;

            fn len(_: &$type) -> usize {
                size_of::<$type>()
            }

            fn emit(value: &$type, buffer: &mut [u8]) {
                buffer.copy_from_slice(&value.$to());
            }

            fn parse(bytes: &[u8]) -> Result<$type, DecodeError> {
                exactly(bytes).map(<$type>::$from)
            }
        }
    };
}

integer_codec!(HostU8, u8, from_ne_bytes, to_ne_bytes);
integer_codec!(HostU16, u16, from_ne_bytes, to_ne_bytes);
integer_codec!(HostU32, u32, from_ne_bytes, to_ne_bytes);
integer_codec!(HostU64, u64, from_ne_bytes, to_ne_bytes);
integer_codec!(NetworkU16, u16, from_be_bytes, to_be_bytes);

/// `N` bytes as they are.
pub(super) struct Octets<const N: usize>;

impl<const N: usize> Codec for Octets<N> {
    type Value = [u8; N];

    fn len(_: &[u8; N]) -> usize {
        N
    }

    fn emit(value: &[u8; N], buffer: &mut [u8]) {
        buffer.copy_from_slice(value);
    }

    fn parse(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
        exactly(bytes)
    }
}

/// A string with a NUL at its end (`NLA_NUL_STRING`). What is not UTF-8 is replaced.
pub(super) struct Text;

impl Codec for Text {
    type Value = String;

    fn len(value: &String) -> usize {
        value.len() + 1
    }

    fn emit(value: &String, buffer: &mut [u8]) {
        let (text, nul) = buffer.split_at_mut(value.len());
        text.copy_from_slice(value.as_bytes());
        nul.fill(0);
    }

    fn parse(bytes: &[u8]) -> Result<String, DecodeError> {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

/// Attributes inside an attribute, without `NLA_F_NESTED`, as the kernel's replies have them.
pub(super) struct Nested<A>(std::marker::PhantomData<A>);

impl<A> Codec for Nested<A>
where
    A: for<'a> Parseable<NlaBuffer<&'a [u8]>> + netlink_packet_core::Nla,
{
    type Value = Vec<A>;

    fn len(value: &Vec<A>) -> usize {
        value.as_slice().buffer_len()
    }

    fn emit(value: &Vec<A>, buffer: &mut [u8]) {
        value.as_slice().emit(buffer);
    }

    fn parse(bytes: &[u8]) -> Result<Vec<A>, DecodeError> {
        parse_all(bytes)
    }
}

/// All attributes in some bytes.
pub(super) fn parse_all<A>(bytes: &[u8]) -> Result<Vec<A>, DecodeError>
where
    A: for<'a> Parseable<NlaBuffer<&'a [u8]>>,
{
    NlasIterator::new(bytes)
        .map(|attribute| A::parse(&attribute?))
        .collect()
}

/// Defines an attribute enum: variant, type, kernel constant and codec of each attribute in one
/// line, so that the three functions of `Nla` and the parser cannot disagree.
macro_rules! attributes {
    (
        $(#[$doc:meta])*
        pub enum $enum:ident {
            $( $(#[$variant_doc:meta])* $variant:ident($type:ty) = $constant:ident as $codec:ty, )+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum $enum {
            $(
                $(#[$variant_doc])*
                #[doc = concat!("(`", stringify!($constant), "`)")]
                $variant($type),
            )+
            /// An attribute this crate does not know, kept as it is.
            Other(crate::wire::UnknownAttribute),
        }

        #[cfg(test)]
        impl $enum {
            /// The types that have a variant.
            pub(crate) const KINDS: &'static [u16] = &[$( $constant, )+];
        }

        impl netlink_packet_core::Nla for $enum {
            fn value_len(&self) -> usize {
                match self {
                    $( Self::$variant(value) => <$codec as Codec>::len(value), )+
                    Self::Other(other) => other.0.value_len(),
                }
            }

            fn kind(&self) -> u16 {
                match self {
                    $( Self::$variant(_) => $constant, )+
                    Self::Other(other) => other.0.kind(),
                }
            }

            fn emit_value(&self, buffer: &mut [u8]) {
                match self {
                    $( Self::$variant(value) => <$codec as Codec>::emit(value, buffer), )+
                    Self::Other(other) => other.0.emit_value(buffer),
                }
            }
        }

        impl<'a> netlink_packet_core::Parseable<netlink_packet_core::NlaBuffer<&'a [u8]>>
            for $enum
        {
            fn parse(
                buffer: &netlink_packet_core::NlaBuffer<&'a [u8]>,
            ) -> Result<Self, netlink_packet_core::DecodeError> {
                match buffer.kind() {
                    $(
                        $constant => <$codec as Codec>::parse(buffer.value())
                            .map(Self::$variant)
                            .context(stringify!($constant)),
                    )+
                    _ => netlink_packet_core::DefaultNla::parse(buffer)
                        .map(|unknown| Self::Other(crate::wire::UnknownAttribute(unknown))),
                }
            }
        }
    };
}

pub(super) use attributes;
