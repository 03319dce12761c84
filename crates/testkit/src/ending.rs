//! Processes that end with the test that started them, and ports for them to listen on.

use std::{
    net::{TcpListener, TcpStream},
    process::Child,
    time::{Duration, Instant},
};

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// Ports that nobody listens on now, each another one: all are taken before the first is given back.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ending {
    pub const fn new(process: Child) -> Self {
        Self(process)
    }

    /// Waits until the process listens; `None` if it ended instead, as it does where the port was taken.
    pub fn listening(mut self, port: u16) -> Option<Self> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if self.0.try_wait().expect("a child can be asked").is_some() {
                return None;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "nobody listens on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(self)
    }
}
