//! lb-ipvs
