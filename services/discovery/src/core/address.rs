//! The video address of a rover that doesn't name one.

/// The port of a rover's control.
const CONTROL_PORT: &str = ":4850";
/// The port of its video.
const VIDEO_PORT: &str = ":4851";

/// `address` with port 4850 replaced by 4851; an address of another port, or of none, as it is.
pub fn video(address: &str) -> String {
    let authority_at = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(authority_at);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.strip_suffix(CONTROL_PORT) {
        Some(host) if is_host(host) => format!("{scheme}{host}{VIDEO_PORT}{path}"),
        _ => address.to_owned(),
    }
}

/// Not the front of an IPv6 address whose last group reads like the port.
fn is_host(host: &str) -> bool {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    host.ends_with(']') || !host.contains(':')
}

#[cfg(test)]
mod tests {
    use super::video;

    #[test]
    fn only_the_port_is_replaced() {
        for (address, expected) in [
            ("10.0.0.21:4850", "10.0.0.21:4851"),
            ("ws://bvr-01.local:4850", "ws://bvr-01.local:4851"),
            ("ws://bvr-01.local:4850/ws?a=:4850", "ws://bvr-01.local:4851/ws?a=:4850"),
            ("http://4850:4850", "http://4850:4851"),
            ("[fe80::4850]:4850", "[fe80::4850]:4851"),
            ("ws://user:4850@host:4850/", "ws://user:4850@host:4851/"),
            ("fe80::1:4850", "fe80::1:4850"),
            ("10.0.0.21:48500", "10.0.0.21:48500"),
            ("10.0.0.21:14850", "10.0.0.21:14850"),
            ("10.0.0.21", "10.0.0.21"),
            ("ws://host/4850:4850", "ws://host/4850:4850"),
            ("", ""),
        ] {
            assert_eq!(video(address), expected, "{address}");
        }
    }
}
