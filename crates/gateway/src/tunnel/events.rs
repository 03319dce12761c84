//! A stream of events that ends when its session does. The end is a clean one: the browser asks again, and the
//! answer to that tells it why.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};

/// A body, until something comes.
pub(crate) struct Cut {
    body: Body,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Cut {
    pub(crate) fn new(body: Body, over: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { body, over: Box::pin(over) }
    }
}

impl HttpBody for Cut {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.over.as_mut().poll(context).is_ready() {
            // Nothing more is asked of either after the end of a body.
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }
}
