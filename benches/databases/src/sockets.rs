//! The sockets that this process has open.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddrV4;

/// How many are connected, or were, to this address.
pub(crate) fn to(address: SocketAddrV4) -> usize {
    let peer = in_hexadecimal(address);
    let table = fs::read_to_string("/proc/self/net/tcp").expect("Linux");
    let inodes: HashSet<&str> = table.lines().filter_map(|line| inode_of(line, &peer)).collect();
    open().iter().filter(|inode| inodes.contains(inode.as_str())).count()
}

/// The inode of a line of the table, if its peer is this one.
fn inode_of<'a>(line: &'a str, peer: &str) -> Option<&'a str> {
    let mut fields = line.split_whitespace().skip(2);
    (fields.next()? == peer).then(|| fields.nth(6)).flatten()
}

/// As the table writes an address: the bytes of the host in the machine's order.
fn in_hexadecimal(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

/// The inodes of the sockets among this process's descriptors.
fn open() -> HashSet<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("Linux");
    let link = |entry: fs::DirEntry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok();
    let links = entries.flatten().filter_map(link);
    links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

    #[test]
    fn a_socket_is_counted_until_it_is_closed() {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).unwrap();
        let SocketAddr::V4(address) = listener.local_addr().unwrap() else { unreachable!() };
        assert_eq!(super::to(address), 0);
        let sockets = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        assert_eq!(super::to(address), 2);
        drop(sockets);
        assert_eq!(super::to(address), 0);
    }
}
