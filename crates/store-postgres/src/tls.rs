//! TLS to the database, by rustls over aws-lc.
//!
//! Whom to trust is decided by the URL; this file only carries it out. Without a certificate to trust, the
//! handshake is still checked against the key that the server showed, so that nobody can listen who only
//! listens; who it is that answers stays open.

use std::{io, path::Path, path::PathBuf, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::ConnectError;

/// Whose word is taken for who the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nobody is asked.
    DangerAnyone,
    /// The certificates that the machine trusts.
    System,
    /// The certificates in a PEM file, and no others.
    File(PathBuf),
}

pub(crate) fn connector(trust: &Trust) -> Result<MakeRustlsConnect, ConnectError> {
    let failed = |error: Error| ConnectError::Tls(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(failed)?;
    let config = match trust {
        Trust::DangerAnyone => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(DangerAcceptAnyone(provider)))
        }
        Trust::System => builder.with_platform_verifier().map_err(failed)?,
        Trust::File(path) => builder.with_root_certificates(roots(path)?),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn roots(path: &Path) -> Result<RootCertStore, ConnectError> {
    let failed = |source| ConnectError::Certificates { path: path.to_owned(), source };
    let invalid = |reason: String| failed(io::Error::new(io::ErrorKind::InvalidData, reason));
    let text = std::fs::read(path).map_err(failed)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
        roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
    }
    if roots.is_empty() { Err(invalid("it holds no certificate".into())) } else { Ok(roots) }
}

/// Takes every certificate for whoever it is shown by.
#[derive(Debug)]
struct DangerAcceptAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for DangerAcceptAnyone {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if end_entity.is_empty() {
            Err(CertificateError::BadEncoding.into())
        } else {
            Ok(ServerCertVerified::assertion())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
