// SPDX-License-Identifier: MIT OR Apache-2.0
//! The query, and what is read of an answer. Only the form of the answer is read, not the contents of its
//! records, unless these are compared: a record of a kind that the library cannot read is no failure of
//! the server.

use std::fmt::Write as _;
use std::net::IpAddr;

use hickory_proto::op::{Header, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use hickory_proto::serialize::binary::{
    BinDecodable as _, BinDecoder, BinEncodable as _, DecodeError, Restrict,
};

use super::{DnsRcode, DnsRecordType};

/// The most records of an answer that are compared. Each may have a name of many compression pointers.
const MOST_RECORDS: usize = 256;

/// A question, encoded once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Question {
    name: Name,
    kind: DnsRecordType,
    /// The query without its identifier.
    encoded: Vec<u8>,
}

/// Not a domain name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{name}' is not a domain name: {why}")]
#[non_exhaustive]
pub struct InvalidDomainName {
    /// The text.
    pub name: String,
    /// The reason.
    pub why: String,
}

impl Question {
    pub(super) fn new(name: &str, kind: DnsRecordType) -> Result<Self, InvalidDomainName> {
        let invalid = |why: String| InvalidDomainName {
            name: name.to_owned(),
            why,
        };
        let mut parsed = if name.is_ascii() {
            Name::from_ascii(name)
        } else {
            Name::from_utf8(name)
        }
        .map_err(|error| invalid(error.to_string()))?;
        parsed.set_fqdn(true);
        let query = Query::query(parsed.clone(), RecordType::from(kind.number()));
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(query);
        let encoded = message.to_bytes();
        let mut encoded = encoded.map_err(|error| invalid(error.to_string()))?;
        encoded.drain(..2);
        Ok(Self {
            name: parsed,
            kind,
            encoded,
        })
    }

    pub(super) const fn kind(&self) -> DnsRecordType {
        self.kind
    }

    /// The query with this identifier.
    pub(super) fn query(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(2 + self.encoded.len());
        message.extend(id.to_be_bytes());
        message.extend(&self.encoded);
        message
    }
}

/// An answer to a query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) rcode: DnsRcode,
    pub(super) truncated: bool,
    /// The contents of the records of the answer section, as far as they are asked for.
    pub(super) records: Vec<RData>,
}

/// Why a message is not an answer to the query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoAnswer {
    /// Another identifier or another question: to be ignored.
    Foreign,
    /// A query with the right identifier.
    Query,
    /// The message ends too early, or a name in it has no valid form.
    Malformed,
}

