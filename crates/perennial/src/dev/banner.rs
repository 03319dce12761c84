//! What `perennial dev` prints when it is ready.

use std::io;

use perennial_settings::Settings;

use super::{accounts::Notes, mailbox};
use crate::{cli::DevOptions, say::say};

pub(super) fn print(notes: &Notes, options: &DevOptions, settings: &Settings, demo: Option<&str>) -> io::Result<()> {
    let (url, base) = (&notes.url, &settings.http.base);
    let wire = settings.http.wire.map(|name| format!("   (wire {name})")).unwrap_or_default();
    let demo = demo
        .map(|path| format!("\n  demo      {url}{path}   an app and an API behind the gateway"))
        .unwrap_or_default();
    let (mailbox, admin, data) = (mailbox::PATH, &notes.admin_url, options.data.display());
    say(format_args!(
        "
  Perennial keeps people logged in: {url}
{demo}
  pages     {url}/login
  mailbox   {url}{mailbox}
  API       {url}{base}/session{wire}
  keys      {url}/.well-known/jwks.json
  admin     {admin}/metrics
  data      {data} (accounts in dev.json)
"
    ))?;
    for account in &notes.accounts {
        say(format_args!("  log in    {:<22} {}", account.email, account.password))?;
        if let Some(secret) = &account.totp_secret {
            say(format_args!("            second factor (TOTP)   {secret}"))?;
        }
    }
    say(format_args!(
        "
  try       curl -c jar -b jar {url}{base}/session

  SDK       <script type=\"module\">
              import {{ createSession }} from '{url}{base}/sdk.js'
              createSession().ready().then(({{ status }}) => console.log(status))
            </script>
"
    ))
}
