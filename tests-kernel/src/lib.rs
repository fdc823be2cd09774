//! The real-kernel lab.
