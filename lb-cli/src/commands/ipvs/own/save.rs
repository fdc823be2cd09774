// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl ipvs save`

use std::path::PathBuf;

use lb_ipvs::NetworkNamespace;
use lb_ipvsadm::{Names, Numeric, table};

use super::{
    super::{Session, block_on, refused},
    file,
};
use crate::{failure::Failure, names::SystemNames, output::print};

/// The table cannot be read.
const NOT_READ: u8 = 1;

/// Write the table as lines that make it again: what `ipvsadm -S` prints, or with `--full` everything
///
/// The full format has thresholds, time-outs and sync daemons too, and every value that the kernel
/// holds. `lbctl ipvs apply` reads either.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Everything, without loss, in numbers
    #[arg(long)]
    full: bool,
    /// Numbers instead of names of hosts and ports
    #[arg(short, long)]
    numeric: bool,
    /// Into this file, which is replaced as a whole, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, netns: Option<&NetworkNamespace>) -> Result<u8, Failure> {
    let names = SystemNames::new();
    let text = block_on(async {
        let mut session = Session::connect("lbctl ipvs", &names, netns).await?;
        let not_read = |error| refused(&error, NOT_READ);
        let mut text = String::new();
        if args.full {
            let table = session.ipvs.table().await.map_err(not_read)?;
            table::write(&table, &mut text)
        } else {
            let table = session.ipvs.snapshot().await.map_err(not_read)?;
            let names: &dyn Names = if args.numeric { &Numeric } else { &names };
            lb_ipvsadm::save(names, &table, &mut text)
        }
        .map_err(|error| Failure::from_error(NOT_READ, &error))?;
        Ok(text)
    })?;
    match &args.output {
        Some(path) => file::write(path, &text)?,
        None => print(&text)?,
    }
    Ok(0)
}
