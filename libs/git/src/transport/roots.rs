//! Which authorities a server's certificate may come from: the image's, or those that are set.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::failure::Failure;

/// Where distributions keep them.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities: of `configured`, else of `SSL_CERT_FILE`, else of the image's bundle.
///
/// # Errors
///
/// When a file that is set cannot be read, and when there is nothing: without authorities no server can
/// be trusted.
pub(super) fn load(configured: Option<&Path>) -> Result<Vec<Certificate<'static>>, Failure> {
    let from_environment =
        || std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()).map(PathBuf::from);
    if let Some(file) = configured.map(Path::to_owned).or_else(from_environment) {
        return read(&file)
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| Failure::transport(format!("TLS: {} has no certificates", file.display())));
    }
    BUNDLES
        .iter()
        .filter_map(|file| read(Path::new(file)))
        .find(|certificates| !certificates.is_empty())
        .ok_or_else(|| {
            Failure::transport(
                "TLS: the image has no certificates of authorities (the package is usually called \
                 ca-certificates); SSL_CERT_FILE may name a file with some",
            )
        })
}

/// The certificates in a file; what else is in it is passed over.
fn read(file: &Path) -> Option<Vec<Certificate<'static>>> {
    let text = std::fs::read(file).ok()?;
    let certificates = parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Some(certificates.collect())
}
