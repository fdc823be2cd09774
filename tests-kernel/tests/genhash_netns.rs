// SPDX-License-Identifier: MIT OR Apache-2.0
//! Output and exit status of genhash are those of genhash 2.2.7, whatever a server answers.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tests_kernel::process;
use tests_kernel::tool::{genhash, lbctl};

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

const DEADLINE: Duration = Duration::from_secs(20);
const HEAD: &str = "HTTP/1.1 200 OK\r\nServer: lab\r\n";

/// How a connection ends after the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Close,
    Reset,
    /// The connection stays open, longer than the time limit of one second.
    Hang,
}

/// An answer in parts, each of which is a segment of its own.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    parts: Vec<Vec<u8>>,
    end: End,
    options: &'static str,
}

impl Case {
    fn new(name: impl Into<String>, parts: &[&[u8]]) -> Self {
        Self {
            name: name.into(),
            parts: parts.iter().map(|part| part.to_vec()).collect(),
            end: End::Close,
            options: "",
        }
    }

    fn ends(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    fn with(mut self, options: &'static str) -> Self {
        self.options = options;
        self
    }
}

/// A header of this length in all, the empty line included.
fn head(length: usize) -> Vec<u8> {
    let filler = "y".repeat(length - HEAD.len() - "X: \r\n\r\n".len());
    format!("{HEAD}X: {filler}\r\n\r\n").into_bytes()
}

fn headers() -> Vec<Case> {
    let with = |field: &str| format!("{HEAD}{field}\r\n\r\nhello").into_bytes();
    let fields = [
        "Content-Length: 5",
        "Content-Length: 3",
        "Content-Length: 50",
        "Content-Length: 0",
        "content-length: 3",
        "CONTENT-LENGTH: 3",
        "Content-Length:3",
        "Content-Length:\t3",
        "Content-Length: 3 ",
        "Content-Length: -1",
        "Content-Length: +3",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 9223372036854775808",
        "Content-Length: 4294967299",
        "Content-Length: many",
        "Content-Length: ",
        "Content-Length: 0x3",
        "Content-Length: 3\r\nContent-Length: 4",
        "X-Content-Length: 3",
        "X: \0\r\nContent-Length: 3",
        "X: a\r\n b",
        "Location: /other",
    ];
    let mut cases: Vec<Case> = fields
        .iter()
        .map(|field| Case::new(field.escape_default().to_string(), &[&with(field)]))
        .collect();
    for length in [4088, 4093, 4094, 4095, 4096, 4097, 5000] {
        let head = head(length);
        let whole = [&head[..], b"hello"].concat();
        cases.push(Case::new(format!("header of {length} bytes"), &[&whole]));
        cases.push(Case::new(
            format!("header of {length} bytes alone"),
            &[&head, b"hello"],
        ));
    }
    cases
}

fn bodies() -> Vec<Case> {
    let page = |body: &[u8]| [HEAD.as_bytes(), b"\r\n", body].concat();
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    let mut cases = vec![
        Case::new("plain", &[&page(b"hello")]),
        Case::new("empty body", &[&page(b"")]),
        Case::new("every byte", &[&page(&bytes)]),
        Case::new("line breaks", &[&page(b"\r\n\r\nhello\r\n")]),
        Case::new(
            "gzip",
            &[&[HEAD.as_bytes(), b"Content-Encoding: gzip\r\n\r\n", gzip].concat()],
        ),
        Case::new("chunked", &[chunked.as_bytes(), b"5\r\nhello\r\n0\r\n\r\n"]),
        Case::new(
            "trailers",
            &[chunked.as_bytes(), b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"],
        ),
        Case::new("redirect", &[b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"]),
        Case::new("not found", &[b"HTTP/1.1 404 Not Found\r\n\r\nno"]),
        Case::new(
            "continue",
            &[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
        ),
        Case::new(
            "continue, then the rest",
            &[
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            ],
        ),
        Case::new(
            "length in the body",
            &[&page(b"Content-Length: 3\r\n\r\nhello")],
        ),
        Case::new(
            "length in the first line",
            &[b"HTTP/1.1 200 Content-Length: 3\r\n\r\nhello"],
        ),
        Case::new(
            "parts in the end of the header",
            &[HEAD.as_bytes(), b"\r", b"\nhel", b"lo"],
        ),
        Case::new(
            "length and parts",
            &[&page(b"")[..10], &page(b"")[10..], b"hel", b"lo"],
        ),
    ];
    let shorter = format!("{HEAD}Content-Length: 7\r\n\r\n");
    cases.push(Case::new(
        "parts across the length",
        &[shorter.as_bytes(), b"hello ", b"world"],
    ));
    let single = page(b"hello world");
    let single: Vec<&[u8]> = single.chunks(1).collect();
    cases.push(Case::new("one byte each", &single));
    let odd = page(&b"hello world ".repeat(30));
    let odd: Vec<&[u8]> = odd.chunks(7).collect();
    cases.push(Case::new("seven bytes each", &odd));
    for length in [4061, 4062, 4063, 4064, 4065, 8192, 100_000] {
        let body = vec![b'z'; length];
        cases.push(Case::new(
            format!("body of {length} bytes"),
            &[&page(&body)],
        ));
    }
    let limited = format!("{HEAD}Content-Length: 5000\r\n\r\n");
    let body = vec![b'z'; 100_000];
    cases.push(Case::new(
        "a long body with a length",
        &[limited.as_bytes(), &body],
    ));
    cases
}

fn faults() -> Vec<Case> {
    vec![
        Case::new("nothing", &[]),
        Case::new("an empty line", &[b"\r\n"]),
        Case::new("the end of a header", &[b"\r\n\r\n"]),
        Case::new("the end of a header and a body", &[b"\r\n\r\nhello"]),
        Case::new("LF only", &[b"HTTP/1.1 200 OK\nServer: lab\n\nhello"]),
        Case::new("LF once", &[b"HTTP/1.1 200 OK\nServer: lab\r\n\r\nhello"]),
        Case::new(
            "LF, and the end in the body",
            &[b"HTTP/1.1 200 OK\n\nhel\r\n\r\nlo"],
        ),
        Case::new("a header without an end", &[HEAD.as_bytes()]),
        Case::new("a header that is cut", &[b"HTTP/1.1 200 OK\r\nX"]),
        Case::new("no HTTP", &[b"hello"]),
        Case::new("much that is no HTTP", &[&[b'x'; 10_000]]),
        Case::new("HTTP/0.9", &[b"<html>hello</html>\r\n\r\nfoo"]),
        Case::new("reset at once", &[]).ends(End::Reset),
        Case::new("reset in the header", &[HEAD.as_bytes()]).ends(End::Reset),
        Case::new("reset in the body", &[HEAD.as_bytes(), b"\r\nhel"]).ends(End::Reset),
        Case::new("silence", &[]).ends(End::Hang),
        Case::new("silence in the header", &[HEAD.as_bytes()]).ends(End::Hang),
        Case::new("silence in the body", &[HEAD.as_bytes(), b"\r\nhel"]).ends(End::Hang),
        Case::new(
            "silence after the length",
            &[HEAD.as_bytes(), b"Content-Length: 3\r\n\r\nhel"],
        )
        .ends(End::Hang),
        Case::new("no TLS", &[HEAD.as_bytes()]).with("-S"),
        Case::new("the end before TLS", &[]).with("-S"),
        Case::new("silence before TLS", &[])
            .with("-S")
            .ends(End::Hang),
    ]
}

/// Answers the connections of one case until the sender is dropped.
fn serve(listener: &TcpListener, case: &Case, stop: &mpsc::Receiver<()>) -> std::io::Result<()> {
    // A connection that hangs is kept here.
    let mut open = Vec::new();
    for stream in listener.incoming() {
        if stop.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
            break;
        }
        let mut stream: TcpStream = stream?;
        stream.set_nodelay(true)?;
        let mut request = [0; 4096];
        // The request of genhash is one segment.
        let _ = stream.read(&mut request)?;
        for (number, part) in case.parts.iter().enumerate() {
            if number > 0 {
                testbed::pause(Duration::from_millis(20));
            }
            if stream.write_all(part).is_err() {
                break;
            }
        }
        match case.end {
            End::Close => {}
            End::Reset => {
                testbed::pause(Duration::from_millis(50));
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            }
            End::Hang => open.push(stream),
        }
    }
    Ok(())
}

/// Standard output, standard error and exit status.
fn run(
    words: &[std::ffi::OsString],
    port: u16,
    options: &str,
    seconds: &str,
) -> TestResult<(String, String, Option<i32>)> {
    let (program, arguments) = words.split_first().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.args([
        "-s",
        "127.0.0.1",
        "-u",
        "/",
        "-t",
        seconds,
        "-p",
        &port.to_string(),
    ]);
    command.args(options.split_whitespace());
    let done = process::output(&mut command, DEADLINE)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(done.stdout), text(done.stderr), done.status.code()))
}

/// Compares the programs at a port.
fn compare(case: &Case, ours: &Path, port: u16) -> TestResult<Option<String>> {
    // Only an answer that does not come needs the limit; the others may be late on a busy machine.
    let seconds = match case.end {
        End::Hang => "1",
        End::Close | End::Reset => "15",
    };
    let theirs = run(&genhash(), port, case.options, seconds)?;
    let mine = run(&[ours.into()], port, case.options, seconds)?;
    let name = &case.name;
    Ok((theirs != mine).then(|| format!("{name}: {theirs:?}, ours {mine:?}")))
}

fn compare_case(case: &Case, ours: &Path) -> TestResult<Option<String>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (keep, stop) = mpsc::channel();
    thread::scope(|scope| {
        let listener = &listener;
        let server = scope.spawn(move || serve(listener, case, &stop));
        let found = compare(case, ours, address.port());
        drop(keep);
        // Wakes the server.
        TcpStream::connect(address)?;
        server.join().map_err(|_| "the server panicked")??;
        found
    })
}

#[testbed::host_test]
fn genhash_prints_what_the_original_prints() -> TestResult {
    let folder = tempfile::tempdir()?;
    let ours = folder.path().join("genhash");
    symlink(lbctl(), &ours)?;
    let cases = [headers(), bodies(), faults()].concat();
    assert!(cases.len() >= 80, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        wrong.extend(compare_case(case, &ours)?);
    }
    // A port without a listener, and one whose queue is full.
    let closed = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    closed.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = closed.local_addr()?;
    let port = address.as_socket().ok_or("no port")?.port();
    wrong.extend(compare(&Case::new("refused", &[]), &ours, port)?);
    wrong.extend(compare(
        &Case::new("refused, TLS", &[]).with("-S"),
        &ours,
        port,
    )?);
    closed.listen(0)?;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        // In progress, or not even that.
        let _ = socket.connect(&address);
        waiting.push(socket);
    }
    wrong.extend(compare(
        &Case::new("no connection", &[]).ends(End::Hang),
        &ours,
        port,
    )?);
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        cases.len()
    );
    Ok(())
}
