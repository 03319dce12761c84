//! `perennial session issue|list|show|revoke`.

use std::{net::IpAddr, path::Path};

use anyhow::Context;
use perennial_protocol::{
    claims::Claims,
    cookie::Jar,
    id::{SessionKey, Subject},
    refresh::Delivery,
    session::AssuranceLevel,
};
use perennial_service::{
    Service,
    admin::{issued::Issued, of_session},
    limits,
    operations::{
        issue_session::{Issue, issue_session},
        operator::{Operator, end_sessions::end_one},
    },
    visit::Visit,
};
use perennial_settings::Mode;
use serde_json::{Value, json};

use super::refused;
use crate::{cli::SessionCommand, say::say, wiring};

pub(crate) async fn run(config: Option<&Path>, command: SessionCommand) -> anyhow::Result<()> {
    let settings = wiring::settings(Mode::Serve, config)?;
    let service = wiring::wire(&settings, wiring::transport(&settings)?, None).await?.service;
    match command {
        SessionCommand::Issue { subject, count, aal, json } => {
            let subject = Subject::parse(&subject)?;
            let level = AssuranceLevel::from_number(aal).context("--aal is 1 or 2")?;
            for _ in 0..count {
                let issued = issue(&service, subject.clone(), level).await?;
                if json {
                    say(format_args!("{}", as_line(&issued)))?;
                } else {
                    print_for_people(&issued)?;
                }
            }
        }
        SessionCommand::List { subject } => list(&service, &Subject::parse(&subject)?).await?,
        SessionCommand::Show { session_key } => show(&service, &SessionKey::parse(&session_key)?).await?,
        SessionCommand::Revoke { session_key } => revoke(&service, &SessionKey::parse(&session_key)?).await?,
    }
    Ok(())
}

/// A new session in an empty jar, as its cookies.
async fn issue(service: &Service, subject: Subject, level: AssuranceLevel) -> anyhow::Result<Issued> {
    let visit = Visit {
        jar: Jar::default(),
        bearer: None,
        address: IpAddr::from([127, 0, 0, 1]),
        device: "perennial session issue".to_owned(),
        delivery: Delivery::Cookies,
    };
    let (methods, claims, by) = (Vec::new(), Claims::default(), Operator::CommandLine);
    let issue = Issue { subject, level, methods, claims, by };
    let standing = issue_session(service, &visit, issue).await.map_err(|error| refused(error.refusal))?;
    Issued::of(service, &visit, &standing).context("a new session has tokens")
}

/// What scripts rely on: the session in the words of the specification and no others.
fn as_line(issued: &Issued) -> Value {
    json!({
        "session_key": issued.session_key,
        "csrf_token": issued.csrf_token,
        "access": issued.access,
        "cookies": issued.cookies,
    })
}

fn print_for_people(issued: &Issued) -> std::io::Result<()> {
    say(format_args!("session {}", issued.session_key))?;
    for (name, value) in &issued.cookies {
        say(format_args!("  {name}={}", value.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

async fn list(service: &Service, subject: &Subject) -> anyhow::Result<()> {
    let (now, policy) = (service.now(), &service.settings.lifetimes.refresh);
    for session in service.store.load_sessions_of(subject, now, limits::DEVICES_MAX).await? {
        if session.over(policy, now).is_none() {
            say(format_args!("{}", of_session(&session, policy, now)))?;
        }
    }
    Ok(())
}

async fn show(service: &Service, key: &SessionKey) -> anyhow::Result<()> {
    let session = service.store.load_session_by_key(key).await?.context("there is no such session")?;
    say(format_args!("{}", of_session(&session, &service.settings.lifetimes.refresh, service.now())))?;
    Ok(())
}

async fn revoke(service: &Service, key: &SessionKey) -> anyhow::Result<()> {
    service.store.load_session_by_key(key).await?.context("there is no such session")?;
    end_one(service, &Operator::CommandLine, key).await.map_err(refused)?;
    say(format_args!("session {key} has ended"))?;
    Ok(())
}
