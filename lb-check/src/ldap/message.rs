// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of LDAP (RFC 4511): the requests of a check, and the answers to them.

use super::ber::{
    BOOLEAN, ENUMERATED, Elements, INTEGER, Malformed, OCTET_STRING, SEQUENCE, write, write_integer,
};

/// The name of the request to start TLS (RFC 4511 §4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// An answer of a server.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Answer<'a> {
    /// The number of the request; 0 if the server sends it by itself.
    pub(super) id: u32,
    pub(super) operation: Operation<'a>,
}

/// The operation of an answer.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Operation<'a> {
    Bind(LdapResult<'a>),
    Entry,
    /// A reference to another server, where the search could continue.
    Reference,
    SearchDone(LdapResult<'a>),
    Extended(LdapResult<'a>),
    /// An operation that no request of a check asks for: its tag.
    Other(u8),
}

/// The result of an operation.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct LdapResult<'a> {
    pub(super) code: u32,
    pub(super) message: &'a [u8],
}

/// Reads one whole message.
pub(super) fn read(message: &[u8]) -> Result<Answer<'_>, Malformed> {
    let mut message = Elements(message);
    let mut content = Elements(message.take_tagged(SEQUENCE)?);
    let id = content.take_integer(INTEGER)?;
    let (tag, operation) = content.take()?;
    let operation = match tag {
        0x61 => Operation::Bind(result(operation)?),
        0x64 => {
            // The name of the entry, then its attributes, of which none were asked for.
            Elements(operation).take_tagged(OCTET_STRING)?;
            Operation::Entry
        }
        0x65 => Operation::SearchDone(result(operation)?),
        0x73 => Operation::Reference,
        0x78 => Operation::Extended(result(operation)?),
        other => Operation::Other(other),
    };
    Ok(Answer { id, operation })
}

fn result(operation: &[u8]) -> Result<LdapResult<'_>, Malformed> {
    let mut elements = Elements(operation);
    let code = elements.take_integer(ENUMERATED)?;
    elements.take_tagged(OCTET_STRING)?; // matchedDN
    let message = elements.take_tagged(OCTET_STRING)?;
    Ok(LdapResult { code, message })
}

fn request(id: u32, tag: u8, operation: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    write_integer(&mut content, INTEGER, id);
    write(&mut content, tag, operation);
    let mut message = Vec::new();
    write(&mut message, SEQUENCE, &content);
    message
}

/// A simple bind: anonymous with an empty name and an empty password.
pub(super) fn bind(id: u32, name: &str, password: &str) -> Vec<u8> {
    let mut operation = Vec::new();
    write_integer(&mut operation, INTEGER, 3);
    write(&mut operation, OCTET_STRING, name.as_bytes());
    write(&mut operation, 0x80, password.as_bytes());
    request(id, 0x60, &operation)
}

/// A search of the entry `base` alone, with `(objectClass=*)` and without attributes.
pub(super) fn search(id: u32, base: &str, seconds: u32) -> Vec<u8> {
    let mut operation = Vec::new();
    write(&mut operation, OCTET_STRING, base.as_bytes());
    write_integer(&mut operation, ENUMERATED, 0); // baseObject
    write_integer(&mut operation, ENUMERATED, 0); // neverDerefAliases
    write_integer(&mut operation, INTEGER, 2); // a second entry would be a fault
    write_integer(&mut operation, INTEGER, seconds);
    write(&mut operation, BOOLEAN, &[0xff]); // typesOnly
    write(&mut operation, 0x87, b"objectClass"); // present
    let mut attributes = Vec::new();
    write(&mut attributes, OCTET_STRING, b"1.1"); // none (RFC 4511 §4.5.1.8)
    write(&mut operation, SEQUENCE, &attributes);
    request(id, 0x63, &operation)
}

/// The request to start TLS.
pub(super) fn start_tls(id: u32) -> Vec<u8> {
    let mut operation = Vec::new();
    write(&mut operation, 0x80, START_TLS);
    request(id, 0x77, &operation)
}

/// The end of the connection.
pub(super) fn unbind(id: u32) -> Vec<u8> {
    request(id, 0x42, &[])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer as a server writes it.
    fn answer(id: u32, tag: u8, code: u32, message: &[u8]) -> Vec<u8> {
        let mut operation = Vec::new();
        write_integer(&mut operation, ENUMERATED, code);
        write(&mut operation, OCTET_STRING, b"");
        write(&mut operation, OCTET_STRING, message);
        request(id, tag, &operation)
    }

    #[test]
    fn requests_have_the_bytes_of_the_standard() {
        assert_eq!(
            bind(1, "", ""),
            b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
        );
        assert_eq!(
            bind(2, "cn=a", "pw"),
            b"\x30\x12\x02\x01\x02\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw"
        );
        assert_eq!(
            search(3, "dc=x", 5),
            b"\x30\x2e\x02\x01\x03\x63\x29\x04\x04dc=x\x0a\x01\x00\x0a\x01\x00\x02\x01\x02\x02\x01\x05\
              \x01\x01\xff\x87\x0bobjectClass\x30\x05\x04\x031.1"
        );
        assert_eq!(unbind(4), b"\x30\x05\x02\x01\x04\x42\x00");
        assert_eq!(
            start_tls(1),
            b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
        );
    }

    #[test]
    fn answers_are_read() {
        let bytes = answer(7, 0x61, 49, b"no");
        let bound = read(&bytes).unwrap();
        let result = LdapResult {
            code: 49,
            message: b"no",
        };
        assert_eq!(
            bound,
            Answer {
                id: 7,
                operation: Operation::Bind(result)
            }
        );
        // OpenLDAP's entry of the root: a name of no bytes, and no attributes.
        let entry = b"\x30\x09\x02\x01\x02\x64\x04\x04\x00\x30\x00";
        assert_eq!(
            read(entry).unwrap(),
            Answer {
                id: 2,
                operation: Operation::Entry
            }
        );
        // Active Directory writes lengths of four bytes.
        let done = b"\x30\x84\x00\x00\x00\x10\x02\x01\x02\x65\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
        let result = LdapResult {
            code: 0,
            message: b"",
        };
        assert_eq!(read(done).unwrap().operation, Operation::SearchDone(result));
        let reference = b"\x30\x05\x02\x01\x02\x73\x00";
        assert_eq!(read(reference).unwrap().operation, Operation::Reference);
    }

    #[test]
    fn truncated_answers_are_malformed() {
        let bytes = answer(7, 0x65, 32, b"no such object");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(Malformed::Truncated), "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_malformed(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn changed_bytes_are_an_answer_or_malformed(at in 0_usize..24, byte: u8) {
            let mut bytes = answer(7, 0x61, 49, b"no such");
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = read(&bytes);
        }

        #[test]
        fn codes_and_messages_are_read(id: u32, code: u32, message: Vec<u8>) {
            let bytes = answer(id, 0x78, code, &message);
            let operation = Operation::Extended(LdapResult { code, message: &message });
            prop_assert_eq!(read(&bytes), Ok(Answer { id, operation }));
        }
    }
}
