// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `HTTP_CHECK { … }` to the check, and back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Uri};

#[cfg(feature = "tls")]
use super::HttpTls;
use super::{HttpCheck, HttpVersion};
#[cfg(feature = "regex")]
use crate::http::regex::{self, RegexLines};
use crate::http::{days, status_codes, status_words};
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Problem};

const KEYWORDS: &[&str] = &[
    "path",
    "method",
    "virtualhost",
    "header",
    "body",
    "http_protocol",
    "status_code",
    "expect_header",
    "text",
    "digest",
    "sha256",
    "regex",
    "regex_no_match",
    "regex_options",
    "regex_min_offset",
    "regex_max_offset",
    "regex_stack",
    "tls",
    "verify",
    "ca",
    "certificate",
    "key",
    "sni_name",
    "certificate_warning",
    "timeout",
];

/// Keywords that have an effect only with `tls`.
const TLS_KEYWORDS: &[&str] = &[
    "verify",
    "ca",
    "certificate",
    "key",
    "sni_name",
    "certificate_warning",
];

/// Makes [`HttpCheck`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpCheckFactory;

impl CheckFactory for HttpCheckFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut check = HttpCheck::new("", context.connect_timeout);
        let mut lines = Lines::default();
        for line in &arguments.children {
            lines.read(line, &mut check, arguments, &mut findings);
        }
        let Some(path) = lines.path.take() else {
            let (keyword, block) = ("path", arguments.name.clone());
            findings.error(arguments, Problem::Missing { keyword, block });
            return Err(findings.0);
        };
        check.path = path;
        check.virtualhost = lines.virtualhost.take();
        if check.virtualhost.is_none() {
            check.virtualhost.clone_from(&context.virtualhost);
        }
        check.method = lines.method.take().unwrap_or(check.method);
        check.body = lines.body.take();
        check.version = lines.version.unwrap_or_default();
        check.expectation.text = lines.text.take();
        check.expectation.sha256 = lines.sha256;
        check.expectation.md5 = lines.md5;
        if let Some(timeout) = lines.timeout {
            check.total_timeout = timeout;
        }
        #[cfg(feature = "regex")]
        {
            check.expectation.regex = std::mem::take(&mut lines.regex).finish(&mut findings);
        }
        // A check whose TLS cannot be had must not pass without it.
        if lines
            .finish_tls(&mut check, arguments, &mut findings)
            .is_none()
        {
            return Err(findings.0);
        }
        let deadline = check.total_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        KEYWORDS
    }
}

/// What the lines of a block ask for.
#[derive(Default)]
struct Lines<'a> {
    path: Option<String>,
    method: Option<String>,
    virtualhost: Option<String>,
    body: Option<String>,
    version: Option<HttpVersion>,
    text: Option<String>,
    md5: Option<crate::Md5Digest>,
    sha256: Option<super::Sha256Digest>,
    timeout: Option<Duration>,
    #[cfg(feature = "regex")]
    regex: RegexLines<'a>,
    tls: Option<bool>,
    tls_words: TlsWords<'a>,
}

