//! Metrics and health by HTTP: `/metrics`, `/livez`, `/readyz`, and nothing else.
//!
//! Changes nothing and holds no secret, so whoever can connect may ask. What the answers say is
//! `metrics`'s and `health`'s; HTTP is hyper's.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, error};

use crate::operations::Operations;

/// Clients that are served at a time; further ones wait in the system's queue.
const CLIENTS: usize = 16;

/// How long a client may take in all: a request is short, and an answer has some kilobytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Octets of a request's head.
const HEAD_OCTETS: usize = 16 * 1024;

/// The wait after an accept that failed.
const BACK_OFF: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves clients until it is dropped. `socket` is bound, listening and non-blocking.
///
/// # Errors
///
/// The system does not let us wait for the socket.
pub async fn serve(socket: std::net::TcpListener, operations: Arc<Operations>) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
    let permits = Arc::new(Semaphore::new(CLIENTS));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match socket.accept().await {
            Ok((stream, _)) => {
                let operations = Arc::clone(&operations);
                tokio::spawn(async move {
                    // What a client does to its connection is its own affair.
                    let _ = timeout(PATIENCE, serve_one(stream, operations)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                error!(%error, "the metrics listener does not accept; trying again");
                sleep(BACK_OFF).await;
            }
        }
    }
    Ok(())
}

async fn serve_one(stream: TcpStream, operations: Arc<Operations>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let operations = Arc::clone(&operations);
        async move {
            let (method, path) = (request.method(), request.uri().path());
            Ok::<_, Infallible>(respond(method, path, &operations).await)
        }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_OCTETS)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        debug!(%error, "a client of the metrics listener went away");
    }
}

async fn respond(method: &Method, path: &str, operations: &Operations) -> Response<Full<Bytes>> {
    if *method != Method::GET && *method != Method::HEAD {
        return response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET\n".to_owned(),
        );
    }
    match path {
        "/livez" => response(StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/readyz" => match operations.health.ready().await {
            Ok(()) => response(StatusCode::OK, TEXT, "ready\n".to_owned()),
            Err(why) => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
        },
        "/metrics" => match operations.metrics.text() {
            Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => {
                error!(%error, "metrics can not be written down");
                response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, String::new())
            }
        },
        _ => response(StatusCode::NOT_FOUND, TEXT, "not found\n".to_owned()),
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
