//! What a script answers, also where no honest server would.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{HeaderMap, Response, StatusCode, body::Frame, header};
use serde_json::Value;

pub type ReplyBody = UnsyncBoxBody<Bytes, io::Error>;

/// An answer, or the end of the connection instead of one.
#[derive(Debug)]
pub struct Reply(Option<Response<ReplyBody>>);

impl Reply {
    pub fn status(status: u16) -> Self {
        let mut response = Response::new(whole(Bytes::new()));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status has three digits");
        Self(Some(response))
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::status(status).header("content-type", "application/json").body(body.to_string())
    }

    pub fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self::status(status).header("content-type", "text/html; charset=utf-8").body(body)
    }

    /// The connection is closed without an answer.
    pub const fn nothing() -> Self {
        Self(None)
    }

    /// Adds a header line.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.change(|response| {
            let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            response.headers_mut().append(name, value.parse().expect("a header's value"));
        })
    }

    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.change(|response| *response.body_mut() = whole(body.into()))
    }

    /// A body in pieces; an error among them breaks the connection there.
    pub fn stream(self, pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        self.frames(pieces.map_ok(Frame::data))
    }

    /// A body in pieces, each after this time.
    pub fn slowly(self, pieces: Vec<Bytes>, pause: Duration) -> Self {
        self.stream(stream::iter(pieces).then(move |piece| async move {
            tokio::time::sleep(pause).await;
            Ok(piece)
        }))
    }

    /// A body in pieces that the connection does not survive: the last piece that was promised never comes.
    pub fn cut_after(self, pieces: Vec<Bytes>) -> Self {
        let pieces = pieces.into_iter().map(Ok).chain([Err(io::Error::other("cut"))]);
        // What was sent has to be on its way before the connection breaks.
        self.stream(stream::iter(pieces).then(|piece| async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            piece
        }))
    }

    /// A body in pieces with a trailer.
    pub fn with_trailer(self, pieces: Vec<Bytes>, name: &'static str, value: &'static str) -> Self {
        let trailers: HeaderMap =
            [(header::HeaderName::from_static(name), header::HeaderValue::from_static(value))].into_iter().collect();
        let frames = pieces.into_iter().map(Frame::data).chain([Frame::trailers(trailers)]);
        self.header("trailer", name).frames(stream::iter(frames.map(Ok)))
    }

    fn frames(self, frames: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static) -> Self {
        self.change(|response| *response.body_mut() = StreamBody::new(frames).boxed_unsync())
    }

    fn change(mut self, change: impl FnOnce(&mut Response<ReplyBody>)) -> Self {
        change(self.0.as_mut().expect("there is an answer to change"));
        self
    }

    pub(super) fn into_response(self) -> Option<Response<ReplyBody>> {
        self.0
    }
}

fn whole(bytes: Bytes) -> ReplyBody {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}
