//! A WebSocket that says everything back.

use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::{Asked, Reply};

/// Accepts the handshake and echoes until either side closes; 426 for anything else.
pub(super) fn echo(mut asked: Asked) -> Reply {
    let seen = &asked.seen;
    let holds = |name, word: &str| seen.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word));
    let is_handshake = seen.method == "GET" && holds("upgrade", "websocket") && holds("connection", "upgrade");
    let key = seen.header("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()));
    let Some(key) = key.filter(|_| is_handshake) else {
        return Reply::status(426).header("upgrade", "websocket").body("this is a WebSocket");
    };
    let (upgrade, open) = (hyper::upgrade::on(&mut asked.request), asked.open_stream());
    tokio::spawn(async move {
        let _open = open;
        let Ok(stream) = upgrade.await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    Reply::status(101)
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-accept", &key)
}
