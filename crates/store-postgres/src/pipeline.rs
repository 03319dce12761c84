//! Many questions over one connection in one round trip.
//!
//! The driver sends a question when its future is first polled, so that the order of the first polls is
//! the order on the wire. Prepared statements belong to a connection; each is prepared there once.

use deadpool_postgres::ClientWrapper;
use futures_util::future::{BoxFuture, MaybeDone, maybe_done};
use tokio_postgres::{Error, Row, Statement, types::ToSql};

use crate::{order::Order, value::Value};

/// Sends every question before it waits for the first answer.
pub(crate) async fn in_order<T>(questions: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut asked: Vec<_> = questions.into_iter().map(|question| Box::pin(maybe_done(question))).collect();
    std::future::poll_fn(|context| {
        for question in &mut asked {
            let _ = question.as_mut().poll(context);
        }
        std::task::Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(asked.len());
    for mut question in asked {
        question.as_mut().await;
        answers.extend(MaybeDone::take_output(question.as_mut()));
    }
    answers
}

pub(crate) async fn query(client: &ClientWrapper, sql: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, &borrowed(values)).await
}

/// Prepares every statement of `orders` that this connection does not have yet.
pub(crate) async fn prepare<'a>(
    client: &ClientWrapper,
    orders: impl Iterator<Item = &'a Order>,
) -> Result<Vec<Statement>, Error> {
    let prepared = in_order(orders.map(|order| client.prepare_cached(order.sql)).collect()).await;
    prepared.into_iter().collect()
}

/// Carries out an order; answers how many rows it changed.
pub(crate) fn execute<'a>(
    client: &'a ClientWrapper,
    statement: &'a Statement,
    order: &'a Order,
) -> BoxFuture<'a, Result<u64, Error>> {
    Box::pin(async move { client.execute(statement, &borrowed(&order.values)).await })
}

/// A statement without values, such as the end of a transaction.
pub(crate) fn command<'a>(client: &'a ClientWrapper, sql: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
    Box::pin(async move { client.batch_execute(sql).await.map(|()| 0) })
}

fn borrowed(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, task::Poll};

    use super::*;

    #[tokio::test]
    async fn questions_are_sent_in_order_and_before_any_answer_is_awaited() {
        let log = RefCell::new(Vec::new());
        let question = |number: u32| {
            let (log, mut sent) = (&log, false);
            std::future::poll_fn(move |context| {
                if std::mem::replace(&mut sent, true) {
                    log.borrow_mut().push(number + 1000);
                    return Poll::Ready(number);
                }
                log.borrow_mut().push(number);
                context.waker().wake_by_ref();
                Poll::Pending
            })
        };
        let answers = in_order((0..100).map(question).collect()).await;
        assert_eq!(answers, (0..100).collect::<Vec<_>>());
        let expected: Vec<u32> = (0..100).chain(1000..1100).collect();
        assert_eq!(*log.borrow(), expected);
    }
}
