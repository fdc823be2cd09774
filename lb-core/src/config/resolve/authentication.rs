// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the advertisements of an instance are authenticated.

use lb_vrrp::{Authentication, Password, Version};

use super::strict::Strict;
use crate::config::Diagnostic;
use crate::config::instance::{AuthType, InstanceConfig};
use crate::config::line::Context;

/// `auth_hmac` or `authentication`; none after something that has been reported.
pub(super) fn proof(
    context: &mut Context<'_>,
    version: Version,
    strict: Strict,
    instance: &InstanceConfig,
) -> Option<Authentication> {
    let Some(hmac) = &instance.hmac else {
        if let Some(kind) = instance.auth_type
            && !strict.allows(context, kind.span, "authentication")
        {
            return Some(Authentication::None);
        }
        return Some(authentication(context, version, instance));
    };
    if let Some(password) = &instance.auth_pass {
        context.findings.push(
            Diagnostic::warning(password.span, "`auth_hmac` replaces `authentication`")
                .label("ignored")
                .note_at(hmac.span, "`auth_hmac` is here")
                .secret(),
        );
    }
    hmac.resolve(context).map(Authentication::Hmac)
}

fn authentication(
    context: &mut Context<'_>,
    version: Version,
    instance: &InstanceConfig,
) -> Authentication {
    let (pass, kind) = (&instance.auth_pass, instance.auth_type);
    let Some(password) = pass else {
        if let Some(kind) = kind {
            context.findings.push(
                Diagnostic::error(kind.span, "`auth_type` without `auth_pass`")
                    .note("the advertisements would carry no authentication"),
            );
        }
        return Authentication::None;
    };
    let Some(kind) = kind else {
        if instance.wrong_auth_type {
            return Authentication::None;
        }
        context.findings.push(
            Diagnostic::error(password.span, "`auth_pass` without `auth_type`")
                .note("the advertisements would carry no authentication")
                .secret(),
        );
        return Authentication::None;
    };
    if version == Version::V3 {
        context.findings.push(
            Diagnostic::warning(password.span, "VRRP version 3 has no authentication")
                .label("ignored")
                .secret(),
        );
        return Authentication::None;
    }
    if let (AuthType::Ah, Some(master)) = (kind.value, instance.master.filter(|at| at.value)) {
        let message = "`state MASTER` does not go with `auth_type AH`";
        let finding = Diagnostic::warning(master.span, message).label("BACKUP is used");
        context
            .findings
            .push(finding.note_at(kind.span, "it is here"));
    }
    let bytes = password.value.as_bytes();
    if bytes.len() > Password::LEN {
        context.findings.push(
            Diagnostic::warning(password.span, "a password has at most 8 bytes")
                .label("only the first 8 are used")
                .secret(),
        );
    }
    match Password::new(bytes.get(..Password::LEN).unwrap_or(bytes)) {
        Ok(password) => match kind.value {
            AuthType::Pass => Authentication::Password(password),
            AuthType::Ah => Authentication::Ah(password),
        },
        Err(error) => {
            context.error(password.span, error.to_string());
            Authentication::None
        }
    }
}
