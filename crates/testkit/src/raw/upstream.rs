//! An upstream as bytes: what no HTTP server would answer, and exactly what it was sent.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// So long a connection may be quiet before it is closed.
const QUIET_MAX: Duration = Duration::from_secs(10);

type Script = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// Listens until the process of the test ends.
#[derive(Debug)]
pub struct RawUpstream {
    port: u16,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl RawUpstream {
    /// For each request, as soon as its head is there, the script gives the bytes that are written; then the
    /// connection is closed.
    pub fn start(script: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (noted, script): (_, Arc<Script>) = (received.clone(), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, script) = (noted.clone(), script.clone());
                thread::spawn(move || serve(stream, &noted, &script));
            }
        });
        Self { port, received }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every byte of each connection, as far as they came before the answer and while it was read.
    pub fn received(&self) -> Vec<String> {
        let received = self.received.lock().expect("nobody panics while holding it");
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

fn serve(mut stream: TcpStream, noted: &Mutex<Vec<Vec<u8>>>, script: &Arc<Script>) {
    let _ = stream.set_read_timeout(Some(QUIET_MAX));
    let place = {
        let mut list = noted.lock().expect("nobody panics while holding it");
        list.push(Vec::new());
        list.len() - 1
    };
    let (mut buffer, mut is_answered) = ([0; 16 * 1024], false);
    while let Ok(bytes) = stream.read(&mut buffer) {
        if bytes == 0 {
            return;
        }
        let all = {
            let mut list = noted.lock().expect("nobody panics while holding it");
            list[place].extend_from_slice(&buffer[..bytes]);
            String::from_utf8_lossy(&list[place]).into_owned()
        };
        if !is_answered && all.contains("\r\n\r\n") {
            is_answered = true;
            let _ = stream.write_all(&script(&all));
            // The other side reads to the end; what it still sends is noted until it closes too.
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    }
}
