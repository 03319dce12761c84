//! A WebSocket as a page holds one: with the jar's cookies and an origin, and told how it ended.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http},
};

use crate::Browser;

/// The client's side.
#[derive(Debug)]
pub struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What was heard next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    /// A close frame, with its code if it has one.
    Closed {
        code: Option<u16>,
        reason: String,
    },
    /// The connection ended without a close frame.
    Cut,
    /// Nothing within the time.
    Silence,
}

/// The handshake was refused with this status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl WebSocket {
    /// A handshake with these header lines, at `http://…`.
    pub async fn connect(url: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let url = url.replacen("http", "ws", 1);
        let mut request = url.into_client_request().expect("a WebSocket's address");
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().expect("a header's name");
            request.headers_mut().append(name, value.parse().expect("a header's value"));
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(response)) => Err(Refused {
                status: response.status().as_u16(),
                headers: response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                    .collect(),
                text: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
            }),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// As a page of this browser opens it.
    pub async fn of(browser: &Browser, path: &str) -> Result<Self, Refused> {
        let (cookies, url) = (browser.jar.header(), format!("{}{path}", browser.url));
        let mut headers = vec![("origin", browser.origin.as_str())];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        Self::connect(&url, &headers).await
    }

    /// Sends a text; that the other side is gone is heard next.
    pub async fn say(&mut self, text: &str) {
        let _ = self.0.send(Message::text(text)).await;
    }

    pub async fn hear(&mut self, limit: Duration) -> Heard {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Heard::Text(text.to_string()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Heard::Closed { code: Some(frame.code.into()), reason: frame.reason.to_string() };
                    }
                    Some(Ok(Message::Close(None))) => return Heard::Closed { code: None, reason: String::new() },
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Heard::Cut,
                }
            }
        };
        timeout(limit, next).await.unwrap_or(Heard::Silence)
    }

    /// Whether what is said comes back.
    pub async fn echoes(&mut self, limit: Duration) -> bool {
        self.say("are you there?").await;
        self.hear(limit).await == Heard::Text("are you there?".to_owned())
    }

    pub async fn close(&mut self) {
        let _ = self.0.close(None).await;
    }
}
