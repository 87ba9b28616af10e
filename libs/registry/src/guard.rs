//! Which addresses may be spoken to. Users name hosts, and a front that connects to any of them would speak for them to
//! this host's own services, to its neighbours, and to the cloud's metadata.
//!
//! What is looked at is the address that is about to be connected to, after the name was resolved: a name may point
//! anywhere, and elsewhere the next time. Hosts that the administrator named are not guarded.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// What an address is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The world's.
    Public,
    /// A private network's: registries of companies are there, and so is much else.
    Private,
    /// This host's own, one link's, the cloud's metadata, or nobody's.
    Never,
}

impl Reach {
    /// What an address is. Addresses of the old protocol within new ones are what they are.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // The metadata of one cloud, in the middle of shared address space.
            [100, 100, 100, 200] => Self::Never,
            // "This network", loopback, link-local with the metadata of most clouds, protocol assignments with that of
            // another, multicast and what is reserved.
            [0 | 127 | 224..=255, ..] | [169, 254, ..] | [192, 0, 0, _] => Self::Never,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18 | 19, ..] => {
                Self::Private
            }
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            // Mapped, compatible (`::` and `::1` among them), translated, and 6to4.
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => embedded(high, low),
            [0, 0, 0, 0, 0xffff, 0, high, low] => embedded(high, low),
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
            [0x64, 0xff9b, 1, ..] => Self::Private,
            [0x2002, high, low, ..] => embedded(high, low),
            // A cloud's metadata, among private ones.
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Self::Never,
            [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Self::Never,
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Self::Private,
            _ => Self::Public,
        }
    }
}

/// A name that leads only to where nobody is let.
#[derive(Debug, thiserror::Error)]
#[error("{name} is at the address {address}")]
pub(crate) struct Guarded {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
}

/// Resolves names, and gives only those addresses that may be spoken to.
#[derive(Clone)]
pub(crate) struct GuardedResolver {
    inner: Arc<TokioResolver>,
    most: Reach,
    /// Names that are not guarded: those of proxies.
    free: Arc<BTreeSet<String>>,
}

impl GuardedResolver {
    /// With the host's own settings (`/etc/resolv.conf`, `/etc/hosts`); there are no others that would be asked instead.
    pub(crate) fn new(most: Reach, free: BTreeSet<String>) -> Result<Self, hickory_resolver::net::NetError> {
        // A host without any still has mirrors by address, and names of its own.
        let nobody = || {
            let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
        };
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| nobody());
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Ok(Self { inner: Arc::new(builder.build()?), most, free: Arc::new(free) })
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found: Vec<IpAddr> = resolver.inner.lookup_ip(name.as_str()).await?.iter().collect();
            let is_free = resolver.free.contains(&name);
            let may = |address: &IpAddr| is_free || Reach::of(*address) <= resolver.most;
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(may).map(|address| SocketAddr::new(address, 0)).collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(&address)) => Err(Guarded { name, address }.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The hosts of the environment's proxies, which the administrator named by that.
pub(crate) fn proxies() -> BTreeSet<String> {
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_lowercase()])
        .filter_map(|name| std::env::var(name).ok())
        .filter_map(|text| {
            let url = if text.contains("://") { text } else { format!("http://{text}") };
            reqwest::Url::parse(&url).ok()?.host_str().map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_public_private_or_nobodys_business() {
        for (text, reach) in [
            ("8.8.8.8", Reach::Public),
            ("203.0.113.1", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("2606:4700::1", Reach::Public),
            ("64:ff9b::8.8.8.8", Reach::Public),
            ("10.1.2.3", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("198.18.0.1", Reach::Private),
            ("fd12::1", Reach::Private),
            ("fec0::1", Reach::Private),
            ("::ffff:10.0.0.1", Reach::Private),
            ("64:ff9b::192.168.0.1", Reach::Private),
            ("2002:a00:1::", Reach::Private),
            ("0.0.0.0", Reach::Never),
            ("127.0.0.1", Reach::Never),
            ("127.255.255.255", Reach::Never),
            ("169.254.169.254", Reach::Never),
            ("192.0.0.192", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("::", Reach::Never),
            ("::1", Reach::Never),
            ("::ffff:127.0.0.1", Reach::Never),
            ("::127.0.0.1", Reach::Never),
            ("64:ff9b::169.254.169.254", Reach::Never),
            ("2002:7f00:1::", Reach::Never),
            ("fe80::1", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("ff02::1", Reach::Never),
        ] {
            assert_eq!(Reach::of(text.parse().unwrap()), reach, "{text}");
        }
    }
}
