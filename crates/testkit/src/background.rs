//! A runtime beside the test's own, so that what a test talks to goes on while the test waits for a process.

use std::{fmt, future::Future};

use tokio::runtime::{Builder, Runtime};

/// Tasks that end with their owner.
pub(crate) struct Background(Option<Runtime>);

impl Background {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Self(Some(runtime.expect("the system has threads to give")))
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.as_ref().expect("it runs until it is dropped").spawn(task);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // To wait for the tasks is not allowed inside of a test's own runtime, and nobody needs it.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Background")
    }
}
