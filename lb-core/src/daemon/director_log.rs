// SPDX-License-Identifier: MIT OR Apache-2.0
//! Log messages of the daemon about virtual servers: one for each output of the director.
//!
//! Messages are in a span `virtual_server` with its `name`.

use tracing::{Span, debug, info, info_span};

use crate::director::Output;
use crate::log_line::Line;

/// Logs an output, in keepalived's words where keepalived has some.
pub(super) fn log(output: &Output) {
    let _span = output
        .virtual_server()
        .map_or_else(Span::none, span)
        .entered();
    let line = Line(output);
    match output {
        Output::SyncDaemons(_) | Output::Notify(_) => debug!("{line}"),
        _ => match output.reason() {
            Some(reason) => info!(reason, "{line}"),
            None => info!("{line}"),
        },
    }
}

/// The span of a virtual server.
pub(super) fn span(virtual_server: &str) -> Span {
    info_span!("virtual_server", name = virtual_server)
}
