//! What AWS tells on asking, as the use cases take it: `--live` on the command line, the reading of the function.

use crate::catalog::Catalog;
use crate::denial::Denial;
use crate::diagnosis::InForce;
use crate::finding::Finding;
use crate::record::Problem;

/// Somebody who asks AWS.
pub trait Outside: std::fmt::Debug {
    /// Sharpens denials by what AWS keeps of them.
    fn sharpen(&self, denials: &mut [Denial], catalog: &Catalog);

    /// Adds to the policies given those that AWS says are in force for these findings.
    fn in_force(&self, findings: &[Finding], given: &InForce) -> (InForce, Vec<Problem>);
}

#[cfg(feature = "live")]
pub use asking::Asking;

#[cfg(feature = "live")]
mod asking {
    use super::{Catalog, Denial, Finding, InForce, Outside, Problem};
    use crate::io::aws::{Aws, Options};
    use crate::io::clock;
    use crate::io::sources::live::{Live, Moment};
    use crate::io::sources::told::Told;
    use std::sync::Mutex;
    use std::time::Duration;
    use tokio::runtime::{Builder, Runtime};

    /// A person waits so long at most, once for the denials and once for the policies.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Asks AWS while the caller waits.
    #[derive(Debug)]
    pub struct Asking {
        runtime: Runtime,
        live: Mutex<Live>,
        told: Told,
    }

    impl Asking {
        /// With the credentials that these options name; nothing is asked yet.
        ///
        /// # Errors
        /// The runtime cannot start.
        pub fn new(options: &Options) -> std::io::Result<Self> {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let aws = runtime.block_on(Aws::load(options));
            let live = Mutex::new(Live::new(&aws, PATIENCE * 10));
            Ok(Self { runtime, live, told: Told::new(aws) })
        }
    }

    impl Outside for Asking {
        fn sharpen(&self, denials: &mut [Denial], catalog: &Catalog) {
            self.runtime.block_on(self.told.sharpen(denials, catalog, PATIENCE));
        }

        fn in_force(&self, findings: &[Finding], given: &InForce) -> (InForce, Vec<Problem>) {
            let moment = Moment { now: clock::now(), within: PATIENCE };
            match self.live.lock() {
                Ok(mut live) => self.runtime.block_on(live.read(findings, given, moment)),
                // Only a panic while reading leaves it so.
                Err(_) => (given.clone(), Vec::new()),
            }
        }
    }
}
