//! `tandem serve`: puts the floors together, answers clients, and takes everything down again.
//!
//! ```text
//! configuration → journal (locked, recovered into the tables) → failover endpoints → DUID → limits → services
//!   → control socket → commit thread → data plane → failover thread → maintenance thread
//!   → control thread → ready
//! ```
//!
//! Ready means that clients are answered, or would be if the failover state let them: a partner is
//! not waited for, and until the failover thread has said what it lets the workers do, they do
//! nothing with the addresses of a relationship.
//!
//! Each step can refuse, and what came before it is then taken down by being dropped. The way down
//! is the same in reverse: no request is taken any more, replies that wait for the disk get it,
//! partners are told, the journal is flushed.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use sd_notify::NotifyState;
use tracing::{info, warn};

use super::{Failure, configuration};
use crate::config::Config;
use crate::control::maintenance::{Maintenance, reserve_first_numbers, reserved_numbers};
use crate::control::partners::{self, Parts, Prepared, Running};
use crate::control::runtime::{Control, bind_metrics};
use crate::control::socket::{ControlSocket, Openness};
use crate::control::{
    Instance, Loaded, LogFormat, Partners, Reconfigurer, clock, logging, reconfigure_secret,
    server_duid,
};
use crate::dataplane::{self, Counters, InterfaceMode, Latencies};
use crate::journal::{Appender, Committer, Health, Journal};
use crate::lease::{Layouts, Limits, Tables, WriterId};
use crate::server::v6::{Reconfigure, Replay};
use crate::server::{DropReason, Services};
use crate::wire::dhcpv6::Duid;

/// Notes by name, as the journal found them.
type Notes = BTreeMap<String, Vec<u8>>;

/// Arguments of `tandem serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/tandem/tandem.toml")]
    config: PathBuf,
    /// How log lines on standard error look; TANDEM_LOG says what is logged
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = configuration(&self.config)?;
        logging::start(self.log_format);
        let control = Control::new().map_err(|error| because("signals", &error))?;

        let (journal, tables, notes) = recover(&config)?;
        let Journal { mut appenders, committer, snapshotter, health } = journal;
        let mut appender =
            || appenders.pop().ok_or_else(|| Failure::other("the journal lacks an appender"));
        let mut maintenance_appender = appender()?;
        for (name, octets) in partners::left(&config, &notes) {
            // Ahead of any lease that is granted without the partner.
            let noted = maintenance_appender.note(&name, &octets);
            noted.map_err(|error| Failure::other(format!("{name} cannot be noted: {error:?}")))?;
        }
        let failover_appender = (!config.failover.is_empty()).then(appender).transpose()?;
        // Workers' numbers are those of the appenders that are left, from 0 up.
        let writer = WriterId(u16::try_from(appenders.len()).unwrap_or(u16::MAX - 1));
        let prepared = Prepared::new(&config, &tables, &notes, writer).map_err(Failure::other)?;
        let views = prepared.as_ref().map(Prepared::views).unwrap_or_default();

        let addresses = dataplane::addresses(&config)
            .map_err(|error| because("addresses of the interfaces", &error))?;
        let duid = server_duid(&config)?;
        let mut services = Services::new(&config, &tables, duid, &addresses);
        let reconfigure = duid.map(|_| reconfigurer(&config, &notes)).transpose()?;
        if let Some(reconfigure) = &reconfigure {
            services = services.with_reconfigure(&reconfigure.shared);
        }
        let limits = Arc::new(Limits::new());
        if !config.limits.is_empty() {
            services.count_all(&limits, &tables);
        }
        let services = Arc::new(ArcSwap::from_pointee(services));

        let socket = ControlSocket::bind(&config.state_dir)
            .map_err(|error| because("the control socket", &error))?;
        let metrics = config.metrics.map(bind_metrics).transpose();
        let metrics = metrics.map_err(|error| because("the metrics port", &error))?;

        // After the recovery, which had all cores.
        dataplane::keep_off_workers(&config);
        let commit = commit_thread(committer)?;
        if let Some(reconfigure) = reconfigure.as_ref().filter(|_| config.dhcpv6.reconfigure) {
            let (replay, now) = (&reconfigure.shared.replay, clock::now());
            reserve_first_numbers(replay, now, &mut maintenance_appender, &health)
                .map_err(|error| Failure::other(format!("numbers to sign with: {error:?}")))?;
        }
        let counters = Arc::new(Counters::new(appenders.len(), DropReason::ALL.len()));
        let latencies = Arc::new(Latencies::new());
        let running = dataplane::start(
            &config,
            dataplane::Parts {
                services: Arc::clone(&services),
                tables: Arc::clone(&tables),
                limits: Arc::clone(&limits),
                views: Arc::clone(&views),
                appenders,
                health: Arc::clone(&health),
                counters: Arc::clone(&counters),
                latencies: Arc::clone(&latencies),
            },
        )
        .map_err(|error| Failure::other(format!("{error}")))?;
        let modes = running.modes().to_vec();
        let now = clock::now();
        let instance = Arc::new(Instance {
            file: self.config,
            started: now,
            tables,
            duid,
            reconfigure,
            limits,
            services,
            counters,
            latencies,
            health,
            views,
            partners: prepared.as_ref().map_or_else(Partners::none, Prepared::face),
            interfaces: modes,
            dataplane: Mutex::new(Some(running)),
            loaded: ArcSwap::from_pointee(Loaded::new(config, now)),
            reloads: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
        });
        let failover = (prepared.zip(failover_appender))
            .map(|(prepared, appender)| begin_failover(prepared, appender, &instance))
            .transpose()?;
        let maintenance =
            Maintenance::start(Arc::clone(&instance), maintenance_appender, snapshotter)
                .map_err(|error| because("the maintenance thread", &error))?;
        let control = control
            .start(Arc::clone(&instance), socket, metrics)
            .map_err(|error| because("the control thread", &error))?;
        say_ready(&instance.interfaces);

        let asked = control.join();
        info!("stopping");
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        instance.stop_dataplane();
        maintenance.stop();
        if let Some(failover) = failover {
            failover.stop();
        }
        finish(commit)?;
        match asked {
            Ok(outcome) => outcome.map_err(|error| because("the control thread", &error)),
            Err(_) => Err(Failure::other("the control thread died; its last words are in the log")),
        }
    }
}

