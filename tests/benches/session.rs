//! What the sandbox costs: the same session natively and in its cell, call by call.
//!
//! Both have the same host in memory behind them. Ratios are what to quote: machines differ.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that can not be set up has no figures"
)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use popcell::sandbox::{self, EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Sandbox};
use popcell_component::{Next, Session};
use popcell_tests::{
    fake::{FakeHost, World},
    letters, sandboxed,
    scene::Scene,
};
use tokio::runtime::{Builder, Runtime};

/// What a host asks a step for.
const MAX: u32 = 64 * 1024;

const LARGE_OCTETS: usize = 64 * 1024 * 1024;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn engine() -> Sandbox {
    let options = EngineOptions {
        cells: 64,
        cell_memory: 1024 * 1024,
        engine: Engine::default(),
    };
    Sandbox::new(options, Limits::default(), EMBEDDED_COMPONENT).unwrap()
}

fn world(messages: Vec<Vec<u8>>) -> World {
    World::new(Scene {
        messages,
        ..Scene::default()
    })
}

fn native(world: &World) -> Session<FakeHost> {
    let mut session = Session::new(world.host(), world.scene().connection.clone());
    session.greet();
    let step = session.lines(b"USER alice\r\nPASS secret\r\n", MAX);
    assert!(step.output.ends_with(b"+OK Authentication succeeded\r\n"));
    session
}

async fn celled(sandbox: &Sandbox, world: &World) -> sandbox::Session {
    let connection = sandboxed::connection(&world.scene().connection);
    let mut session = sandbox
        .session(world.host().lend(), &connection)
        .await
        .unwrap();
    session.greet().await.unwrap();
    let step = session
        .lines(b"USER alice\r\nPASS secret\r\n", MAX)
        .await
        .unwrap();
    assert!(step.output.ends_with(b"+OK Authentication succeeded\r\n"));
    session
}

/// NOOP, alone and 32 pipelined.
fn noop(criterion: &mut Criterion) {
    let (runtime, sandbox) = (runtime(), engine());
    for (name, lines) in [
        ("noop", b"NOOP\r\n".to_vec()),
        ("noop x32", b"NOOP\r\n".repeat(32)),
    ] {
        let mut group = criterion.benchmark_group(name);
        let world = world(vec![letters::of_octets(100)]);
        let mut session = native(&world);
        group.bench_function("native", |bencher| {
            bencher.iter(|| session.lines(black_box(&lines), MAX));
        });
        drop(session);
        let mut session = runtime.block_on(celled(&sandbox, &world));
        group.bench_function("cell", |bencher| {
            bencher.iter(|| {
                runtime
                    .block_on(session.lines(black_box(&lines), MAX))
                    .unwrap()
            });
        });
    }
}

/// UIDL of 250 messages.
fn uidl(criterion: &mut Criterion) {
    let (runtime, sandbox) = (runtime(), engine());
    let world = world(vec![letters::of_octets(100); 250]);
    let mut group = criterion.benchmark_group("uidl of 250");
    let mut session = native(&world);
    group.bench_function("native", |bencher| {
        bencher.iter(|| session.lines(b"UIDL\r\n", MAX))
    });
    drop(session);
    let mut session = runtime.block_on(celled(&sandbox, &world));
    group.bench_function("cell", |bencher| {
        bencher.iter(|| runtime.block_on(session.lines(b"UIDL\r\n", MAX)).unwrap());
    });
}

/// An instance with a session in it, greeted, and gone again.
fn instantiate(criterion: &mut Criterion) {
    let (runtime, sandbox) = (runtime(), engine());
    let world = world(vec![]);
    let connection = sandboxed::connection(&world.scene().connection);
    criterion.bench_function("instantiate, greet, drop", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let session = sandbox.session(world.host().lend(), &connection).await;
                let mut session = session.unwrap();
                session.greet().await.unwrap()
            })
        });
    });
}

/// A session taken out of its cell and put into another one.
fn wake(criterion: &mut Criterion) {
    let (runtime, sandbox) = (runtime(), engine());
    let world = world(vec![letters::of_octets(100); 10]);
    let connection = sandboxed::connection(&world.scene().connection);
    criterion.bench_function("suspend and resume", |bencher| {
        let mut session = Some(runtime.block_on(celled(&sandbox, &world)));
        bencher.iter(|| {
            let parked = runtime.block_on(session.take().unwrap().suspend()).unwrap();
            let resumed = sandbox.resume(world.host().lend(), parked, &connection);
            session = Some(runtime.block_on(resumed).unwrap());
        });
    });
}

/// RETR of 64 MiB, through the store in memory and the filters.
fn retr(criterion: &mut Criterion) {
    let (runtime, sandbox) = (runtime(), engine());
    let world = world(vec![letters::of_octets(LARGE_OCTETS)]);
    let mut group = criterion.benchmark_group("retr of 64 MiB");
    group
        .throughput(Throughput::Bytes(LARGE_OCTETS as u64))
        .sample_size(10);
    let mut session = native(&world);
    group.bench_function("native", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let mut step = session.lines(b"RETR 1\r\n", MAX);
                while step.next == Next::More {
                    step = black_box(session.more(MAX));
                }
            },
            BatchSize::PerIteration,
        );
    });
    drop(session);
    let mut session = runtime.block_on(celled(&sandbox, &world));
    group.bench_function("cell", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut step = session.lines(b"RETR 1\r\n", MAX).await.unwrap();
                while step.next == sandbox::Next::More {
                    step = black_box(session.more(MAX).await.unwrap());
                }
            });
        });
    });
}

criterion_group!(benches, noop, uidl, instantiate, wake, retr);
criterion_main!(benches);
