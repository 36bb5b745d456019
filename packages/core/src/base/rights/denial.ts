import { readFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { statOf } from './stat-of.js';

/** Why the system said no, and what cures it: EACCES and EPERM are different answers. */
export interface Denial {
  /** A clause for after a colon: `/dev/net/tun belongs to uid 0 (mode 0600), and this process runs as uid 1000`. */
  readonly reason: string;
  /** A sentence or two. */
  readonly advice: string;
}

const DENIED = new Set<unknown>(['EACCES', 'EPERM', 'EROFS']);

/** Whether an error of the system is a refusal, not a failure. */
export function isDenied(code: unknown): boolean {
  return DENIED.has(code);
}

/**
 * For a file, folder, socket or device that may not be opened, made or connected to. EACCES: somebody's mode bits, and they
 * are named. EPERM: whatever the bits say; of a device, the container or unit does not have it. EROFS: nobody writes there.
 * @param use what it was to be opened for.
 */
export function deniedPath(
  path: string,
  code: string | undefined,
  use: 'read' | 'read and write' = 'read and write',
): Denial {
  if (code === 'EROFS') {
    const advice = 'Choose a folder that can be written, or allow it: ReadWritePaths= or RuntimeDirectory= of a unit.';
    return { reason: `${path} is on a file system that is read-only here`, advice };
  }
  const stats = find(path);
  if (code === 'EPERM') {
    return stats?.isCharacterDevice() === true || stats?.isBlockDevice() === true
      ? {
          reason: `this container or service may not use the device ${path}`,
          advice: `Give it the device (\`--device ${path}\`; of a systemd unit: \`DeviceAllow=${path} rw\`).`,
        }
      : {
          reason: `${path} is refused whatever its mode says`,
          advice: 'A sandbox, a security module or an attribute of the file (`lsattr`) forbids it: look there.',
        };
  }
  const folder = folderInTheWay(path);
  if (folder !== undefined) {
    const advice = `Let this user enter it, or run as its owner or as root.`;
    return { reason: `its folder ${folder.path} may not be entered: ${modeOf(folder.stats)}`, advice };
  }
  if (stats === undefined) {
    const parent = dirname(path);
    const found = find(parent);
    const why = found === undefined ? '' : `: ${modeOf(found)}`;
    return { reason: `nothing may be made in ${parent}${why}`, advice: 'Use a folder of your own, or run as root.' };
  }
  if (modeAllows(stats, use)) {
    const advice = 'Look into the log of the security module (`dmesg`, `ausearch -m avc`).';
    return { reason: `its mode allows ${path}, but a security module (AppArmor, SELinux) does not`, advice };
  }
  const advice = stats.isCharacterDevice()
    ? `Give this user or a group of theirs the device (\`chmod 0666 ${path}\`; by a rule of udev it stays so), or run as root.`
    : 'Give this user the file (`chown`, `chmod`), or run as its owner.';
  return { reason: `${path} ${modeOf(stats)}`, advice };
}

/** For a UDP or TCP port that may not be listened on. */
export function deniedPort(port: number, code: string | undefined): Denial {
  if (code === 'EACCES' && port > 0 && port < unprivilegedFrom()) {
    return {
      reason: `ports below ${unprivilegedFrom()} are for root`,
      advice: 'Choose a greater port, run as root, or grant CAP_NET_BIND_SERVICE (AmbientCapabilities= of a unit).',
    };
  }
  return {
    reason: 'a security module or a sandbox forbids it',
    advice: 'Rights of root do not cure this: look into the policy (AppArmor, SELinux, SocketBind* of a unit).',
  };
}

/** What Linux asks of a process beyond the modes of files. */
export type Capability = 'CAP_NET_ADMIN' | 'CAP_NET_RAW' | 'CAP_NET_BIND_SERVICE';

/** For a call that a capability is needed for. EACCES of such a call is something else: no capability cures it. */
export function deniedCapability(capability: Capability, code: string | undefined): Denial {
  if (code === 'EACCES') {
    const advice = 'A security module (AppArmor, SELinux) forbids it: look into its log.';
    return { reason: 'a security module refuses it', advice };
  }
  return {
    reason: `${capability} is missing`,
    advice:
      `Run as root, or as a service with \`AmbientCapabilities=${capability}\` ` +
      '(`systemd-unit` prints one); in a container, `--cap-add`.',
  };
}

function unprivilegedFrom(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  } catch {
    // Not Linux, or older than 4.11.
    return 1024;
  }
}

function modeOf(stats: Stats): string {
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  const us = process.geteuid?.();
  return `belongs to uid ${stats.uid} (mode ${mode})${us === undefined ? '' : `, and this process runs as uid ${us}`}`;
}

/** The first folder on the way that we may not search. */
function folderInTheWay(path: string): { path: string; stats: Stats } | undefined {
  const folders: string[] = [];
  for (let at = dirname(path); !folders.includes(at); at = dirname(at)) folders.push(at);
  for (const folder of folders.reverse()) {
    const stats = find(folder);
    if (stats?.isDirectory() === true && find(`${folder}/.`) === undefined) return { path: folder, stats };
  }
  return undefined;
}

/** By the bits for the owner, the group or others, whichever counts for us. */
function modeAllows({ mode, uid, gid }: Stats, use: 'read' | 'read and write'): boolean {
  const ours = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const shift = uid === process.geteuid?.() ? 6 : ours.includes(gid) ? 3 : 0;
  const wanted = use === 'read' ? 0o4 : 0o6;
  return ((mode >> shift) & wanted) === wanted;
}

function find(path: string): Stats | undefined {
  try {
    return statOf(path);
  } catch {
    // Not there, or out of sight behind a folder: the caller says which.
    return undefined;
  }
}
