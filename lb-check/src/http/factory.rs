// SPDX-License-Identifier: MIT OR Apache-2.0
//! From `HTTP_GET { … }` to the check.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::{HttpGet, Protocol, Tls, Url};
use crate::keywords::Findings;
use crate::{ArgumentError, Arguments, BuiltCheck, CheckContext, CheckFactory, Md5Digest, Problem};

const KEYWORDS: &[&str] = &[
    "url",
    "virtualhost",
    "http_protocol",
    "fast_recovery",
    "enable_sni",
    "sni_name",
    "nb_get_retry",
];

/// Keywords of `SSL_GET`.
#[cfg(feature = "tls")]
const TLS_KEYWORDS: &[&str] = &[
    "url",
    "virtualhost",
    "http_protocol",
    "fast_recovery",
    "enable_sni",
    "sni_name",
    "nb_get_retry",
    "tls_compliant",
    "certificate_warning",
];

const URL_KEYWORDS: &[&str] = &[
    "path",
    "digest",
    "status_code",
    "virtualhost",
    "tls_compliant",
    "regex",
    "regex_no_match",
    "regex_options",
    "regex_min_offset",
    "regex_max_offset",
    "regex_stack",
];

/// Makes [`HttpGet`]s.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HttpFactory {
    /// `HTTP_GET`.
    Plain,
    /// `SSL_GET`.
    #[cfg(feature = "tls")]
    Tls,
}

impl HttpFactory {
    const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Plain => KEYWORDS,
            #[cfg(feature = "tls")]
            Self::Tls => TLS_KEYWORDS,
        }
    }

    fn tls(self) -> Option<Tls> {
        match self {
            Self::Plain => None,
            #[cfg(feature = "tls")]
            Self::Tls => Some(Tls::default()),
        }
    }
}

impl CheckFactory for HttpFactory {
    fn build(
        &self,
        arguments: &Arguments,
        context: &CheckContext,
    ) -> Result<BuiltCheck, Vec<ArgumentError>> {
        let mut findings = Findings::default();
        let mut virtualhost = None;
        let mut protocol = None;
        let mut urls = Vec::new();
        let mut tls = self.tls();
        for line in &arguments.children {
            match line.name.as_str() {
                "url" => urls.extend(url(line, tls.is_some(), &mut findings)),
                "virtualhost" => {
                    if let Some(host) = findings.single(line, "a host name") {
                        findings.replace(line, &mut virtualhost, host.to_owned());
                    }
                }
                "http_protocol" => {
                    if let Some(text) = findings.single(line, "1.0, 1.0C or 1.1") {
                        match text.parse::<Protocol>() {
                            Ok(value) => findings.replace(line, &mut protocol, value),
                            Err(_) => findings.invalid(line, text, "1.0, 1.0C or 1.1"),
                        }
                    }
                }
                // All pages are fetched in every round as it is.
                "fast_recovery" | "nb_get_retry" => {}
                "enable_sni" | "sni_name" | "tls_compliant" | "certificate_warning" => {
                    match &mut tls {
                        Some(tls) => tls_keyword(line, tls, &mut findings),
                        None if line.name.ends_with("_warning") || line.name == "tls_compliant" => {
                            findings.unknown(line, arguments, KEYWORDS, true);
                        }
                        None => {
                            let (keyword, block) = (line.name.clone(), arguments.name.clone());
                            findings.warning(line, Problem::NoEffect { keyword, block });
                        }
                    }
                }
                _ => findings.unknown(line, arguments, self.words(), true),
            }
        }
        if urls.is_empty() {
            let block = arguments.name.clone();
            findings.error(
                arguments,
                Problem::Missing {
                    keyword: "url",
                    block,
                },
            );
            return Err(findings.0);
        }
        let mut check =
            HttpGet::new(urls, context.connect_timeout).with_protocol(protocol.unwrap_or_default());
        if let Some(mut tls) = tls {
            tls.virtualhost = virtualhost
                .clone()
                .or_else(|| context.service_virtualhost.clone());
            #[cfg(feature = "tls")]
            tls.client.clone_from(&context.tls_client);
            check = check.with_tls(tls);
        }
        check.virtualhost = virtualhost.or_else(|| context.virtualhost.clone());
        let deadline = check.total_timeout + BuiltCheck::SLACK;
        let mut built = BuiltCheck::new(Arc::new(check)).with_deadline(deadline);
        built.retry_delay = Duration::from_secs(3);
        built.down_waits_retry_delay = true;
        built.findings = findings.0;
        Ok(built)
    }

    fn keywords(&self) -> &[&str] {
        self.words()
    }
}