impl<'a> Lines<'a> {
    fn read(
        &mut self,
        line: &'a Arguments,
        check: &mut HttpCheck,
        block: &Arguments,
        findings: &mut Findings,
    ) {
        match line.name.as_str() {
            "path" => {
                let wants = "a path that begins with /";
                let path = findings.single(line, wants).map(str::to_owned);
                let is_valid = |path: &String| path.starts_with('/') && path.parse::<Uri>().is_ok();
                set(line, &mut self.path, path, wants, findings, is_valid);
            }
            "method" => {
                let wants = "a method of HTTP";
                let method = findings.single(line, wants).map(str::to_owned);
                let is_valid = |method: &String| {
                    *method != "CONNECT" && Method::from_bytes(method.as_bytes()).is_ok()
                };
                set(line, &mut self.method, method, wants, findings, is_valid);
            }
            "virtualhost" => {
                let wants = "a host name";
                let host = findings.single(line, wants).map(str::to_owned);
                let is_valid = |host: &String| host.parse::<Authority>().is_ok();
                set(line, &mut self.virtualhost, host, wants, findings, is_valid);
            }
            "header" => {
                if let Some((name, Some(value))) = header(line, true, findings) {
                    check.headers.push((name, value));
                }
            }
            "expect_header" => check
                .expectation
                .headers
                .extend(header(line, false, findings)),
            "body" => {
                let body = findings.single(line, "a text").map(str::to_owned);
                set(line, &mut self.body, body, "", findings, |_| true);
            }
            "text" => {
                let text = findings.single(line, "a text").map(str::to_owned);
                set(line, &mut self.text, text, "", findings, |_| true);
            }
            "status_code" => status_codes(line, &mut check.expectation.status, findings),
            "http_protocol" => parse(line, &mut self.version, "1.0, 1.1 or 2", findings),
            "digest" => parse(line, &mut self.md5, "32 hexadecimal digits", findings),
            "sha256" => parse(line, &mut self.sha256, "64 hexadecimal digits", findings),
            "timeout" => {
                let wants = "a number of seconds, from 0.001 to 3600";
                let text = findings.single(line, wants);
                let seconds = text.and_then(|text| text.parse::<f64>().ok());
                let seconds = seconds.filter(|seconds| (0.001..=3600.0).contains(seconds));
                match (text, seconds) {
                    (_, Some(seconds)) => {
                        let timeout = Duration::from_secs_f64(seconds);
                        findings.replace(line, &mut self.timeout, timeout);
                    }
                    (Some(text), None) => findings.invalid(line, text, wants),
                    (None, None) => {}
                }
            }
            "tls" => {
                if let Some(value) = findings.boolean(line) {
                    findings.replace(line, &mut self.tls, value);
                }
            }
            name if TLS_KEYWORDS.contains(&name) => self.tls_words.read(line, findings),
            #[cfg(feature = "regex")]
            name if regex::KEYWORDS.contains(&name) => self.regex.read(line, findings),
            #[cfg(not(feature = "regex"))]
            name if name.starts_with("regex") && KEYWORDS.contains(&name) => {
                let keyword = line.name.clone();
                findings.warning(line, Problem::Unsupported { keyword });
            }
            _ => findings.unknown(line, block, KEYWORDS, true),
        }
    }

    /// Loads the files of TLS; `None` if the check cannot have the TLS it asks for.
    fn finish_tls(
        self,
        check: &mut HttpCheck,
        block: &Arguments,
        findings: &mut Findings,
    ) -> Option<()> {
        if !self.tls.unwrap_or_default() {
            for line in self.tls_words.lines {
                let (keyword, block) = (line.name.clone(), format!("{} without tls", block.name));
                findings.warning(line, Problem::NoEffect { keyword, block });
            }
            return Some(());
        }
        #[cfg(feature = "tls")]
        {
            let is_http2 = check.version == HttpVersion::Http2;
            check.tls = Some(self.tls_words.load(is_http2, block, findings)?);
            Some(())
        }
        #[cfg(not(feature = "tls"))]
        {
            let _ = check;
            let message = "this program was built without TLS".to_owned();
            findings.error(block, Problem::Other(message));
            None
        }
    }
}

/// What the lines about TLS ask for.
#[derive(Default)]
struct TlsWords<'a> {
    verify: Option<bool>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    name: Option<String>,
    days: Option<u32>,
    lines: Vec<&'a Arguments>,
}

impl<'a> TlsWords<'a> {
    fn read(&mut self, line: &'a Arguments, findings: &mut Findings) {
        self.lines.push(line);
        match line.name.as_str() {
            "verify" => {
                if let Some(value) = findings.boolean(line) {
                    findings.replace(line, &mut self.verify, value);
                }
            }
            "sni_name" => {
                if let Some(value) = findings.single(line, "a host name") {
                    findings.replace(line, &mut self.name, value.to_owned());
                }
            }
            "certificate_warning" => {
                if let Some(value) = days(line, findings) {
                    findings.replace(line, &mut self.days, value);
                }
            }
            keyword => {
                let slot = match keyword {
                    "ca" => &mut self.ca,
                    "certificate" => &mut self.certificate,
                    _ => &mut self.key,
                };
                if let Some(file) = findings.single(line, "a file") {
                    findings.replace(line, slot, file.into());
                }
            }
        }
    }

    /// Loads the files; `None` if one cannot be used, which is a finding.
    #[cfg(feature = "tls")]
    fn load(self, http2: bool, block: &Arguments, findings: &mut Findings) -> Option<HttpTls> {
        let settings = crate::TlsSettings {
            verify: self.verify.unwrap_or(true),
            ca: self.ca,
            certificate: self.certificate,
            key: self.key,
            http2,
        };
        match crate::TlsClient::shared(settings) {
            Ok(client) => {
                let mut tls = HttpTls::new(client);
                (tls.name, tls.certificate_warning) = (self.name, self.days);
                Some(tls)
            }
            Err(error) => {
                let file = error.path().map(|path| path.to_string_lossy());
                let mut lines = self.lines.into_iter();
                let line = lines.find(|line| {
                    let value = line.values.first();
                    value.is_some_and(|value| file.as_deref() == Some(value))
                });
                let line = line.unwrap_or(block);
                findings.error(line, Problem::Other(error.to_string()));
                None
            }
        }
    }
}