impl From<DecodeError> for NoAnswer {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

/// Reads an answer to `question`; with its records if so.
pub(super) fn read(
    message: &[u8],
    id: u16,
    question: &Question,
    with_records: bool,
) -> Result<Answer, NoAnswer> {
    if message.get(..2) != Some(&id.to_be_bytes()) {
        return Err(NoAnswer::Foreign);
    }
    let mut decoder = BinDecoder::new(message);
    let header = Header::read(&mut decoder)?;
    if header.message_type != MessageType::Response {
        return Err(NoAnswer::Query);
    }
    let mut answer = Answer {
        rcode: DnsRcode::new(header.response_code.low()),
        truncated: header.truncation,
        records: Vec::new(),
    };
    for number in 0..header.counts.queries {
        if number > 0 {
            skip_name(&mut decoder)?;
            decoder.read_slice(4)?;
            continue;
        }
        let name = Name::read(&mut decoder)?;
        let kind = decoder.read_u16()?.unverified();
        decoder.read_u16()?;
        if name != question.name || kind != question.kind.number() {
            return Err(NoAnswer::Foreign);
        }
    }
    match read_records(
        &mut decoder,
        header.counts,
        with_records,
        &mut answer.records,
    ) {
        // A server may cut a truncated message anywhere.
        Err(_) if answer.truncated => Ok(answer),
        result => result.map(|()| answer),
    }
}

fn read_records(
    decoder: &mut BinDecoder<'_>,
    counts: hickory_proto::op::HeaderCounts,
    with_records: bool,
    records: &mut Vec<RData>,
) -> Result<(), NoAnswer> {
    let sections = [counts.answers, counts.authorities, counts.additionals];
    for (section, count) in sections.into_iter().enumerate() {
        for _ in 0..count {
            skip_name(decoder)?;
            let kind = decoder.read_u16()?.unverified();
            decoder.read_slice(6)?;
            let length = decoder.read_u16()?;
            if section == 0 && with_records && records.len() < MOST_RECORDS {
                records.extend(read_contents(decoder, kind, length));
            }
            decoder.read_slice(usize::from(length.unverified()))?;
        }
    }
    Ok(())
}

/// The contents of a record; none if the library cannot read them.
fn read_contents(decoder: &BinDecoder<'_>, kind: u16, length: Restrict<u16>) -> Option<RData> {
    let mut decoder = decoder.clone(u16::try_from(decoder.index()).ok()?);
    let fits = usize::from(length.unverified()) <= decoder.len();
    fits.then(|| RData::read(&mut decoder, RecordType::from(kind), length).ok())?
}

/// Skips a name without following its compression pointer.
fn skip_name(decoder: &mut BinDecoder<'_>) -> Result<(), NoAnswer> {
    loop {
        match decoder.read_u8()?.unverified() {
            0 => return Ok(()),
            length @ 1..=63 => {
                decoder.read_slice(usize::from(length))?;
            }
            0xc0.. => {
                decoder.read_u8()?;
                return Ok(());
            }
            _ => return Err(NoAnswer::Malformed),
        }
    }
}

/// Whether the contents of a record are what a configuration calls `text`: an address, a name with or
/// without the dot at its end, a text, or the form of a zone file.
pub(super) fn is_record(record: &RData, text: &str) -> bool {
    match record {
        RData::A(address) => text.parse() == Ok(IpAddr::from(address.0)),
        RData::AAAA(address) => text.parse() == Ok(IpAddr::from(address.0)),
        RData::TXT(strings) => {
            let joined: Vec<u8> = strings
                .txt_data
                .iter()
                .flat_map(|part| part.iter().copied())
                .collect();
            joined == text.as_bytes()
        }
        other => {
            let mut shown = String::new();
            // Not every kind of record can be shown.
            write!(shown, "{other}").is_ok() && same_name(&shown, text)
        }
    }
}

fn same_name(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_owned();
    bare(one).eq_ignore_ascii_case(&bare(other))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, CNAME, MX, SOA, TXT};
    use proptest::prelude::*;

    use super::*;

    const ID: u16 = 0x1234;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn question() -> Question {
        Question::new("www.example.org", DnsRecordType::new(1)).unwrap()
    }

    fn message() -> Message {
        let mut message = Message::response(ID, OpCode::Query);
        message.add_query(Query::query(name("WWW.example.org."), RecordType::A));
        let owner = name("www.example.org.");
        let alias = RData::CNAME(CNAME(name("Web.example.org.")));
        message.add_answer(Record::from_rdata(owner.clone(), 60, alias));
        let address = RData::A(A::new(192, 0, 2, 80));
        message.add_answer(Record::from_rdata(owner, 60, address));
        let soa = SOA::new(name("ns."), name("root."), 1, 2, 3, 4, 5);
        message.add_authority(Record::from_rdata(
            name("example.org."),
            60,
            RData::SOA(soa),
        ));
        message
    }

    fn bytes(message: &Message) -> Vec<u8> {
        message.to_bytes().unwrap()
    }

    #[test]
    fn a_query_has_its_identifier_and_asks_for_recursion() {
        let query = question().query(ID);
        let message = Message::from_vec(&query).unwrap();
        assert_eq!(message.metadata.id, ID);
        assert_eq!(message.metadata.message_type, MessageType::Query);
        assert!(message.metadata.recursion_desired);
        assert_eq!(message.queries[0].name(), &name("www.example.org."));
        assert_eq!(message.queries[0].query_type(), RecordType::A);
        // Header, name, type and class, nothing more.
        assert_eq!(query.len(), 12 + 17 + 4);
        let root = Question::new(".", DnsRecordType::SOA).unwrap();
        assert_eq!(root.query(1)[12..], [0, 0, 6, 0, 1]);
    }

