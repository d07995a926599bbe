//! (Denial, Context) → `Diagnosis`: what we conclude, the evidence, what was not checked. One file a cause.
