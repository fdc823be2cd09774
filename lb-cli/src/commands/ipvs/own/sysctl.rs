// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs sysctl`

use lb_ipvs::{
    NetworkNamespace,
    sysctl::{Sysctl, SysctlValue, Sysctls},
};

use super::super::USAGE;
use crate::{failure::Failure, output::print};

/// The setting could not be read or written.
const FAILED: u8 = 1;

/// Show the settings below net.ipv4.vs, or one, or set one: NAME=VALUE
///
/// The value is checked before it is written. Settings that are not what a kernel has after boot are marked
/// with `*`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A setting, such as expire_nodest_conn or expire_nodest_conn=1
    #[arg(value_name = "NAME[=VALUE]")]
    setting: Option<String>,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let text = match netns {
        Some(netns) => netns
            .run(|| carry_out(args))
            .map_err(|error| Failure::from_error(FAILED, &error))?,
        None => carry_out(args),
    };
    print(&text?).map(|()| 0)
}

/// In the namespace of this thread; reading needs no netlink, and so no privilege.
fn carry_out(args: &Args) -> Result<String, Failure> {
    let failed = |error| Failure::from_error(FAILED, &error);
    let Some(setting) = &args.setting else {
        let all = Sysctls::read().map_err(failed)?;
        return Ok(all
            .iter()
            .map(|(sysctl, value)| line(sysctl, value))
            .collect());
    };
    let (name, value) = match setting.split_once('=') {
        Some((name, value)) => (name, Some(value.trim())),
        None => (setting.as_str(), None),
    };
    let name = name.trim();
    let name = name.strip_prefix("net.ipv4.vs.").unwrap_or(name);
    let sysctl: Sysctl = name
        .parse()
        .map_err(|error| Failure::from_error(USAGE, &error))?;
    match value {
        None => Ok(line(&sysctl, &sysctl.read().map_err(failed)?)),
        Some(value) => {
            let value = SysctlValue::parse(sysctl.kind(), value)
                .map_err(|error| Failure::new(USAGE, format!("{sysctl}: {error}")))?;
            sysctl.write(&value).map_err(failed)?;
            Ok(String::new())
        }
    }
}

fn line(sysctl: &Sysctl, value: &SysctlValue) -> String {
    let changed = sysctl
        .default_value()
        .is_some_and(|default| default != *value);
    let mark = if changed { " *" } else { "" };
    format!("{} = {value}{mark}\n", sysctl.full_name())
}
