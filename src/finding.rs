//! Denials of one principal that one policy would mend, folded.
