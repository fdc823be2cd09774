// SPDX-License-Identifier: MIT OR Apache-2.0
//! When a certificate expires.

use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode as _};

/// When a certificate expires, since 1970; `None` if it cannot be read.
pub(crate) fn expiry(certificate: &CertificateDer<'_>) -> Option<Duration> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after;
    Some(end.to_unix_duration())
}

/// The warning for a certificate that expires at `end` (since 1970), from `days` before. The text changes once:
/// when the certificate has expired.
pub(crate) fn expiry_warning(end: Duration, days: u32, now: SystemTime) -> Option<String> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let date = DateTime::from_unix_duration(end).ok()?;
    if now >= end {
        return Some(format!("certificate expired on {date}"));
    }
    let window = Duration::from_secs(24 * 60 * 60).saturating_mul(days);
    (end.saturating_sub(now) <= window).then(|| format!("certificate expires on {date}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_begins_days_before_and_changes_at_the_end() {
        let day = Duration::from_secs(24 * 60 * 60);
        let end = day * 20_000;
        let at = |days: u32| SystemTime::UNIX_EPOCH + day * days;
        let warning = |days| expiry_warning(end, 14, at(days));
        assert_eq!(warning(19_985), None);
        let soon = Some("certificate expires on 2024-10-04T00:00:00Z".to_owned());
        assert_eq!(warning(19_986), soon);
        assert_eq!(warning(19_999), soon);
        let late = Some("certificate expired on 2024-10-04T00:00:00Z".to_owned());
        assert_eq!(warning(20_000), late);
        assert_eq!(warning(30_000), late);
    }

    #[test]
    fn what_is_no_certificate_has_no_expiry() {
        assert_eq!(
            expiry(&CertificateDer::from(&b"0\x03\x02\x01\x00"[..])),
            None
        );
        assert_eq!(expiry(&CertificateDer::from(&b""[..])), None);
    }
}
