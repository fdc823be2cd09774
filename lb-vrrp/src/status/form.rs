// SPDX-License-Identifier: MIT OR Apache-2.0
//! The forms of values in the document, for `#[serde(with = …)]`.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use super::StaticProblem;
use crate::track::{ObjectId, Verdict};
use crate::{AddressFamily, FaultReason, PollMethod, State, Version};

/// A value whose text names it: it can be read again.
pub(super) trait Named: Sized {
    /// Writes the text.
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The value of a text; `None` if there is none.
    fn read(text: &str) -> Option<Self>;
}

/// A value as its text.
struct Text<'a, T>(&'a T);

impl<T: Named> fmt::Display for Text<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

/// The value among these that has this text.
fn find<T: fmt::Display, const N: usize>(values: [T; N], text: &str) -> Option<T> {
    values.into_iter().find(|value| value.to_string() == text)
}

macro_rules! named_by_display {
    ($($type:ty: $text:ident => $read:expr;)*) => {
        $(impl Named for $type {
            fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, to)
            }

            fn read($text: &str) -> Option<Self> {
                $read
            }
        })*
    };
}

/// Makes the id of an object of its name.
type NameToId = fn(Arc<str>) -> ObjectId;

named_by_display! {
    State: text => find([Self::Initialize, Self::Backup, Self::Master, Self::Fault], text);
    AddressFamily: text => find([Self::Ipv4, Self::Ipv6], text);
    PollMethod: text => find([Self::Mii, Self::Ethtool, Self::Flags], text);
    ObjectId: text => {
        let kinds: [(&str, NameToId); 6] = [
            ("interface ", Self::Interface),
            ("script ", Self::Script),
            ("file ", Self::File),
            ("process ", Self::Process),
            ("bfd session ", Self::Bfd),
            ("static ", Self::Static),
        ];
        kinds
            .into_iter()
            .find_map(|(kind, object)| text.strip_prefix(kind).map(|name| object(name.into())))
    };
    StaticProblem: text => {
        let interface = |problem| text.strip_prefix("interface ")?.strip_suffix(problem);
        Some(match (interface(" missing"), interface(" down")) {
            (Some(name), _) => Self::Missing(name.to_owned()),
            (_, Some(name)) => Self::Down(name.to_owned()),
            _ => Self::Refused(text.to_owned()),
        })
    };
}

impl Named for Verdict {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Well(true) => to.write_str("well"),
            Self::Well(false) => to.write_str("failed"),
            Self::Value(value) => write!(to, "{value}"),
            Self::Unknown => to.write_str("unknown"),
        }
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "well" => Self::Well(true),
            "failed" => Self::Well(false),
            "unknown" => Self::Unknown,
            number => Self::Value(number.parse().ok()?),
        })
    }
}

/// The value of a text in a document.
fn read<'de, T: Named, D: Deserializer<'de>>(text: &str) -> Result<T, D::Error> {
    T::read(text).ok_or_else(|| D::Error::custom(format_args!("unknown name {text:?}")))
}

/// A value by its name.
pub(super) mod name {
    use super::*;

    pub(in crate::status) fn serialize<T: Named, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(&Text(value))
    }

    pub(in crate::status) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        read::<T, D>(&String::deserialize(from)?)
    }
}

/// A value by its name, or null.
pub(super) mod optional_name {
    use super::*;

    pub(in crate::status) fn serialize<T: Named, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(&Text(value)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::status) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| read::<T, D>(&text)).transpose()
    }
}

/// The number of a version, or null.
pub(super) mod version {
    use super::*;

    pub(in crate::status) fn serialize<S: Serializer>(
        value: &Option<Version>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(version) => to.serialize_u8(version.number()),
            None => to.serialize_none(),
        }
    }

    pub(in crate::status) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Version>, D::Error> {
        let number = Option::<u8>::deserialize(from)?;
        let version = |number| {
            [Version::V2, Version::V3]
                .into_iter()
                .find(|version| version.number() == number)
                .ok_or_else(|| D::Error::custom(format_args!("unknown version {number}")))
        };
        number.map(version).transpose()
    }
}

/// The names of faults.
pub(super) mod faults {
    use super::*;
    use crate::Faults;

    pub(in crate::status) fn serialize<S: Serializer>(
        faults: &Faults,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(faults.iter().map(|fault| fault.to_string()))
    }

    pub(in crate::status) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Faults, D::Error> {
        let mut faults = Faults::default();
        for text in Vec::<String>::deserialize(from)? {
            let fault = find(FaultReason::ALL, &text);
            let fault =
                fault.ok_or_else(|| D::Error::custom(format_args!("unknown fault {text:?}")))?;
            faults.set(fault, true);
        }
        Ok(faults)
    }
}

/// A moment in RFC 3339: UTC, milliseconds; or null.
pub(super) mod moment {
    use std::time::SystemTime;

    use super::*;

    pub(in crate::status) fn serialize<S: Serializer>(
        moment: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => to.collect_str(&humantime::format_rfc3339_millis(*moment)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::status) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parse = |text: String| humantime::parse_rfc3339(&text).map_err(D::Error::custom);
        text.map(parse).transpose()
    }
}

/// A number of milliseconds, or null.
pub(super) mod milliseconds {
    use std::time::Duration;

    use super::*;

    pub(in crate::status) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            None => to.serialize_none(),
        }
    }

    pub(in crate::status) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}

/// A histogram with the bound of each bucket, in microseconds.
pub(super) mod lateness {
    use std::time::Duration;

    use serde::Serialize;

    use super::super::Lateness;
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Histogram {
        /// Timers served.
        served: u64,
        max_us: u64,
        sum_us: u64,
        buckets: Vec<Bucket>,
    }

    #[derive(Serialize, Deserialize)]
    struct Bucket {
        /// Not later than this, and later than the bucket before; none: any later.
        up_to_us: Option<u64>,
        count: u64,
    }

    pub(in crate::status) fn serialize<S: Serializer>(
        lateness: &Lateness,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bounds = Lateness::BOUNDS.into_iter().map(micros).map(Some);
        let buckets = bounds.chain([None]).zip(lateness.buckets);
        let histogram = Histogram {
            served: lateness.count(),
            max_us: micros(lateness.max),
            sum_us: micros(lateness.sum),
            buckets: buckets
                .map(|(up_to_us, count)| Bucket { up_to_us, count })
                .collect(),
        };
        histogram.serialize(to)
    }

    pub(in crate::status) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Lateness, D::Error> {
        let histogram = Histogram::deserialize(from)?;
        let mut lateness = Lateness::default();
        for bucket in histogram.buckets {
            let bound = bucket.up_to_us.map(Duration::from_micros);
            lateness.add(bound, bucket.count);
        }
        lateness.max = Duration::from_micros(histogram.max_us);
        lateness.sum = Duration::from_micros(histogram.sum_us);
        Ok(lateness)
    }
}
