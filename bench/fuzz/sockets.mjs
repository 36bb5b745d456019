/** The UDP sockets of another process, as Linux shows them: which there are, what waits in them, what was dropped. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @returns by "family port", every open UDP socket of the process. */
export function udpSocketsOf(pid) {
  const own = new Set();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? [];
      if (inode !== undefined) own.add(inode);
    } catch {
      // Closed since the folder was read.
    }
  }
  return new Map(
    [...udpTable(4), ...udpTable(6)].filter(({ inode }) => own.has(inode)).map((socket) => [socket.key, socket]),
  );
}

/** The same sockets as they are now; those that have closed are left out. */
export function lookAgain(sockets) {
  const inodes = new Set([...sockets.values()].map(({ inode }) => inode));
  return new Map(
    [...udpTable(4), ...udpTable(6)].filter(({ inode }) => inodes.has(inode)).map((socket) => [socket.key, socket]),
  );
}

function* udpTable(family) {
  const lines = readFileSync(`/proc/net/udp${family === 6 ? 6 : ''}`, 'latin1').split('\n');
  for (const line of lines.slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 13) continue;
    const [ip, port] = fields[1].split(':');
    const address = family === 4 ? ipv4(ip) : '::1';
    yield {
      key: `${family} ${address} ${Number.parseInt(port, 16)}`,
      family,
      /** Where it is reached over loopback. */
      address,
      port: Number.parseInt(port, 16),
      queuedBytes: Number.parseInt(fields[4].split(':')[1], 16),
      inode: fields[9],
      drops: Number(fields[12]),
    };
  }
}

/** Little-endian hex; the wildcard is reached at 127.0.0.1. */
function ipv4(hex) {
  if (hex === '00000000') return '127.0.0.1';
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

/** What a process did with its time so far, in seconds: ran, and waited for a processor. */
export function scheduledSeconds(pid) {
  const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ').map(Number);
  return { ran: ran / 1e9, waited: waited / 1e9 };
}
