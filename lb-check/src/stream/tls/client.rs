// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a client of TLS shows and demands.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::sessions::Sessions;
use super::unverified::Unverified;

/// What a [`TlsClient`] shows to servers, and what it demands of them.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Verifies the certificate of the server: its chain, its dates and the name.
    pub verify: bool,
    /// The file with the roots that are trusted, PEM; `None` = those of the system. Read in any case.
    pub ca: Option<PathBuf>,
    /// The file with the client's certificate and its chain, PEM.
    pub certificate: Option<PathBuf>,
    /// The file with the key of the certificate, PEM, not encrypted; `None` = that of the certificate.
    pub key: Option<PathBuf>,
    /// Offers HTTP/2 and no other protocol (ALPN).
    pub http2: bool,
}

/// Why the settings of a client cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsClientError {
    /// A file cannot be read.
    #[error("cannot read '{}': {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A file without a certificate.
    #[error("'{}' has no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// A file without a key, or with one that is encrypted.
    #[error("'{}' has no key that is not encrypted", .0.display())]
    NoKey(PathBuf),
    /// The certificate and the key, or a root, cannot be used.
    #[error("cannot use '{}': {why}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The system has no trusted root.
    #[error("the system has no trusted certificates")]
    NoRoots,
}

impl TlsClientError {
    /// The file concerned.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { path, .. }
            | Self::NoCertificate(path)
            | Self::NoKey(path)
            | Self::Unusable { path, .. } => Some(path),
            Self::NoRoots => None,
        }
    }
}

/// A client of TLS 1.2 and 1.3, with its files loaded. Clones share them.
///
/// A client that verifies makes a full handshake for each connection: a session that is resumed would
/// hide an expired certificate. Other clients resume the sessions that servers offer.
#[derive(Clone)]
pub struct TlsClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: TlsSettings,
    config: Arc<ClientConfig>,
    /// A number that stands for the settings and the contents of the files.
    fingerprint: u64,
}

/// Settings, and size and time of each of their files.
type SharedKey = (TlsSettings, Vec<Option<(u64, SystemTime)>>);

/// The clients in use.
static SHARED: LazyLock<Mutex<HashMap<SharedKey, Weak<Inner>>>> = LazyLock::new(Mutex::default);

impl TlsClient {
    /// As [`load`](Self::load), without reading files again that a client in use has been made of.
    ///
    /// # Errors
    /// As `load`.
    pub fn shared(settings: TlsSettings) -> Result<Self, TlsClientError> {
        let files = [&settings.ca, &settings.certificate, &settings.key];
        let stamp = |path: &PathBuf| {
            let data = fs::metadata(path).ok()?;
            Some((data.len(), data.modified().ok()?))
        };
        let stamps: Vec<_> = files.into_iter().flatten().map(stamp).collect();
        let key = (settings, stamps);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = shared.get(&key).and_then(Weak::upgrade) {
            return Ok(Self { inner: client });
        }
        let client = Self::load(key.0.clone())?;
        shared.retain(|_, client| client.strong_count() > 0);
        shared.insert(key, Arc::downgrade(&client.inner));
        Ok(client)
    }

    /// Loads the files of the settings.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsClientError> {
        let provider = Arc::new(ring::default_provider());
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        let ca = settings.ca.as_deref().map(certificates).transpose()?;
        ca.hash(&mut hasher);
        let verifier = verifier(&settings, ca, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider);
        // ring has both versions.
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|_| TlsClientError::NoRoots)?;
        let builder = builder.dangerous();
        let builder = builder.with_custom_certificate_verifier(verifier);
        let mut config = match &settings.certificate {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let chain = certificates(path)?;
                let key_path = settings.key.as_ref().unwrap_or(path);
                let key = key(key_path)?;
                chain.hash(&mut hasher);
                key.secret_der().hash(&mut hasher);
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(|error| unusable(path, &error))?
            }
        };
        config.resumption = Resumption::disabled();
        if settings.http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let inner = Arc::new(Inner {
            settings,
            config: Arc::new(config),
            fingerprint: hasher.finish(),
        });
        Ok(Self { inner })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &TlsSettings {
        &self.inner.settings
    }

    /// The configuration of a connection to `server`.
    pub(super) fn config(&self, server: SocketAddr) -> Arc<ClientConfig> {
        if self.inner.settings.verify {
            return Arc::clone(&self.inner.config);
        }
        let mut config = ClientConfig::clone(&self.inner.config);
        let sessions = Sessions::new(server, self.inner.fingerprint);
        config.resumption = Resumption::store(Arc::new(sessions));
        Arc::new(config)
    }
}

/// A client that shows no certificate and accepts any server. All checks without settings share it.
pub(super) static PLAIN: LazyLock<Option<TlsClient>> =
    LazyLock::new(|| TlsClient::load(TlsSettings::default()).ok());

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient")
            .field("settings", &self.inner.settings)
            .field("fingerprint", &self.inner.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Eq for TlsClient {}

impl PartialEq for TlsClient {
    fn eq(&self, other: &Self) -> bool {
        let key = |client: &Self| (client.inner.settings.clone(), client.inner.fingerprint);
        key(self) == key(other)
    }
}

fn verifier(
    settings: &TlsSettings,
    ca: Option<Vec<CertificateDer<'static>>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsClientError> {
    if !settings.verify {
        return Ok(Arc::new(Unverified::new(Arc::clone(provider))));
    }
    let roots = match (ca, &settings.ca) {
        (Some(certificates), Some(path)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                let added = roots.add(certificate);
                added.map_err(|error| unusable(path, &error))?;
            }
            Arc::new(roots)
        }
        _ => Arc::clone(&SYSTEM_ROOTS),
    };
    let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
    // Only an empty store is refused.
    let verifier = builder.build().map_err(|_| TlsClientError::NoRoots)?;
    Ok(verifier)
}

/// The roots of the system, those that can be used.
static SYSTEM_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
});

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsClientError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| unreadable(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsClientError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsClientError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsClientError::NoKey(path.to_owned()),
        error => unreadable(path, &error),
    })
}

fn unreadable(path: &Path, error: &pem::Error) -> TlsClientError {
    let why = match error {
        pem::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    let path = path.to_owned();
    TlsClientError::Unreadable { path, why }
}

fn unusable(path: &Path, error: &rustls::Error) -> TlsClientError {
    let (path, why) = (path.to_owned(), error.to_string());
    TlsClientError::Unusable { path, why }
}
