// SPDX-License-Identifier: MIT OR Apache-2.0
//! The block `SSL`: the certificate that SSL_GET shows to servers.

use lb_check::{TlsClient, TlsClientError, TlsSettings};

use crate::model::SslFiles;

use super::line::{At, Context};
use super::tree::NodeId;
use super::vocabulary::nearest;

const KEYWORDS: [&str; 4] = ["password", "ca", "certificate", "key"];

/// Files of the block, with the client that they make.
#[derive(Debug, Default)]
pub(super) struct SslBlock {
    pub(super) files: SslFiles,
    pub(super) client: Option<TlsClient>,
}

/// Reads the block. A file that cannot be used is an error; checks then show no certificate.
pub(super) fn read(context: &mut Context<'_>, block: NodeId) {
    context.only_block(block);
    let [mut password, mut ca, mut certificate, mut key]: [Option<At<String>>; 4] =
        Default::default();
    for line in context.lines(block) {
        let (keyword, span) = context.keyword(line);
        let slot = match keyword {
            "password" => &mut password,
            "ca" => &mut ca,
            "certificate" => &mut certificate,
            "key" => &mut key,
            "" => continue,
            _ => {
                let finding =
                    super::Diagnostic::error(span, format!("unknown keyword `{keyword}`"));
                let suggestion = nearest(keyword, KEYWORDS);
                context.findings.push(finding.suggest(suggestion));
                continue;
            }
        };
        let wants = if keyword == "password" {
            "a password"
        } else {
            "a file"
        };
        let value = context.value(line, wants);
        let value = value.map(|at| At::new(at.value.to_owned(), at.span));
        context.set(line, slot, value);
    }
    let path = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone().into());
    let files = SslFiles {
        ca: path(&ca),
        certificate: path(&certificate),
        key: path(&key),
        password: password.map(|at| at.value),
    };
    let mut settings = TlsSettings::default();
    settings.ca.clone_from(&files.ca);
    settings.certificate.clone_from(&files.certificate);
    settings.key.clone_from(&files.key);
    let client = TlsClient::load(settings);
    let client = client.map_err(|error| {
        let wrong = error.path().map(|path| path.to_string_lossy());
        let places = [&ca, &certificate, &key].into_iter().flatten();
        let mut places = places.filter(|at| wrong.as_deref() == Some(&*at.value));
        // A file that is certificate and key at once is wrong where it is the key.
        let place = places.next_back().map(|at| at.span);
        let span = place.unwrap_or_else(|| context.keyword(block).1);
        let finding = super::Diagnostic::error(span, error.to_string());
        let finding = finding.note("SSL_GET shows no certificate").silent();
        context.findings.push(match error {
            TlsClientError::NoKey(_) if files.password.is_some() => finding
                .note("write the key without its password: `openssl pkey -in FILE -out FILE`"),
            _ => finding,
        });
    });
    context.ssl = SslBlock {
        files,
        client: client.ok(),
    };
}
