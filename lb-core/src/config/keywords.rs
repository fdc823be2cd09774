// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every keyword of keepalived 2.4.3 and where it belongs.
//!
//! What is in these lists and not understood here gets a warning that says so; what is in none of them
//! is an error. The lists also feed the suggestions and tell a block that is known from one that is not.

/// What kind of block a line stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The top of a file.
    Root,
    /// `global_defs`.
    Global,
    /// `vrrp_instance`.
    Instance,
    /// `authentication`.
    Authentication,
    /// `auth_hmac`.
    Hmac,
    /// `vrrp_script`.
    Script,
    /// `track_file`.
    TrackFile,
    /// `vrrp_track_process`.
    TrackProcess,
    /// `vrrp_sync_group`.
    SyncGroup,
    /// `garp_group`.
    GarpGroup,
    /// `track_group`.
    TrackGroup,
    /// `virtual_server`.
    VirtualServer,
    /// `real_server`.
    RealServer,
    /// `HTTP_GET` and `SSL_GET`.
    Http,
    /// `url`.
    Url,
    /// Another check of keepalived.
    Check,
    /// A check that only the registry knows: its blocks are its own business.
    Custom,
    /// Lines without keywords, such as addresses.
    Words,
    /// A block that is skipped whole.
    Opaque,
}

impl Level {
    /// The level inside a block of this name; none if no block of this name belongs here.
    pub(super) fn block(self, keyword: &str) -> Option<Self> {
        Some(match (self, keyword) {
            (Self::Root, "global_defs") => Self::Global,
            (Self::Root, "vrrp_instance") => Self::Instance,
            (Self::Root, "vrrp_script") => Self::Script,
            (Self::Root, "track_file" | "vrrp_track_file") => Self::TrackFile,
            (Self::Root, "vrrp_track_process") => Self::TrackProcess,
            (Self::Root, "vrrp_sync_group") => Self::SyncGroup,
            (
                Self::SyncGroup,
                "group" | "track_interface" | "track_script" | "track_file" | "track_process"
                | "track_bfd",
            ) => Self::Words,
            (Self::Root, "garp_group") => Self::GarpGroup,
            (Self::GarpGroup, "interfaces") => Self::Words,
            (Self::Root, "interface_up_down_delays" | "linkbeat_interfaces") => Self::Words,
            (Self::Root, "virtual_server") => Self::VirtualServer,
            (Self::Root, "SSL" | "bfd_instance" | "virtual_server_group") => Self::Opaque,
            (Self::Root, "static_ipaddress" | "static_routes" | "static_rules") => Self::Words,
            (Self::Root, "track_group") => Self::TrackGroup,
            (Self::TrackGroup, "group") => Self::Words,
            (Self::Global, "notification_email") => Self::Words,
            (Self::Instance, "authentication") => Self::Authentication,
            (
                Self::Instance,
                "virtual_ipaddress"
                | "virtual_ipaddress_excluded"
                | "virtual_routes"
                | "virtual_rules"
                | "track_interface"
                | "track_script"
                | "track_file"
                | "track_process"
                | "track_bfd"
                | "unicast_peer",
            ) => Self::Words,
            (Self::Instance, "auth_hmac") => Self::Hmac,
            (Self::VirtualServer, "real_server") => Self::RealServer,
            (Self::RealServer, "HTTP_GET" | "SSL_GET") => Self::Http,
            (
                Self::RealServer,
                "TCP_CHECK" | "MISC_CHECK" | "SMTP_CHECK" | "DNS_CHECK" | "PING_CHECK"
                | "UDP_CHECK" | "BFD_CHECK" | "FILE_CHECK",
            ) => Self::Check,
            (Self::Http, "url") => Self::Url,
            _ => return None,
        })
    }

