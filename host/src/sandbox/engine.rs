//! The engine that all cells share: its settings, the pool of instances.
//!
//! Settings only. What runs in it is in `registry.rs` and `instance.rs`.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

use super::Error;

/// How the code of components is run. What they do is the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Engine {
    /// Compiled to machine code when it is loaded.
    #[default]
    Cranelift,
    /// Interpreted: slower, and no memory is made executable, so that the system may forbid that.
    Pulley,
    /// No sandbox: sessions of the default component are code of the host. For benchmarks alone,
    /// to know what the sandbox costs.
    #[cfg(feature = "native-session")]
    Native,
}

/// The machine that [`Engine::Pulley`] interprets.
const PULLEY: &str = "pulley64";

/// What the engine is built for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EngineOptions {
    /// Cells that may be alive at once. Address space is reserved for each, memory is not.
    pub cells: u32,
    /// Octets of linear memory that one cell may have.
    pub cell_memory: usize,
    /// How code is run.
    pub engine: Engine,
}

impl Default for EngineOptions {
    /// 64 cells of 1 MiB, of machine code.
    fn default() -> Self {
        Self {
            cells: 64,
            cell_memory: 1 << 20,
            engine: Engine::default(),
        }
    }
}

/// Octets of stack for the guest. The session does not recurse; a hostile guest that does is
/// trapped here.
const WASM_STACK_OCTETS: usize = 128 * 1024;

/// Octets of a fiber: the guest's stack, and room for the host's imports on top of it.
const FIBER_STACK_OCTETS: usize = 384 * 1024;

/// Octets of one cell's memory that stay mapped when the cell is gone, so that the next one in its
/// place starts without page faults. Linux 6.7 and later say which pages were written: only those are
/// cleared, and where they are no more than this there is no `madvise`, a tenth of what a short session
/// costs.
const KEEP_RESIDENT_OCTETS: usize = 32 * 1024;

/// The same for tables, which are small.
const TABLE_KEEP_RESIDENT_OCTETS: usize = 4 * 1024;

/// Core instances, tables and memories of one component. Ours has three instances (the session and
/// two shims that wit-component adds) with a table each and one memory; a component that was built
/// with a standard library has a few more, one with Python in it fourteen.
const CORE_INSTANCES_PER_CELL: u32 = 16;
const TABLES_PER_CELL: u32 = 4;
const MEMORIES_PER_CELL: u32 = 2;

/// Builds the engine.
///
/// # Errors
///
/// [`Error::Engine`]: the system does not allow what the options ask for.
pub(super) fn engine(options: EngineOptions) -> Result<wasmtime::Engine, Error> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        // Calls cost a third without it, and the contract has no concurrent calls.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_OCTETS)
        .async_stack_size(FIBER_STACK_OCTETS)
        .memory_init_cow(true)
        .wasm_memory64(false)
        .wasm_backtrace_max_frames(None)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    let refused = |error: wasmtime::Error| Error::Engine(format!("{error:#}"));
    match options.engine {
        Engine::Cranelift => {}
        #[cfg(feature = "native-session")]
        Engine::Native => {}
        Engine::Pulley => {
            config.target(PULLEY).map_err(refused)?;
        }
    }
    wasmtime::Engine::new(&config).map_err(refused)
}

fn pool(options: EngineOptions) -> PoolingAllocationConfig {
    let cells = options.cells;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(cells)
        .total_core_instances(cells.saturating_mul(CORE_INSTANCES_PER_CELL))
        .total_memories(cells)
        .total_tables(cells.saturating_mul(TABLES_PER_CELL))
        .total_stacks(cells)
        .max_core_instances_per_component(CORE_INSTANCES_PER_CELL)
        .max_tables_per_component(TABLES_PER_CELL)
        .max_memories_per_component(MEMORIES_PER_CELL)
        .max_memory_size(options.cell_memory)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEEP_RESIDENT_OCTETS)
        .table_keep_resident(TABLE_KEEP_RESIDENT_OCTETS);
    pool
}