    #[test]
    fn names_are_refused_whose_labels_are_empty_or_too_long() {
        for wrong in ["a..b", &"x".repeat(64), &"abc.".repeat(70), ".a"] {
            let error = Question::new(wrong, DnsRecordType::SOA).unwrap_err();
            assert_eq!(error.name, wrong);
        }
        for good in [
            "_dmarc.example.org",
            "bücher.example",
            "*.example.org",
            "xn--bcher-kva.example",
        ] {
            assert!(Question::new(good, DnsRecordType::SOA).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_answer_to_the_query_is_read() {
        let answer = read(&bytes(&message()), ID, &question(), true).unwrap();
        assert_eq!((answer.rcode, answer.truncated), (DnsRcode::NOERROR, false));
        assert_eq!(answer.records.len(), 2);
        for text in ["web.example.org", "WEB.example.ORG.", "192.0.2.80"] {
            assert!(
                answer.records.iter().any(|record| is_record(record, text)),
                "{text}"
            );
        }
        for text in ["ns.", "192.0.2.8", "example.org", "", "."] {
            assert!(
                !answer.records.iter().any(|record| is_record(record, text)),
                "{text}"
            );
        }
        let without = read(&bytes(&message()), ID, &question(), false).unwrap();
        assert_eq!(without.records, []);
    }

    #[test]
    fn records_are_compared_by_their_kind() {
        let text = RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "-all".to_owned()]));
        assert!(is_record(&text, "v=spf1 -all"));
        assert!(!is_record(&text, "v=spf1"));
        let mail = RData::MX(MX::new(10, name("Mail.example.org.")));
        assert!(is_record(&mail, "10 mail.example.org"));
        assert!(!is_record(&mail, "mail.example.org"));
    }

    #[test]
    fn other_messages_are_not_answers() {
        let foreign = |message: &Message, id| read(&bytes(message), id, &question(), true);
        assert_eq!(foreign(&message(), ID + 1), Err(NoAnswer::Foreign));
        for (asked, kind) in [
            ("www.example.com.", RecordType::A),
            ("www.example.org.", RecordType::AAAA),
        ] {
            let mut other = message();
            other.queries = vec![Query::query(name(asked), kind)];
            assert_eq!(
                foreign(&other, ID),
                Err(NoAnswer::Foreign),
                "{asked} {kind}"
            );
        }
        let mut without =
            Message::error_msg(ID, OpCode::Query, hickory_proto::op::ResponseCode::FormErr);
        assert_eq!(foreign(&without, ID).unwrap().rcode.to_string(), "FORMERR");
        without.metadata.message_type = MessageType::Query;
        assert_eq!(foreign(&without, ID), Err(NoAnswer::Query));
        assert_eq!(read(&[], ID, &question(), false), Err(NoAnswer::Foreign));
        assert_eq!(
            read(&[0x12], ID, &question(), false),
            Err(NoAnswer::Foreign)
        );
    }

    #[test]
    fn an_answer_that_ends_at_any_byte_is_malformed_unless_it_is_truncated() {
        let whole = bytes(&message());
        let mut marked = message();
        marked.metadata.truncation = true;
        let marked = bytes(&marked);
        for length in 2..whole.len() {
            let cut = read(&whole[..length], ID, &question(), true);
            assert_eq!(cut, Err(NoAnswer::Malformed), "{length}");
            let cut = read(&marked[..length], ID, &question(), true);
            assert_eq!(cut.is_ok(), length >= 12 + 17 + 4, "{length}");
        }
    }

    #[test]
    fn names_that_point_to_themselves_or_forward_are_no_endless_loop() {
        let mut bytes = question().query(ID);
        bytes[2] |= 0x80;
        for pointer in [[0xc0, 12], [0xc0, 13], [0xff, 0xff]] {
            bytes[12..14].copy_from_slice(&pointer);
            assert_eq!(
                read(&bytes, ID, &question(), true),
                Err(NoAnswer::Malformed)
            );
        }
        bytes[12] = 0x80;
        assert_eq!(
            read(&bytes, ID, &question(), true),
            Err(NoAnswer::Malformed)
        );
    }

    proptest! {
        #[test]
        fn any_message_is_read(body in proptest::collection::vec(any::<u8>(), 0..300), with_records in any::<bool>()) {
            let mut message = ID.to_be_bytes().to_vec();
            message.extend(body);
            let _ = read(&message, ID, &question(), with_records);
        }

        #[test]
        fn any_changed_bytes_are_read(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut message = bytes(&message());
            for (index, byte) in changes {
                let index = 2 + index.index(message.len() - 2);
                message[index] = byte;
            }
            if let Ok(answer) = read(&message, ID, &question(), true) {
                for record in &answer.records {
                    let _ = is_record(record, "192.0.2.80");
                }
            }
        }

        #[test]
        fn contents_of_any_kind_are_read(kind: u16, contents in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut message = question().query(ID);
            message[2] |= 0x80;
            message[7] = 1;
            message.extend([0xc0, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend(u16::try_from(contents.len()).unwrap().to_be_bytes());
            message.extend(contents);
            let answer = read(&message, ID, &question(), true).unwrap();
            for record in &answer.records {
                let _ = is_record(record, "192.0.2.80");
            }
        }
    }
}
