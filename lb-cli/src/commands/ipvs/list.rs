// SPDX-License-Identifier: MIT OR Apache-2.0
//! `-L` and `-S`.

use std::io::{self, BufWriter, Write as _};

use lb_ipvs::{
    Error, ServiceKey, TableEntry,
    connections::{Connection, ReadError},
};
use lb_ipvsadm::{Columns, Listing, Names, Numeric, command::ListRequest, connections, json};

use super::{Session, refused};
use crate::{
    failure::Failure,
    output::{PIECE, print_pieces},
};

/// Something could not be listed.
const NOT_LISTED: u8 = 1;

/// Where the kernel shows its connections; there is no netlink operation for them.
const CONNECTIONS: &str = "/proc/net/ip_vs_conn";

impl<'a> Session<'a> {
    pub(super) async fn list(&mut self, list: ListRequest) -> Result<(), Failure> {
        match list {
            ListRequest::Table {
                service,
                columns,
                numeric,
                exact,
                sort,
            } => {
                let info = self.ipvs.info().await.map_err(not_listed)?;
                let options = Listing::default()
                    .with_columns(columns)
                    .with_exact(exact)
                    .with_sort(sort)
                    .with_version(service.is_none())
                    .with_names(self.names(numeric));
                match (&service, columns) {
                    (None, Columns::Plain) => {
                        let table = self.ipvs.plain_snapshot().await.map_err(not_listed)?;
                        print_pieces(|out| lb_ipvsadm::plain_listing(&options, &info, &table, out))
                    }
                    (None, _) => {
                        let table = self.ipvs.snapshot().await.map_err(not_listed)?;
                        print_pieces(|out| lb_ipvsadm::listing(&options, &info, &table, out))
                    }
                    (Some(key), _) => {
                        let table = [self.one(key).await.map_err(not_listed)?];
                        print_pieces(|out| lb_ipvsadm::listing(&options, &info, &table, out))
                    }
                }
            }
            ListRequest::Connections {
                numeric,
                persistence,
            } => self.list_connections(numeric, persistence),
            ListRequest::Timeouts => {
                let timeouts = self.ipvs.timeouts().await.map_err(not_listed)?;
                print_pieces(|out| lb_ipvsadm::timeouts(&timeouts, out))
            }
            ListRequest::Daemons => {
                let daemons = self.ipvs.sync_daemons().await.map_err(not_listed)?;
                print_pieces(|out| lb_ipvsadm::sync_daemons(&daemons, out))
            }
        }
    }

    /// The same as one JSON document; names, order and large numbers are not a matter of options there.
    pub(super) async fn list_json(&mut self, list: ListRequest) -> Result<(), Failure> {
        match list {
            ListRequest::Table { service, .. } => {
                let info = self.ipvs.info().await.map_err(not_listed)?;
                let table = match &service {
                    Some(key) => vec![self.one(key).await.map_err(not_listed)?],
                    None => self.ipvs.snapshot().await.map_err(not_listed)?,
                };
                document(|out| Ok(json::table(&info, &table, out)?))
            }
            ListRequest::Connections { .. } => {
                let connections = self.connections()?;
                let connections = connections
                    .filter_map(readable)
                    .map(|connection| connection.map_err(DocumentError::Read));
                document(|out| json::connections(connections, out))
            }
            ListRequest::Timeouts => {
                let timeouts = self.ipvs.timeouts().await.map_err(not_listed)?;
                document(|out| Ok(json::timeouts(&timeouts, out)?))
            }
            ListRequest::Daemons => {
                let daemons = self.ipvs.sync_daemons().await.map_err(not_listed)?;
                document(|out| Ok(json::sync_daemons(&daemons, out)?))
            }
        }
    }

    pub(super) async fn save(&mut self, numeric: bool) -> Result<(), Failure> {
        let table = self.ipvs.snapshot().await.map_err(not_listed)?;
        print_pieces(|out| lb_ipvsadm::save(self.names(numeric), &table, out))
    }

    async fn one(&mut self, key: &ServiceKey) -> Result<TableEntry, Error> {
        let service = self.ipvs.service(key).await?;
        let destinations = self.ipvs.destinations(key).await?;
        Ok(TableEntry {
            service,
            destinations,
        })
    }

    fn connections(
        &self,
    ) -> Result<impl Iterator<Item = Result<Connection, ReadError>> + use<>, Failure> {
        let open = |error: &dyn std::error::Error| {
            Failure::new(
                NOT_LISTED,
                format!("cannot open file {CONNECTIONS}: {error}"),
            )
        };
        self.ipvs.connections().map_err(|error| match &error {
            Error::Procfs { source, .. } => open(source),
            other => open(other),
        })
    }

    /// Row by row, so that a large table needs no more memory than a small one. Lines that are no
    /// connections are left out.
    fn list_connections(&self, numeric: bool, persistence: bool) -> Result<(), Failure> {
        let connections = self.connections()?;
        let names = self.names(numeric);
        let mut outcome = Ok(());
        print_pieces(|out| {
            connections::title(persistence, out)?;
            for connection in connections.filter_map(readable) {
                match connection {
                    Ok(connection) => connections::row(names, persistence, &connection, out)?,
                    Err(error) => {
                        outcome = Err(Failure::from_error(NOT_LISTED, &error));
                        break;
                    }
                }
            }
            Ok(())
        })?;
        outcome
    }

    fn names(&self, numeric: bool) -> &'a dyn Names {
        if numeric { &Numeric } else { self.names }
    }
}

fn not_listed(error: Error) -> Failure {
    refused(&error, NOT_LISTED)
}

/// Leaves out lines that are no connections.
fn readable(connection: Result<Connection, ReadError>) -> Option<Result<Connection, ReadError>> {
    (!matches!(connection, Err(ReadError::Line(_)))).then_some(connection)
}

/// Why a document is not whole.
#[derive(Debug, thiserror::Error)]
enum DocumentError {
    #[error(transparent)]
    Read(ReadError),
    #[error("cannot write to standard output")]
    Write(#[from] io::Error),
}

/// Writes a document to standard output, piece by piece.
fn document(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'static>>) -> Result<(), DocumentError>,
) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(PIECE, io::stdout().lock());
    match write(&mut out).and_then(|()| Ok(out.flush()?)) {
        // The reader has seen what it wanted.
        Err(DocumentError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(|error| Failure::from_error(NOT_LISTED, &error)),
    }
}
