//! lb-core
