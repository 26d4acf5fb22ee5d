//! The floor: a server that only answers `+OK` or sends what was prepared. What a server on tokio
//! costs at least.
//!
//! It knows no protocol, no user and no file. Its threads are those that a server has to have.

use std::{
    future::poll_fn,
    io::{self, Write as _},
    mem::MaybeUninit,
    path::{Path, PathBuf},
    pin::{Pin, pin},
    sync::Arc,
    task::ready,
};

use clap::Args;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::letters::Letter;

/// Octets that one read takes.
const READ_OCTETS: usize = 4 * 1024;

/// What is larger goes to the socket without being copied.
const COPIED_OCTETS: usize = 16 * 1024;

const OK: &[u8] = b"+OK\r\n";

/// What to prepare.
#[derive(Args, Debug)]
pub(crate) struct Preparation {
    /// Messages that a listing has.
    #[arg(long)]
    messages: usize,
    /// Octets of the file of a message.
    #[arg(long)]
    octets: usize,
    /// For TLS.
    #[arg(long)]
    certificate: PathBuf,
    /// For TLS.
    #[arg(long)]
    key: PathBuf,
    /// To send every message by itself.
    #[arg(long)]
    unbatched: bool,
}

/// The answers.
struct Prepared {
    /// Longer answers go to the socket by themselves.
    alone: usize,
    message: Vec<u8>,
    listing: Vec<u8>,
}

/// Serves until it is killed. Says where on the standard output.
pub(crate) fn run(preparation: &Preparation) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(preparation))
}

async fn serve(preparation: &Preparation) -> io::Result<()> {
    let prepared = Arc::new(Prepared::new(preparation));
    let acceptor = acceptor(&preparation.certificate, &preparation.key)?;
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    let tls = TcpListener::bind("127.0.0.1:0").await?;
    for listener in [&plain, &tls] {
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    }
    let for_tls = Arc::clone(&prepared);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tls.accept().await {
            stream.set_nodelay(true)?;
            let (acceptor, prepared) = (acceptor.clone(), Arc::clone(&for_tls));
            tokio::spawn(async move { answer(acceptor.accept(stream).await?, &prepared).await });
        }
        io::Result::Ok(())
    });
    loop {
        let (stream, _) = plain.accept().await?;
        stream.set_nodelay(true)?;
        let prepared = Arc::clone(&prepared);
        tokio::spawn(async move { answer(stream, &prepared).await });
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    prepared: &Prepared,
) -> io::Result<()> {
    stream.write_all(OK).await?;
    stream.flush().await?;
    let mut input = Vec::new();
    let mut output = Vec::new();
    while read(&mut stream, &mut input).await? > 0 {
        let mut is_over = false;
        let end = input.iter().rposition(|octet| *octet == b'\n');
        let lines = end.map_or(0, |end| end + 1);
        for line in input[..lines].split_inclusive(|octet| *octet == b'\n') {
            let answer = match line {
                [b'R', b'E', ..] => &prepared.message,
                [b'U', b'I', ..] => &prepared.listing,
                [b'Q', ..] => {
                    is_over = true;
                    OK
                }
                _ => OK,
            };
            if answer.len() > prepared.alone {
                stream.write_all(&output).await?;
                output.clear();
                stream.write_all(answer).await?;
            } else {
                output.extend_from_slice(answer);
            }
        }
        stream.write_all(&output).await?;
        stream.flush().await?;
        input.drain(..lines);
        if is_over {
            return stream.shutdown().await;
        }
        // An idle connection holds no buffer.
        output = Vec::new();
        input.shrink_to_fit();
    }
    Ok(())
}

/// One read, by way of the stack.
async fn read(stream: &mut (impl AsyncRead + Unpin), input: &mut Vec<u8>) -> io::Result<usize> {
    let mut stream = pin!(stream);
    poll_fn(|context| {
        let mut buffer = [MaybeUninit::uninit(); READ_OCTETS];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::as_mut(&mut stream).poll_read(context, &mut buffer))?;
        input.extend_from_slice(buffer.filled());
        Ok(buffer.filled().len()).into()
    })
    .await
}

fn acceptor(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain = vec![CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?];
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Prepared {
    fn new(preparation: &Preparation) -> Self {
        let letter = Letter::new(preparation.octets, 1);
        let mut listing = OK.to_vec();
        for number in 1..=preparation.messages {
            listing.extend_from_slice(format!("{number} {number:016x}\r\n").as_bytes());
        }
        listing.extend_from_slice(b".\r\n");
        Self {
            alone: match preparation.unbatched {
                true => OK.len(),
                false => COPIED_OCTETS,
            },
            message: [OK, &letter.wire].concat(),
            listing,
        }
    }
}
