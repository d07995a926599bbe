//! `denywatch query`: the SQL that yields the denied records of a period, printed, or run and read.

use super::{DONE, Global, inputs, print};
use crate::denial::code::Codes;
use crate::io::sources::archive::regions_beside;
use crate::render::sql::{self, Asked, SqlError, Table};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, Subcommand)]
enum Engine {
    /// Amazon Athena, over the log files of an archive.
    Athena(AthenaArgs),
    /// CloudTrail Lake, over an event data store.
    Lake(LakeArgs),
}

#[derive(Debug, Args)]
struct AthenaArgs {
    /// The table: `TABLE` or `DATABASE.TABLE`. With --foreign it is one that you made, without our partitions.
    #[arg(long, value_name = "TABLE", default_value = "denywatch_cloudtrail")]
    table: String,
    /// The table has partitions of its own: none are asked for, so that Athena may read all of it.
    #[arg(long)]
    foreign: bool,
    /// Print the statement that makes the table over this archive: `s3://BUCKET/[PREFIX/]AWSLogs/[o-ID/]`.
    #[arg(long, value_name = "URI", conflicts_with = "foreign")]
    create: Option<String>,
    #[command(flatten)]
    asked: AskedArgs,
    /// Workgroup to run in.
    #[arg(long, value_name = "NAME", requires = "run")]
    workgroup: Option<String>,
    /// Database of tables that name none.
    #[arg(long, value_name = "NAME", requires = "run")]
    database: Option<String>,
    /// Where Athena puts its results; the workgroup's place if left out.
    #[arg(long, value_name = "URI", requires = "run")]
    results: Option<String>,
}

#[derive(Debug, Args)]
struct LakeArgs {
    /// The event data store: its ARN, or the id at the ARN's end.
    #[arg(value_name = "STORE")]
    event_data_store: String,
    #[command(flatten)]
    asked: AskedArgs,
}

/// Which denials, and whether to run it.
#[derive(Debug, Args)]
struct AskedArgs {
    /// Denials from then on: `7d`, a date or a time.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Denials before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Denials in these accounts' trails.
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    only_account: Vec<String>,
    /// Denials in these Regions.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    only_region: Vec<String>,
    /// Run it with your credentials, and read the rows as `scan` reads logs. The engine charges for what it reads.
    #[arg(long)]
    run: bool,
    /// With --run: print what would be asked, and ask nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &QueryArgs, global: &Global) -> anyhow::Result<u8> {
    let codes = inputs::settings(global)?.codes;
    let (sql, asked) = match &args.engine {
        Engine::Athena(args) => (athena(args, codes, global)?, &args.asked),
        Engine::Lake(args) => (sql::lake(&read(&args.asked, codes)?, &args.event_data_store)?, &args.asked),
    };
    if !asked.run || asked.dry_run {
        return print::out(&sql).map(|()| DONE);
    }
    if global.offline {
        return Err(inputs::Misuse::OfflineQuery.into());
    }
    run_it(&args.engine, &sql, global)
}

/// A wrong use that is worth the code for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryMisuse {
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error(transparent)]
    Input(#[from] inputs::Misuse),
}

fn athena(args: &AthenaArgs, codes: Codes, global: &Global) -> Result<String, QueryMisuse> {
    let asked = read(&args.asked, codes)?;
    let table = Table::parse(&args.table, !args.foreign)?;
    let Some(location) = &args.create else { return Ok(sql::athena(&asked, &table)?) };
    let regions = regions_beside(global.region.as_deref());
    let sql = sql::athena_table(&asked, &table, location, &regions)?;
    if asked.regions.is_empty() {
        let all = regions.join(", ");
        print::say(global.quiet, &format!("the table covers these Regions; --only-region names others: {all}"));
    }
    Ok(sql)
}

fn read(args: &AskedArgs, codes: Codes) -> Result<Asked, QueryMisuse> {
    let (since, until) = inputs::period(args.since.as_deref(), args.until.as_deref(), crate::io::clock::now())?;
    let set = |list: &[String]| list.iter().cloned().collect();
    Ok(Asked { since, until, accounts: set(&args.only_account), regions: set(&args.only_region), codes })
}

#[cfg(feature = "s3")]
fn run_it(engine: &Engine, sql: &str, global: &Global) -> anyhow::Result<u8> {
    use super::found::Found;
    use super::{UNREAD, progress, scan, stop};
    use crate::app;
    use crate::io::aws::{Aws, Options};
    use crate::io::sources::query::Workplace;
    use anyhow::Context;
    let (engine, creates) = match engine {
        Engine::Athena(args) => {
            let (workgroup, database, results) = (args.workgroup.clone(), args.database.clone(), args.results.clone());
            (app::query::Engine::Athena(Workplace { workgroup, database, results }), args.create.is_some())
        }
        Engine::Lake(args) => {
            // The store's ARN says where it lies; for its id alone the SDK's Region has to be right.
            let store = args.event_data_store.parse::<crate::arn::Arn>().ok();
            (app::query::Engine::Lake(store.map(|arn| arn.region).filter(|region| !region.is_empty())), false)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if creates {
        let made = async { app::query::execute(&Aws::load(&Options::default()).await, &engine, sql).await };
        runtime.block_on(made).context("the table was not made")?;
        print::say(global.quiet, "the table is made: the same line without --create asks it");
        return Ok(DONE);
    }
    let (world, problems) = inputs::world(global)?;
    let mut ledger = inputs::ledger_to_write(global)?;
    let options = app::scan::Options { stop: Some(stop::flag()?), ..app::scan::Options::default() };
    let mut line = print::is_progress_wanted(global.quiet, global.no_progress)
        .then(|| progress::Line::over(&[], &crate::io::sources::archive::Selection::default(), false));
    let mut progress = |progress: &app::Progress<'_>| {
        if let Some(line) = &mut line {
            line.show(progress);
        }
    };
    let mut found = Found::new(global);
    let read = async {
        let aws = Aws::load(&Options::default()).await;
        let each = &mut |advice| found.take(advice);
        let asked = app::query::Asked { engine: &engine, sql };
        app::query::query(&aws, asked, ledger.as_mut(), &world, options, &mut progress, each).await
    };
    let mut outcome = runtime.block_on(read)?;
    outcome.problems.splice(..0, problems);
    scan::print_outcome(&outcome, &mut found, global)?;
    Ok(match (outcome.interrupted, outcome.problems.is_empty()) {
        (true, _) => scan::INTERRUPTED,
        (false, true) => DONE,
        (false, false) => UNREAD,
    })
}

#[cfg(not(feature = "s3"))]
fn run_it(_: &Engine, _: &str, _: &Global) -> anyhow::Result<u8> {
    anyhow::bail!("this build cannot reach AWS: build it with `cargo build --release --features lookup`")
}
