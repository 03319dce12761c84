//! WebSockets: bytes in both directions, until one end leaves or the session is over.

use std::{io, ops::Range};

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use perennial_edge::{authority::Identity, problem};
use perennial_protocol::refusal::Refusal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    time::timeout,
};

use super::{
    frames::{self, Frames},
    over::until_over,
};
use crate::{
    Gateway, limits,
    phases::{ClientEnd, is_web_socket},
};

/// Answers 101, and joins the two ends once both are there.
pub(crate) fn join(
    gateway: &Gateway,
    client: Option<ClientEnd>,
    identity: Option<Identity>,
    protocol: Option<HeaderValue>,
    answer: Response,
) -> Response {
    let (mut head, body) = answer.into_parts();
    // An upstream that speaks what nobody asked for is none to speak with.
    let asked = client.zip(head.extensions.remove::<OnUpgrade>()).zip(protocol.filter(is_web_socket));
    let Some(((client, upstream), protocol)) = asked else {
        drop(body);
        return problem::plain(&Refusal::UpstreamUnavailable);
    };
    head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    head.headers.insert(header::UPGRADE, protocol);
    let over = identity.map(|identity| until_over(gateway, &identity));
    tokio::spawn(async move {
        let ClientEnd { on_upgrade, place: _held } = client;
        let (Ok(client), Ok(upstream)) = tokio::join!(on_upgrade, upstream) else { return };
        let over = async move {
            match over {
                Some(over) => over.await,
                None => std::future::pending().await,
            }
        };
        // Whichever end goes away first: the other one is told by the end of its connection.
        let _ = tunnel(client, upstream, over).await;
    });
    Response::from_parts(head, Body::empty())
}

async fn tunnel(client: Upgraded, upstream: Upgraded, over: impl Future<Output = ()>) -> io::Result<()> {
    let (mut from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, mut to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let mut down = Down {
        from: from_upstream,
        to: to_client,
        frames: Frames::default(),
        buffer: vec![0; limits::TUNNEL_CHUNK],
        waiting: 0..0,
    };
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_upstream).await;
        let _ = to_upstream.shutdown().await;
        tokio::time::sleep(limits::HALF_CLOSED_WAIT).await;
    };
    tokio::pin!(up, over);
    loop {
        tokio::select! {
            going_on = down.step() => {
                if !going_on? {
                    return down.to.shutdown().await;
                }
            }
            () = &mut up => return down.to.shutdown().await,
            () = &mut over => return down.close().await,
        }
    }
}

/// The direction towards the browser, into which a last frame may have to be put. A step that is given up loses
/// nothing: what was read and not written yet waits.
struct Down {
    from: ReadHalf<TokioIo<Upgraded>>,
    to: WriteHalf<TokioIo<Upgraded>>,
    /// Where frames end in what was written.
    frames: Frames,
    buffer: Vec<u8>,
    waiting: Range<usize>,
}

impl Down {
    /// Writes what waits, or reads what comes next; `false` at the end.
    async fn step(&mut self) -> io::Result<bool> {
        if self.waiting.is_empty() {
            let length = self.from.read(&mut self.buffer).await?;
            self.waiting = 0..length;
            return Ok(length > 0);
        }
        let length = self.to.write(&self.buffer[self.waiting.clone()]).await?;
        let _ = self.frames.read(&self.buffer[self.waiting.start..self.waiting.start + length]);
        self.waiting.start += length;
        Ok(length > 0)
    }

    /// Says why, once a frame may be put there, and closes.
    async fn close(&mut self) -> io::Result<()> {
        let _ = timeout(limits::LAST_FRAME_WAIT, self.say_why()).await;
        self.to.shutdown().await
    }

    async fn say_why(&mut self) -> io::Result<()> {
        while !self.frames.is_between() {
            // Nothing is begun any more: what waits goes as far as its last frame ends.
            if let Some(end) = self.frames.clone().read(&self.buffer[self.waiting.clone()]) {
                self.waiting.end = self.waiting.start + end;
            }
            if !self.step().await? {
                return Ok(());
            }
        }
        self.to.write_all(&frames::session_is_over()).await?;
        self.to.flush().await
    }
}