/// Sets a value if it is valid.
fn set(
    line: &Arguments,
    slot: &mut Option<String>,
    value: Option<String>,
    wants: &str,
    findings: &mut Findings,
    is_valid: impl Fn(&String) -> bool,
) {
    match value {
        Some(value) if is_valid(&value) => findings.replace(line, slot, value),
        Some(value) => findings.invalid(line, &value, wants),
        None => {}
    }
}

/// Reads the one value of a line.
fn parse<T: std::str::FromStr>(
    line: &Arguments,
    slot: &mut Option<T>,
    wants: &'static str,
    findings: &mut Findings,
) {
    if let Some(text) = findings.single(line, wants) {
        match text.parse() {
            Ok(value) => findings.replace(line, slot, value),
            Err(_) => findings.invalid(line, text, wants),
        }
    }
}

/// `header NAME VALUE` and `expect_header NAME [VALUE]`.
fn header(
    line: &Arguments,
    needs_value: bool,
    findings: &mut Findings,
) -> Option<(String, Option<String>)> {
    let (name, value) = (line.values.first(), line.values.get(1));
    let Some(name) = name.filter(|_| value.is_some() || !needs_value) else {
        let wants = "a name and a value";
        let keyword = line.name.clone();
        findings.error(line, Problem::MissingValue { keyword, wants });
        return None;
    };
    findings.extra(line, 2);
    if name.parse::<HeaderName>().is_err() {
        findings.invalid(line, name, "the name of a header");
        return None;
    }
    if let Some(value) = value.filter(|value| value.parse::<HeaderValue>().is_err()) {
        findings.invalid(line, value, "the value of a header");
        return None;
    }
    Some((name.clone(), value.cloned()))
}

/// The lines that describe a check.
pub(super) fn lines(check: &HttpCheck) -> Vec<Arguments> {
    let line = |name: &str, value: &str| Arguments::line(name, [value]);
    let mut lines = vec![
        Arguments::seconds("connect_timeout", check.connect_timeout),
        Arguments::seconds("timeout", check.total_timeout),
        line("path", &check.path),
    ];
    if check.method != "GET" {
        lines.push(line("method", &check.method));
    }
    let host = check.virtualhost.iter();
    lines.extend(host.map(|host| line("virtualhost", host)));
    let headers = check.headers.iter();
    lines.extend(headers.map(|(name, value)| Arguments::line("header", [name, value])));
    lines.extend(check.body.iter().map(|body| line("body", body)));
    if check.version != HttpVersion::default() {
        lines.push(line("http_protocol", &check.version.to_string()));
    }
    let expectation = &check.expectation;
    if !expectation.status.is_empty() {
        lines.push(Arguments::line(
            "status_code",
            status_words(&expectation.status),
        ));
    }
    let headers = expectation.headers.iter();
    lines.extend(
        headers.map(|(name, value)| {
            Arguments::line("expect_header", std::iter::once(name).chain(value))
        }),
    );
    lines.extend(expectation.text.iter().map(|text| line("text", text)));
    let digest = expectation.md5.iter();
    lines.extend(digest.map(|digest| line("digest", &digest.to_string())));
    let digest = expectation.sha256.iter();
    lines.extend(digest.map(|digest| line("sha256", &digest.to_string())));
    #[cfg(feature = "regex")]
    lines.extend(expectation.regex.iter().flat_map(regex::regex_lines));
    #[cfg(feature = "tls")]
    lines.extend(check.tls.iter().flat_map(tls_lines));
    lines
}

#[cfg(feature = "tls")]
fn tls_lines(tls: &HttpTls) -> Vec<Arguments> {
    let settings = tls.client.settings();
    let mut lines = vec![Arguments::line("tls", ["on"])];
    if !settings.verify {
        lines.push(Arguments::line("verify", ["off"]));
    }
    for (keyword, file) in [
        ("ca", &settings.ca),
        ("certificate", &settings.certificate),
        ("key", &settings.key),
    ] {
        let file = file.iter().map(|file| file.to_string_lossy());
        lines.extend(file.map(|file| Arguments::line(keyword, [file])));
    }
    let name = tls.name.iter();
    lines.extend(name.map(|name| Arguments::line("sni_name", [name])));
    let days = tls.certificate_warning.iter().map(u32::to_string);
    lines.extend(days.map(|days| Arguments::line("certificate_warning", [days])));
    lines
}