    /// The keywords that belong here.
    pub(super) fn keywords(self) -> impl Iterator<Item = &'static str> {
        let (own, common) = match self {
            Self::Root => (ROOT, ""),
            Self::Global => (GLOBAL_DEFS, ""),
            Self::Instance => (VRRP_INSTANCE, ""),
            Self::Authentication => (AUTHENTICATION, ""),
            Self::Hmac => (AUTH_HMAC, ""),
            Self::Script => (VRRP_SCRIPT, ""),
            Self::TrackFile => (TRACK_FILE, ""),
            Self::TrackProcess => (TRACK_PROCESS, ""),
            Self::SyncGroup => (SYNC_GROUP, ""),
            Self::GarpGroup => (GARP_GROUP, ""),
            Self::TrackGroup => (TRACK_GROUP, ""),
            Self::VirtualServer => (VIRTUAL_SERVER, ""),
            Self::RealServer => (REAL_SERVER, ""),
            Self::Http => (HTTP, CHECK_COMMON),
            Self::Url => (URL, ""),
            Self::Check => (OTHER_CHECKS, CHECK_COMMON),
            Self::Custom | Self::Words | Self::Opaque => ("", ""),
        };
        own.split_ascii_whitespace()
            .chain(common.split_ascii_whitespace())
    }

    /// Whether keepalived knows this keyword here.
    pub(super) fn knows(self, keyword: &str) -> bool {
        self.keywords().any(|known| known == keyword)
    }

    /// The name of the block, for messages; none where there is no one name.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Global => "global_defs",
            Self::Instance => "vrrp_instance",
            Self::Authentication => "authentication",
            Self::Hmac => "auth_hmac",
            Self::Script => "vrrp_script",
            Self::TrackFile => "track_file",
            Self::TrackProcess => "vrrp_track_process",
            Self::SyncGroup => "vrrp_sync_group",
            Self::GarpGroup => "garp_group",
            Self::TrackGroup => "track_group",
            Self::VirtualServer => "virtual_server",
            Self::RealServer => "real_server",
            Self::Http => "HTTP_GET",
            Self::Url => "url",
            Self::Root | Self::Check | Self::Custom | Self::Words | Self::Opaque => return None,
        })
    }

    /// Where a keyword that does not belong here would belong, in a few words.
    pub(super) fn home_of(keyword: &str) -> Option<String> {
        if Self::Root.knows(keyword) {
            return Some(format!(
                "`{keyword}` belongs at the top of the file, in no block"
            ));
        }
        [
            Self::Global,
            Self::Instance,
            Self::Authentication,
            Self::Hmac,
            Self::Script,
            Self::TrackFile,
            Self::TrackProcess,
            Self::SyncGroup,
            Self::GarpGroup,
            Self::VirtualServer,
            Self::RealServer,
            Self::Http,
            Self::Url,
        ]
        .into_iter()
        .find(|level| level.knows(keyword))
        .and_then(Self::name)
        .map(|home| format!("`{keyword}` belongs in `{home}`"))
    }
}

/// Whether this check of keepalived knows this keyword, beside those that are read for every check.
pub(super) fn check_knows(check: &str, keyword: &str) -> bool {
    let own = match check {
        "MISC_CHECK" => "misc_path misc_timeout misc_dynamic user",
        "SMTP_CHECK" => "helo_name host",
        "DNS_CHECK" => "type name",
        "UDP_CHECK" => "payload require_reply min_reply_length max_reply_length",
        "BFD_CHECK" => "name",
        "FILE_CHECK" => "track_file weight",
        _ => "",
    };
    own.split_ascii_whitespace().any(|known| known == keyword)
}

