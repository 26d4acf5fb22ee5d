//! Waiting on a thread that runs a session of the host's own code, as nobody else does.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::runtime::{Builder, Runtime};

/// Does for a session what its own thread can not, which waits for it.
static ELSEWHERE: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build()
});

/// Waits for an import, and the thread with it: hardly any has to.
pub(super) fn wait<T>(answer: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let elsewhere = ELSEWHERE.as_ref().map_err(wasmtime::Error::msg)?;
    let _tasks_and_timers = elsewhere.enter();
    let mut answer = pin!(answer);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(given) = answer.as_mut().poll(&mut context) {
            return given;
        }
        thread::park();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
