//! `perennial session issue|list|revoke`.

use std::{net::IpAddr, path::Path};

use anyhow::{Context, anyhow};
use perennial_protocol::{
    cookie::Jar,
    id::{SessionKey, Subject},
    refresh::Delivery,
    session::{AssuranceLevel, EndReason},
};
use perennial_service::{
    Service,
    http::{cookies, problem},
    limits,
    operations::issue_session::issue_session,
    visit::Visit,
};
use perennial_settings::Mode;
use perennial_store::Write;
use serde_json::{Map, Value, json};

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
                    say(format_args!("{issued}"))?;
                } else {
                    print_for_people(&issued)?;
                }
            }
        }
        SessionCommand::List { subject } => list(&service, &Subject::parse(&subject)?).await?,
        SessionCommand::Revoke { session_key } => revoke(&service, &SessionKey::parse(&session_key)?).await?,
    }
    Ok(())
}

/// A new session in an empty jar, as its cookies.
async fn issue(service: &Service, subject: Subject, level: AssuranceLevel) -> anyhow::Result<Value> {
    let visit = Visit {
        jar: Jar::default(),
        bearer: None,
        address: IpAddr::from([127, 0, 0, 1]),
        device: "perennial session issue".to_owned(),
        delivery: Delivery::Cookies,
    };
    let standing = issue_session(service, &visit, subject, level)
        .await
        .map_err(|refused| anyhow!("{}", problem::detail(&refused.refusal)))?;
    let lines = cookies::lines(service, &visit.jar, &standing.jar);
    let pairs = lines.iter().filter_map(|line| line.split(';').next()?.split_once('='));
    let cookies: Map<String, Value> = pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let grant = standing.jar.grant.context("a new session has tokens")?;
    Ok(json!({
        "session_key": grant.session.session_key,
        "csrf_token": cookies.get(&service.settings.cookies.csrf),
        "access": grant.access.expose(),
        "cookies": cookies,
    }))
}

fn print_for_people(issued: &Value) -> std::io::Result<()> {
    say(format_args!("session {}", issued["session_key"].as_str().unwrap_or_default()))?;
    for (name, value) in issued["cookies"].as_object().into_iter().flatten() {
        say(format_args!("  {name}={}", value.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

async fn list(service: &Service, subject: &Subject) -> anyhow::Result<()> {
    let now = service.now();
    for session in service.store.load_sessions_of(subject, now, limits::DEVICES_MAX).await? {
        say(format_args!(
            "{}",
            json!({ "session_key": session.session_key, "device": session.device,
                    "generation": session.rotation.generation.0,
                    "created_seconds_ago": now.since(session.created_at).whole_seconds(),
                    "active_seconds_ago": now.since(session.active_at).whole_seconds() })
        ))?;
    }
    Ok(())
}

async fn revoke(service: &Service, key: &SessionKey) -> anyhow::Result<()> {
    let session = service.store.load_session_by_key(key).await?.context("there is no such session")?;
    let end = Write::EndSession { sid: session.sid, at: service.now(), reason: EndReason::Revoked };
    let _ = service.store.apply([end].into()).await?;
    say(format_args!("session {key} has ended"))?;
    Ok(())
}
