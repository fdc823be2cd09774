// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs helper`

use lb_ipvs::{Helper, NetworkNamespace};

use super::super::{Session, block_on};
use crate::{failure::Failure, names::SystemNames, output::print};

/// The helper is not there.
const FAILED: u8 = 1;

/// List the application helpers, or load one: `ftp` for FTP through masquerading services
///
/// A line has the name, the protocol, the port and how many connections use it. Loading needs root; it is
/// `modprobe ip_vs_ftp`, and holds for all network namespaces. FTP also wants
/// `lbctl ipvs sysctl conntrack=1`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Load this helper, if it is not there already
    #[arg(value_name = "NAME", value_parser = ["ftp"])]
    name: Option<String>,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    block_on(async {
        let session = Session::connect("lbctl ipvs", &names, netns).await?;
        let failed = |error: lb_ipvs::Error| Failure::from_error(FAILED, &error);
        if args.name.is_some() {
            // The only one there is.
            let helper = Helper::Ftp;
            return session
                .ipvs
                .load_helper(helper)
                .await
                .map(|()| 0)
                .map_err(failed);
        }
        let mut text = String::new();
        for one in session.ipvs.applications().map_err(failed)? {
            text.push_str(&format!(
                "{:<10} {} {:<5} used by {}\n",
                one.name, one.protocol, one.port, one.uses
            ));
        }
        print(&text).map(|()| 0)
    })
}