/// The word of `known` nearest to `word`, if it is near enough to have been meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    let limit = 1.max(length / 4);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= limit)
        .map(|candidate| {
            // A different case alone is the nearest of all.
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// At the top of a file.
const ROOT: &str = "
    SSL bfd_instance child_wait_time garp_group global_defs include includea includeb includem
    includer includew instance interface_up_down_delays linkbeat_interfaces linkbeat_use_polling
    namespace_with_ipsets net_namespace net_namespace_ipvs static_ipaddress static_routes
    static_rules track_file track_group use_pid_dir virtual_server virtual_server_group
    vrrp_instance vrrp_script vrrp_sync_group vrrp_track_file vrrp_track_process
";

/// In `global_defs`.
const GLOBAL_DEFS: &str = "
    bfd_cpu_affinity bfd_no_swap bfd_priority bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime
    bfd_rt_priority checker_cpu_affinity checker_log_all_failures checker_no_swap checker_priority
    checker_process_name checker_rlimit_rtime checker_rlimit_rttime checker_rt_priority
    config_save_dir data_use_instance dbus_no_interface_name dbus_service_name default_interface
    disable_local_igmp dynamic_interfaces enable_dbus enable_script_security enable_snmp_checker
    enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 enable_snmp_vrrp
    enable_traps fifo_write_vrrp_states_on_reload include_check iproute_etc_dir iproute_usr_dir
    json_dump_file json_version log_unknown_vrids lvs_flush lvs_flush_on_stop lvs_flush_onstop
    lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs
    lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo lvs_notify_fifo_script lvs_process_name
    lvs_sync_daemon lvs_timeouts max_auto_priority min_auto_priority_delay nftables
    nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority
    nftables_ipvs_start_fwmark nftables_priority no_checker_emails no_email_faults
    notification_email notification_email_from notify_fifo notify_fifo_script
    process_monitor_rcv_bufs process_monitor_rcv_bufs_force process_name process_names random_seed
    reload_check_config reload_file reload_repeat reload_time_file router_id rs_init_notifies
    script_user set_supplementary_groups shutdown_script shutdown_script_timeout smtp_alert
    smtp_alert_checker smtp_alert_vrrp smtp_connect_timeout smtp_helo_name smtp_server
    snmp_rs_stats_update_interval snmp_socket snmp_vs_stats_update_interval startup_script
    startup_script_timeout state_dump_file stats_dump_file tmp_config_directory umask
    use_symlink_paths v3_checksum_as_v2 vmac_addr_prefix vmac_prefix vrrp_check_unicast_src
    vrrp_cpu_affinity vrrp_delay_after_boot vrrp_down_timer_adverts vrrp_garp_extra_if
    vrrp_garp_interval vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat
    vrrp_garp_master_delay vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat
    vrrp_garp_master_repeat vrrp_gna_interval vrrp_higher_prio_send_advert vrrp_ipsets
    vrrp_iptables vrrp_lower_prio_no_advert vrrp_mcast_group4 vrrp_mcast_group6 vrrp_min_garp
    vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs
    vrrp_netlink_monitor_rcv_bufs_force vrrp_no_swap vrrp_notify_fifo vrrp_notify_fifo_script
    vrrp_notify_priority_changes vrrp_owner_ignore_adverts vrrp_priority vrrp_process_name
    vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority vrrp_rx_bufs_multiplier
    vrrp_rx_bufs_policy vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict vrrp_version
    vrrp_vmac_garp_intvl
";

/// In `vrrp_instance`; `sticky` is ours.
const VRRP_INSTANCE: &str = "
    accept advert_int auth_hmac authentication check_unicast_src debug dont_track_primary
    down_timer_adverts garp_extra_if garp_lower_prio_delay garp_lower_prio_repeat
    garp_master_delay garp_master_refresh garp_master_refresh_repeat garp_master_repeat
    higher_prio_send_advert interface kernel_rx_buf_size linkbeat_use_polling lower_prio_no_advert
    lvs_sync_daemon_interface mcast_dst_ip mcast_src_ip native_ipv6 no_accept no_virtual_ipaddress
    nopreempt notify notify_backup notify_deleted notify_fault notify_master
    notify_master_rx_lower_pri notify_priority_changes notify_stop old_unicast_checksum
    owner_ignore_adverts preempt preempt_delay priority promote_secondaries skip_check_adv_addr
    smtp_alert state sticky strict_mode thread_timer_expired timer_expired_backup track_bfd track_file
    track_interface track_process track_script track_src_ip unicast_fault_no_peer unicast_peer
    unicast_src_ip unicast_ttl use_ipvlan use_vmac use_vmac_addr v3_checksum_as_v2 version
    virtual_ipaddress virtual_ipaddress_excluded virtual_router_id virtual_routes virtual_rules
    vmac_garp_intvl vmac_xmit_base vrf
";

/// In `authentication`.
const AUTHENTICATION: &str = "
    auth_pass auth_type
";

/// In `auth_hmac`.
const AUTH_HMAC: &str = "
    active_key anti_replay key mode time_window
";

/// In `vrrp_script`.
const VRRP_SCRIPT: &str = "
    fall init_fail interval rise script timeout user weight
";

/// In `track_file`.
const TRACK_FILE: &str = "
    file init_file weight
";

/// In `vrrp_track_process`.
const TRACK_PROCESS: &str = "
    delay fork_delay full_command param_match process quorum quorum_max terminate_delay weight
";

/// In `vrrp_sync_group`.
const SYNC_GROUP: &str = "
    global_tracking group notify notify_backup notify_fault notify_master
    notify_priority_changes notify_stop smtp_alert sync_group_tracking_weight track_bfd
    track_file track_interface track_process track_script
";

/// In `track_group`.
const TRACK_GROUP: &str = "group";

/// In `garp_group`.
const GARP_GROUP: &str = "
    garp_interval gna_interval interface interfaces
";

/// In `virtual_server`.
const VIRTUAL_SERVER: &str = "
    alpha connect_timeout delay_before_retry delay_loop flag-1 flag-2 flag-3 ha_suspend hashed
    hysteresis inhibit_on_failure ip_family lb_algo lb_kind lvs_method lvs_sched mh-fallback
    mh-port omega ops persistence_engine persistence_granularity persistence_timeout protocol
    quorum quorum_down quorum_up real_server retry sh-fallback sh-port smtp_alert snmp_name
    sorry_server sorry_server_inhibit sorry_server_lvs_method virtualhost warmup weight
";

/// In `real_server`.
const REAL_SERVER: &str = "
    BFD_CHECK DNS_CHECK FILE_CHECK HTTP_GET MISC_CHECK PING_CHECK SMTP_CHECK SSL_GET TCP_CHECK
    UDP_CHECK alpha connect_timeout delay_before_retry delay_loop inhibit_on_failure lthreshold
    lvs_method notify_down notify_up retry smtp_alert snmp_name uthreshold virtualhost warmup
    weight
";

/// In every check that connects.
const CHECK_COMMON: &str = "
    alpha bind_if bind_port bindto connect_ip connect_port connect_timeout delay_before_retry
    delay_loop fwmark log_all_failures retry warmup
";

/// In `HTTP_GET` and `SSL_GET`, beside the common ones.
const HTTP: &str = "
    enable_sni fast_recovery http_protocol nb_get_retry sni_name tls_compliant url virtualhost
";

/// In `url`.
const URL: &str = "
    digest path regex regex_max_offset regex_min_offset regex_no_match regex_options regex_stack
    status_code tls_compliant virtualhost
";

/// In the other checks, beside the common ones.
const OTHER_CHECKS: &str = "
    helo_name host max_reply_length min_reply_length misc_dynamic misc_path misc_timeout name
    payload require_reply track_file type user weight
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_what_was_meant() {
        for (typed, meant) in [
            ("lb_alog", Some("lb_algo")),
            ("vitrual_server", None),
            ("delayloop", Some("delay_loop")),
            ("PROTOCOL", Some("protocol")),
            ("banana", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(
                nearest(typed, Level::VirtualServer.keywords()),
                meant,
                "{typed}"
            );
        }
        assert_eq!(
            nearest("vitrual_server", Level::Root.keywords()),
            Some("virtual_server")
        );
    }

    #[test]
    fn a_block_belongs_where_its_keyword_is_known() {
        for level in [
            Level::Root,
            Level::Global,
            Level::Instance,
            Level::VirtualServer,
        ] {
            for keyword in level.keywords() {
                if level.block(keyword).is_some() {
                    assert!(level.knows(keyword));
                }
            }
        }
        assert_eq!(
            Level::home_of("real_server").as_deref(),
            Some("`real_server` belongs in `virtual_server`")
        );
        assert_eq!(Level::home_of("nonsense"), None);
    }
}
