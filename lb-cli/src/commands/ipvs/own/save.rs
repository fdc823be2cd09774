// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs save`

use lb_ipvs::{NetworkNamespace, text::command::Request};

use super::super::{Session, block_on};
use crate::{failure::Failure, names::SystemNames};

/// Print the table as lines that make it again: what `ipvsadm -S` prints
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Numbers instead of names of hosts and ports
    #[arg(short, long)]
    numeric: bool,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let numeric = args.numeric;
        session.carry_out(Request::Save { numeric }).await
    })?;
    Ok(0)
}
