//! lb-vrrp