/// Locks the state directory and reads all that is in it into tables.
fn recover(config: &Config) -> Result<(Journal, Arc<Tables>, Notes), Failure> {
    let state_dir = &config.state_dir;
    let openness =
        ControlSocket::prepare_dir(state_dir).map_err(|error| because_of_dir(state_dir, &error))?;
    if openness == Openness::Shared {
        warn!(dir = %state_dir.display(), "others can look into the state directory: chmod 700 it");
    }
    if !config.journal.durable {
        warn!("journal.durable is off: a crash forgets leases that clients were told of");
    }
    let cores = dataplane::cores(config).map_err(Failure::other)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // One appender for each worker, one for the failover thread if there is one, one for the
    // maintenance thread.
    let appenders = cores.len() + usize::from(!config.failover.is_empty()) + 1;
    let recovery = Journal::open(state_dir, &config.journal, appenders).map_err(Failure::other)?;
    let tables = Arc::new(Tables::new(Layouts::of(config).map_err(Failure::other)?));
    let (journal, found) = recovery.load(&*tables, threads).map_err(Failure::other)?;
    for torn in &found.torn {
        let (path, offset) = (torn.path.display(), torn.offset);
        warn!("{path}: a write was cut short at offset {offset}, before anybody was told of it");
    }
    info!(snapshot = found.from_snapshot, records = found.from_segments, "bindings recovered");
    Ok((journal, tables, found.notes))
}

/// Who the server is to clients of DHCPv6, where that is served.
fn server_duid(config: &Config) -> Result<Option<Duid>, Failure> {
    if config.networks6.is_empty() {
        return Ok(None);
    }
    let hardware = dataplane::hardware(config)
        .map_err(|error| because("hardware addresses of the interfaces", &error))?;
    let by = &config.dhcpv6.duid;
    server_duid::load_or_make(&config.state_dir, by, hardware, clock::now())
        .map(Some)
        .map_err(|error| because("the server's DUID", &error))
}

/// What Reconfigures are made with.
fn reconfigurer(config: &Config, notes: &Notes) -> Result<Reconfigurer, Failure> {
    let secret = reconfigure_secret::load_or_make(&config.state_dir)
        .map_err(|error| because("the secret for Reconfigures", &error))?;
    let replay = Replay::after(reserved_numbers(notes));
    Ok(Reconfigurer::new(Reconfigure::new(secret, replay)))
}

/// Begins to talk to partners.
fn begin_failover(
    prepared: Prepared,
    appender: Appender,
    instance: &Arc<Instance>,
) -> Result<Running, Failure> {
    let parts = Parts {
        tables: Arc::clone(&instance.tables),
        limits: Arc::clone(&instance.limits),
        services: Arc::clone(&instance.services),
        health: Arc::clone(&instance.health),
        appender,
        announce: {
            let instance = Arc::clone(instance);
            Box::new(move || instance.tell_programs())
        },
    };
    prepared.start(parts).map_err(|error| because("the failover thread", &error))
}

fn commit_thread(committer: Committer) -> Result<JoinHandle<Health>, Failure> {
    thread::Builder::new()
        .name("commit".into())
        .spawn(move || committer.run(clock::now))
        .map_err(|error| because("the commit thread", &error))
}

/// Workers and maintenance have dropped their appenders: what they appended is written, and then
/// the thread ends.
fn finish(commit: JoinHandle<Health>) -> Result<(), Failure> {
    match commit.join() {
        Ok(Health::Good) => {
            info!("stopped");
            Ok(())
        }
        Ok(_) => Err(Failure::other(
            "stopped with a journal that could not be written; no client was told what it lacks",
        )),
        Err(_) => Err(Failure::other("the commit thread died; its last words are in the log")),
    }
}

/// The line that scripts wait for, and word to systemd.
fn say_ready(interfaces: &[InterfaceMode]) {
    let interfaces: Vec<_> =
        interfaces.iter().map(|it| format!("{} ({})", it.interface, it.mode)).collect();
    let mut out = io::stdout();
    // Whoever started us may have closed its end; clients are answered all the same.
    let _ = writeln!(out, "ready: listening for clients on {}", interfaces.join(", "));
    let _ = out.flush();
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

fn because(what: &str, error: &io::Error) -> Failure {
    Failure::other(format!("{what}: {error}"))
}

fn because_of_dir(dir: &Path, error: &io::Error) -> Failure {
    Failure::other(format!(
        "state directory {}: {error}; make it writable for this user, or set `state-dir`",
        dir.display()
    ))
}
