import { readdirSync, readFileSync } from 'node:fs';

/** linux/capability.h, in the order of their numbers. */
const NAMES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

/** A set of capabilities, bit n for number n. */
export type CapabilitySet = bigint;

/** @throws RangeError for a name that Linux does not have. */
export function capabilitySet(names: Iterable<string>): CapabilitySet {
  let set = 0n;
  for (const name of names) {
    const number = NAMES.indexOf(name.replace(/^CAP_/, ''));
    if (number === -1) throw new RangeError(`no capability of Linux: ${name}`);
    set |= 1n << BigInt(number);
  }
  return set;
}

export function capabilityNames(set: CapabilitySet): string[] {
  return NAMES.filter((_, number) => (set & (1n << BigInt(number))) !== 0n).map((name) => `CAP_${name}`);
}

/** What the kernel says of a thread of this process. */
export interface ThreadRights {
  readonly tid: number;
  readonly name: string;
  readonly permitted: CapabilitySet;
  readonly effective: CapabilitySet;
  readonly bounding: CapabilitySet;
  readonly noNewPrivileges: boolean;
}

/** Every thread of this process, from /proc: rights are a thread's own. */
export function threadRights(): ThreadRights[] {
  return readdirSync('/proc/self/task').flatMap((tid) => {
    try {
      return rightsOf(Number(tid));
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}

/** Of the thread on which all JavaScript runs. @throws where /proc does not tell. */
export function ownRights(): ThreadRights {
  return rightsOf(process.pid);
}

function rightsOf(tid: number): ThreadRights {
  return parseThreadStatus(tid, readFileSync(`/proc/self/task/${tid}/status`, 'utf8'));
}

export function parseThreadStatus(tid: number, status: string): ThreadRights {
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
  const set = (name: string) => BigInt(`0x${field(name) || '0'}`);
  return {
    tid,
    name: field('Name'),
    permitted: set('CapPrm'),
    effective: set('CapEff'),
    bounding: set('CapBnd'),
    noNewPrivileges: field('NoNewPrivs') === '1',
  };
}
