//! Bodies on their way to an upstream and back: kept where they are small, streamed where they are not.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use perennial_protocol::refusal::Refusal;
use tokio::time::Instant;

use crate::{headers, limits};

/// The body of a request that is to be sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Whole, so that it can be sent again.
    Kept(Bytes),
    /// As it comes, once.
    Streamed(Body),
    /// It went to the upstream.
    Gone,
}

impl Outgoing {
    /// Reads a body that says it is small. One that does not say how large it is may be half of a conversation,
    /// so nothing waits for its end.
    pub(crate) async fn keep_if_small(&mut self, headers: &HeaderMap, limit: usize) -> Result<(), Refusal> {
        let Self::Streamed(body) = self else { return Ok(()) };
        let told = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let small = body.is_end_stream() || told.is_some_and(|length| length <= limit);
        if !small {
            return Ok(());
        }
        let body = std::mem::take(body);
        let read = tokio::time::timeout(limits::SMALL_BODY_WAIT, axum::body::to_bytes(body, limit)).await;
        let Ok(Ok(bytes)) = read else {
            return Err(Refusal::InvalidRequest("The body ended early, or did not come in time.".into()));
        };
        *self = Self::Kept(bytes);
        Ok(())
    }

    pub(crate) const fn can_be_sent_again(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// The body for one sending.
    pub(crate) fn take(&mut self) -> Body {
        match self {
            Self::Kept(bytes) => Body::from(bytes.clone()),
            Self::Streamed(body) => {
                let body = std::mem::take(body);
                *self = Self::Gone;
                body
            }
            Self::Gone => Body::empty(),
        }
    }
}

/// A body that is lent to a connection, and to another one if nothing listened at the first. It knows when its
/// last piece was taken.
#[derive(Debug)]
pub(crate) struct Lent(Arc<Mutex<Slot>>);

#[derive(Debug)]
struct Slot {
    body: Body,
    taken_at: Instant,
}

impl Lent {
    pub(crate) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Slot { body, taken_at: Instant::now() })))
    }

    /// The body for a connection. What another connection has taken of it is gone.
    pub(crate) fn once_more(&self) -> Body {
        if self.with(|slot| slot.body.is_end_stream()) { Body::empty() } else { Body::new(Self(Arc::clone(&self.0))) }
    }

    pub(crate) fn taken_at(&self) -> Instant {
        self.with(|slot| slot.taken_at)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Slot) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|slot| {
            let polled = Pin::new(&mut slot.body).poll_frame(context);
            if polled.is_ready() {
                slot.taken_at = Instant::now();
            }
            polled.map_ok(cleaned)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|slot| slot.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|slot| slot.body.size_hint())
    }
}

/// A frame that says nothing which the head may not say.
fn cleaned(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            headers::clean_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}

/// Looks at the first bytes of a body, all of them if it is small; the body that is handed back is whole.
pub(crate) async fn beginning<B>(mut body: B, limit: usize, wait: Duration) -> (Bytes, Body)
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    let mut seen = BytesMut::new();
    let (until, mut last) = (Instant::now() + wait, None);
    while seen.len() <= limit {
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => seen.extend_from_slice(&data),
                Err(trailers) => {
                    last = Some(trailers);
                    break;
                }
            },
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    let seen = seen.freeze();
    let first = Some(Frame::data(seen.clone())).into_iter().chain(last).collect::<Vec<_>>().into_iter();
    (seen, Body::new(Whole { first, rest: body }))
}

/// Frames that were looked at, and the rest of their body.
struct Whole<B> {
    first: std::vec::IntoIter<Frame<Bytes>>,
    rest: B,
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Whole<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.first.next() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test]
    async fn trailers_of_a_request_say_nothing_that_its_head_may_not_say() {
        let names = ["grpc-status", "remote-user", "remote_user", "x-forwarded-for", "authorization", "cookie", "te"];
        let trailers: HeaderMap =
            names.iter().map(|name| (name.parse().expect("a name"), "x".parse().expect("a value"))).collect();
        let frames = [Frame::data(Bytes::from("data")), Frame::trailers(trailers)];
        let body = Body::new(StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, axum::Error>))));
        let read = Lent::new(body).once_more().collect().await.expect("a whole body");
        let left: Vec<&str> = read.trailers().expect("they pass").keys().map(http::HeaderName::as_str).collect();
        assert_eq!(left, ["grpc-status"]);
        assert_eq!(read.to_bytes(), "data");
    }
}
