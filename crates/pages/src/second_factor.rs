//! The second factor: set it up, use it, keep the recovery codes.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;

/// `/mfa/setup`. Posts `code` to `/mfa/setup`.
#[derive(Clone, Default, Template)]
#[template(path = "set_up_mfa.html")]
pub struct SetUpMfa {
    pub csrf_token: String,
    /// Where to go afterwards; already checked by the caller.
    pub return_to: Option<String>,
    /// A picture made by [`qr_svg`]. It is shown as an image, so nothing in it can run.
    pub qr_svg: String,
    /// The secret in groups of four, for typing: `ABCD EFGH …`.
    pub secret_groups: String,
    pub otpauth_uri: String,
    pub problem: Option<String>,
}

/// `/mfa/verify`. Posts `code` to `/mfa/verify`, be it from the authenticator app or a recovery code.
#[derive(Clone, Default, Template)]
#[template(path = "verify_mfa.html")]
pub struct VerifyMfa {
    pub csrf_token: String,
    /// Where to go afterwards; already checked by the caller.
    pub return_to: Option<String>,
    pub problem: Option<String>,
}

/// The recovery codes, shown once.
#[derive(Clone, Default, Template)]
#[template(path = "recovery_codes.html")]
pub struct RecoveryCodes {
    pub codes: Vec<String>,
    pub continue_to: String,
}

crate::page!(SetUpMfa, VerifyMfa, RecoveryCodes);

impl SetUpMfa {
    fn qr_base64(&self) -> String {
        STANDARD.encode(&self.qr_svg)
    }
}

/// The text does not fit into a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct QrFailure;

/// A QR code of `otpauth_uri` as one `<svg>` element, black on white with its quiet zone.
pub fn qr_svg(otpauth_uri: &str) -> Result<String, QrFailure> {
    let code = QrCode::new(otpauth_uri).map_err(|_| QrFailure)?;
    let document = code.render::<svg::Color>().module_dimensions(3, 3).build();
    let element = document.find("<svg").expect("the renderer writes an <svg> element");
    Ok(document[element..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::{QrFailure, qr_svg};

    #[test]
    fn a_qr_code_is_one_svg_element_without_a_prolog() {
        let svg = qr_svg("otpauth://totp/Perennial:ann@example.com?secret=JBSWY3DPEHPK3PXP").expect("a short URI fits");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    }

    #[test]
    fn a_text_beyond_the_largest_qr_code_is_refused() {
        assert_eq!(qr_svg(&"x".repeat(5000)), Err(QrFailure));
    }
}
