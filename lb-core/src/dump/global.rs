// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived_parent.data`, and the beginning of the other data files: settings of the process.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::Moment;
use crate::model::{Global, MailSettings};

/// The settings of the process.
#[must_use]
pub fn global_data(moment: &Moment<'_>) -> String {
    let mut text = "------< Global definitions >------\n".to_owned();
    // Writing to a string cannot fail.
    let _ = write_global(&mut text, moment.global);
    text
}

fn write_global(text: &mut String, global: &Global) -> fmt::Result {
    writeln!(text, " Router ID = {}", global.router_id)?;
    if let Some(mail) = &global.mail {
        write_mail(text, mail)?;
    }
    let vrrp = &global.vrrp;
    writeln!(text, " Dynamic interfaces = {}", vrrp.dynamic_interfaces)?;
    if let Some(daemon) = &global.sync_daemon {
        writeln!(text, " LVS syncd interface = {}", daemon.daemon.interface)?;
        if let Some(instance) = &daemon.instance {
            writeln!(text, " LVS syncd vrrp instance = {instance}")?;
        }
        writeln!(text, " LVS syncd syncid = {}", daemon.daemon.sync_id)?;
    }
    if let Some(delay) = vrrp.startup_delay {
        writeln!(text, " VRRP startup delay = {}", Seconds(delay))?;
    }
    if let Some(delay) = vrrp.delay_after_boot {
        writeln!(text, " VRRP delay after boot = {}", Seconds(delay))?;
    }
    let security = if global.scripts.security {
        "enabled"
    } else {
        "disabled"
    };
    writeln!(text, " Script security {security}")?;
    if let Some(user) = &global.scripts.user {
        write!(text, " Default script user = {user}")?;
        if let Some(group) = &global.scripts.group {
            write!(text, ", group = {group}")?;
        }
        text.push('\n');
    }
    Ok(())
}

fn write_mail(text: &mut String, mail: &MailSettings) -> fmt::Result {
    writeln!(text, " Smtp server = {}", mail.server)?;
    writeln!(text, " Smtp server port = {}", mail.port)?;
    if let Some(name) = &mail.helo {
        writeln!(text, " Smtp HELO name = {name}")?;
    }
    writeln!(
        text,
        " Smtp server connection timeout = {}",
        mail.timeout.as_secs()
    )?;
    writeln!(text, " Email notification from = {}", mail.from)?;
    text.push_str(" Email notification to:\n");
    for recipient in &mail.to {
        writeln!(text, "   {recipient}")?;
    }
    Ok(())
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0.as_secs_f64())
    }
}
