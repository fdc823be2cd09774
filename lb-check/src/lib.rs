//! lb-check
