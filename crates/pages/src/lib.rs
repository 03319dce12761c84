//! The hosted pages and the e-mail texts: typed views in, text out.
//!
//! A page decides how things look and read. It leaves every other decision to its caller: who may see it, which
//! status and headers travel with it, and what each form does. Nothing here does I/O or reads a clock.
//!
//! The pages need no script and carry no inline style, so they work under
//! `default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'`, the origins that `return_to` may lead to added.

mod account;
mod failure;
mod link;
mod mail;
mod mailbox;
mod notice;
mod second_factor;
mod sign_in;

pub use account::{Account, ChangePassword, Device};
pub use failure::Failure;
pub use mail::{AccountExistsMail, CodeMail, PasswordChangedMail};
pub use mailbox::{Mail, Mailbox};
pub use notice::Notice;
pub use second_factor::{QrFailure, RecoveryCodes, SetUpMfa, VerifyMfa, qr_svg};
pub use sign_in::{Login, Register, VerifyEmail};

/// The one stylesheet, to be served at [`STYLE_PATH`] as `text/css; charset=utf-8`.
pub const STYLE: &str = include_str!("../assets/style.css");

/// The path under which every page looks for [`STYLE`].
pub const STYLE_PATH: &str = "/pages/style.css";

/// Gives a view its `render` and a `Debug` that shows no field, because views carry tokens, codes and addresses.
macro_rules! page {
    ($($view:ident),+ $(,)?) => {$(
        impl $view {
            /// The whole page as HTML. Every text field is escaped; pass it as it is.
            #[must_use]
            pub fn render(&self) -> String {
                askama::Template::render(self).expect("a String accepts every write and no template calls fallible code")
            }
        }
        crate::closed!($view);
    )+};
}

/// A `Debug` that names the type and nothing in it.
macro_rules! closed {
    ($($view:ident),+ $(,)?) => {$(
        impl std::fmt::Debug for $view {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($view)).finish_non_exhaustive()
            }
        }
    )+};
}

pub(crate) use {closed, page};
