//! One connection through the proxy: bytes go both ways, until a fault or the mode ends it.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::{Fault, Mode, Plan};

/// Whose turn it is in an exchange, and what is to happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Request,
    Answer,
}

#[derive(Debug, Clone, Copy)]
struct Exchange {
    turn: Turn,
    fault: Option<Fault>,
    /// Bytes that passed in the present turn.
    passed: usize,
}

struct Line {
    to_target: OwnedWriteHalf,
    to_client: OwnedWriteHalf,
    exchange: Exchange,
}

/// Whether the connection goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}

pub(super) async fn run(client: TcpStream, target: u16, plan: Arc<Plan>, mut modes: watch::Receiver<Mode>) {
    let Ok(target) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let (_, _) = (client.set_nodelay(true), target.set_nodelay(true));
    let ((mut from_client, to_client), (mut from_target, to_target)) = (client.into_split(), target.into_split());
    let exchange = Exchange { turn: Turn::Answer, fault: None, passed: 0 };
    let mut line = Line { to_target, to_client, exchange };
    let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (number, mut client_talks) = (plan.begin_connection(), true);
    loop {
        let mode = *modes.borrow_and_update();
        match mode {
            Mode::Refusing => return,
            Mode::Frozen => {
                if modes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            Mode::Open => {}
        }
        let next = tokio::select! {
            biased;
            changed = modes.changed() => if changed.is_ok() { Next::Goes } else { Next::Ends },
            bytes = read(&mut from_client, &mut asked), if client_talks => match bytes {
                0 => {
                    client_talks = false;
                    let _ = line.to_target.shutdown().await;
                    Next::Goes
                }
                bytes => {
                    if line.exchange.turn == Turn::Answer {
                        let fault = plan.begin_exchange(number);
                        line.exchange = Exchange { turn: Turn::Request, fault, passed: 0 };
                    }
                    line.pass_request(&asked[..bytes]).await
                }
            },
            bytes = read(&mut from_target, &mut answered) => match bytes {
                0 => Next::Ends,
                bytes => line.pass_answer(&answered[..bytes]).await,
            },
        };
        if next == Next::Ends {
            return;
        }
    }
}

impl Line {
    async fn pass_request(&mut self, bytes: &[u8]) -> Next {
        if let (Some(Fault::DelayRequest(pause)), 0) = (self.exchange.fault, self.exchange.passed) {
            tokio::time::sleep(pause).await;
        }
        let limit = match self.exchange.fault {
            Some(Fault::CutRequest(limit)) => limit,
            _ => usize::MAX,
        };
        pass(&mut self.to_target, &mut self.exchange.passed, bytes, limit).await
    }

    async fn pass_answer(&mut self, bytes: &[u8]) -> Next {
        if self.exchange.turn == Turn::Request {
            self.exchange = Exchange { turn: Turn::Answer, passed: 0, ..self.exchange };
        }
        let limit = match self.exchange.fault {
            Some(Fault::DropAnswer) => return Next::Ends,
            Some(Fault::CutAnswer(limit)) => limit,
            _ => usize::MAX,
        };
        if let (Some(Fault::DelayAnswer(pause)), 0) = (self.exchange.fault, self.exchange.passed) {
            tokio::time::sleep(pause).await;
        }
        pass(&mut self.to_client, &mut self.exchange.passed, bytes, limit).await
    }
}

async fn read(from: &mut OwnedReadHalf, buffer: &mut [u8]) -> usize {
    // A connection that breaks ends here as one that is closed.
    from.read(buffer).await.unwrap_or(0)
}

/// Passes bytes up to the limit; at the limit the connection ends.
async fn pass(to: &mut OwnedWriteHalf, passed: &mut usize, bytes: &[u8], limit: usize) -> Next {
    let left = bytes.len().min(limit.saturating_sub(*passed));
    *passed += left;
    let is_written = to.write_all(&bytes[..left]).await.is_ok();
    if is_written && *passed < limit { Next::Goes } else { Next::Ends }
}