/// `enable_sni`, `sni_name` or `tls_compliant`.
fn tls_keyword(line: &Arguments, tls: &mut Tls, findings: &mut Findings) {
    match line.name.as_str() {
        "sni_name" => {
            // As in keepalived the word alone is `enable_sni`.
            tls.sends_host = true;
            if !line.values.is_empty() {
                let name = findings.single(line, "a host name");
                if let Some(name) = name {
                    findings.replace(line, &mut tls.name, name.to_owned());
                }
            }
        }
        "certificate_warning" => {
            if let Some(days) = days(line, findings) {
                findings.replace(line, &mut tls.certificate_warning, days);
            }
        }
        "enable_sni" => tls.sends_host = findings.boolean(line).unwrap_or(tls.sends_host),
        _ => tls.close_notify = findings.boolean(line).unwrap_or(tls.close_notify),
    }
}

/// Days before a certificate expires.
pub(crate) fn days(line: &Arguments, findings: &mut Findings) -> Option<u32> {
    let wants = "a number of days, 1 to 3650";
    let text = findings.single(line, wants)?;
    let days = text.parse::<u32>().ok();
    let days = days.filter(|days| (1..=3650).contains(days));
    if days.is_none() {
        findings.invalid(line, text, wants);
    }
    days
}

fn url(block: &Arguments, is_tls: bool, findings: &mut Findings) -> Option<Url> {
    let mut path = None;
    let mut digest: Option<Md5Digest> = None;
    let mut virtualhost = None;
    let mut status = Vec::new();
    let mut close_notify = false;
    #[cfg(feature = "regex")]
    let mut regex = super::regex::RegexLines::default();
    for line in &block.children {
        match line.name.as_str() {
            "path" => {
                if let Some(text) = findings.single(line, "a path") {
                    findings.replace(line, &mut path, text.to_owned());
                }
            }
            "digest" => {
                let Some(text) = findings.single(line, "32 hexadecimal digits") else {
                    continue;
                };
                match text.parse() {
                    Ok(_) if digest.is_some() => {
                        let keyword = line.name.clone();
                        findings.warning(
                            line,
                            Problem::Repeated {
                                keyword,
                                counts: "first",
                            },
                        );
                    }
                    Ok(value) => digest = Some(value),
                    Err(error) => {
                        findings.invalid(line, text, format!("an MD5 digest: {error}"));
                    }
                }
            }
            "status_code" => status_codes(line, &mut status, findings),
            "virtualhost" => {
                if let Some(host) = findings.single(line, "a host name") {
                    findings.replace(line, &mut virtualhost, host.to_owned());
                }
            }
            #[cfg(feature = "regex")]
            name if super::regex::KEYWORDS.contains(&name) => regex.read(line, findings),
            #[cfg(not(feature = "regex"))]
            name if name.starts_with("regex") && URL_KEYWORDS.contains(&name) => {
                let keyword = line.name.clone();
                findings.warning(line, Problem::Unsupported { keyword });
            }
            "tls_compliant" if is_tls => {
                close_notify = findings.boolean(line).unwrap_or(close_notify);
            }
            "tls_compliant" => {
                let (keyword, block) = (line.name.clone(), block.name.clone());
                findings.warning(line, Problem::NoEffect { keyword, block });
            }
            _ => findings.unknown_among(line, block, URL_KEYWORDS.to_vec()),
        }
    }
    #[cfg(feature = "regex")]
    let regex = regex.finish(findings);
    let Some(path) = path else {
        findings.error(
            block,
            Problem::Missing {
                keyword: "path",
                block: block.name.clone(),
            },
        );
        return None;
    };
    Some(Url {
        path,
        digest,
        #[cfg(feature = "regex")]
        regex,
        status,
        virtualhost,
        close_notify,
    })
}

/// The words after `status_code`.
pub(crate) fn status_words(codes: &[RangeInclusive<u16>]) -> Vec<String> {
    let word = |codes: &RangeInclusive<u16>| match (codes.start(), codes.end()) {
        (from, to) if from == to => from.to_string(),
        (from, to) => format!("{from}-{to}"),
    };
    codes.iter().map(word).collect()
}

/// `status_code 200 204 300-399`.
pub(crate) fn status_codes(
    line: &Arguments,
    codes: &mut Vec<RangeInclusive<u16>>,
    findings: &mut Findings,
) {
    let wants = "a status code of 100 to 599, or two of them with - between";
    if line.values.is_empty() {
        findings.error(
            line,
            Problem::MissingValue {
                keyword: line.name.clone(),
                wants,
            },
        );
    }
    for word in &line.values {
        let (from, to) = word.split_once('-').unwrap_or((word, word));
        let code = |text: &str| {
            let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>()
                .ok()
                .filter(|code| digits && (100..=599).contains(code))
        };
        match (code(from), code(to)) {
            (Some(from), Some(to)) if from <= to => codes.push(from..=to),
            _ => findings.invalid(line, word, wants),
        }
    }
}
