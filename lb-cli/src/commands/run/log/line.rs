// SPDX-License-Identifier: MIT OR Apache-2.0
//! The format of a log message.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

/// One line with the text of a message and its fields. Spans are left out, because the text names the
/// virtual router or the virtual server as in keepalived's log.
#[derive(Debug)]
pub(super) struct Line {
    /// Whether time and level precede the text.
    pub(super) is_dated: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.is_dated {
            SystemTime.format_time(&mut writer)?;
            write!(writer, " {:>5} ", event.metadata().level())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Mutex;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_line_has_the_text_and_its_fields_and_no_span() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut written = file.reopen().unwrap();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .event_format(Line { is_dated: false })
            .with_writer(Mutex::new(file));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("vrrp", instance = "VI_1", vrid = 51).entered();
            tracing::warn!(from = "BACKUP", "(VI_1) Entering {} STATE", "MASTER");
        });
        let mut text = String::new();
        written.read_to_string(&mut text).unwrap();
        assert_eq!(text, "(VI_1) Entering MASTER STATE from=\"BACKUP\"\n");
    }
}
