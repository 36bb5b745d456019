import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { capabilitySet, ownRights, threadRights, type CapabilitySet, type ThreadRights } from './capabilities.js';
import { linuxLibc, type Arena, type LinuxLibc } from '../libc/libc.js';
import { SystemCallError } from '../libc/system-call-error.js';

/** linux/prctl.h */
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** linux/capability.h: sets of 64 bits, in two halves. */
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
/** A node that starts has better things to do than the pool's threads: it connects first. */
const POOL_AFTER_MS = 1000;
/** The pool's threads free themselves after this, whatever happens to us. */
const PARK_TIMEOUT_MS = 1000;
/** Looking names up can take a thread for many seconds. */
const ATTEMPTS = 10;
const RETRY_MS = 5000;
const LOOK_INTERVAL_MAX_MS = 32;
const POLLIN = 1;
const EFD_CLOEXEC = 0o2000000;

/** Layout of the arena: header and data of capset(2), the counter for an eventfd, then a pollfd for each time of parking. */
const CAP_HEADER = 0;
const CAP_DATA = 8;
const COUNTER = 40;
const POLL_FDS = 64;

/** What is left, thread by thread, as the kernel says it. */
export interface DroppedRights {
  readonly threads: readonly ThreadRights[];
  /** The threads that hold more than `keep`: V8's own, which run neither JavaScript nor a job for it. */
  readonly holdingMore: readonly ThreadRights[];
}

/**
 * Gives up every capability but `keep`, for good: also for programs that are run from now on (bounding set, no_new_privs).
 *
 * Capabilities belong to threads, and no call drops another thread's. The calling thread, on which all JavaScript runs, drops
 * its own at once, and threads and processes that it starts later have no more. The threads of libuv's pool, on which files
 * are read and names looked up, are there already: each is made to drop its own a second later; see {@link onEachPoolThread}.
 * What V8 has for compiling and collecting cannot be reached, and keeps what it had.
 * @param options.signal stops waiting for threads that are busy.
 * @returns what the kernel says afterwards. @throws RangeError for a name that Linux does not have; SystemCallError where a call
 * fails, NativeCodeError, Error where a thread stays busy.
 */
export async function dropRights(keep: readonly string[], { signal }: { signal: AbortSignal }): Promise<DroppedRights> {
  const own = ownRights();
  const kept = capabilitySet(keep) & own.permitted;
  const system = linuxLibc();
  const arena = system.arena(POLL_FDS + 16 * poolThreads());
  fillCapset(arena, kept);
  const calls = callsFor(arena, kept, own);
  for (const [name, ...args] of calls) {
    if (system[name](...args) < 0) throw new SystemCallError(`${name} failed`, name, system.errno());
  }
  await setTimeout(POOL_AFTER_MS, undefined, { signal, ref: false });
  // A thread that is made to do it twice fails, having dropped the right to; what counts is read back below.
  const enqueue = () => Promise.allSettled(calls.map(([name, ...args]) => system.onPool(name, args)));
  for (let attempt = 1; !(await onEachPoolThread(system, arena, enqueue)); attempt++) {
    if (attempt === ATTEMPTS) throw new Error('threads that read files for it are busy, and keep what they had');
    await setTimeout(RETRY_MS, undefined, { signal, ref: false });
  }
  const threads = threadRights();
  return { threads, holdingMore: threads.filter(({ permitted }) => (permitted & ~kept) !== 0n) };
}

type Call = readonly ['prctl' | 'capset', ...args: number[]];

/** In this order: dropping from the bounding set takes a capability itself. */
function callsFor(arena: Arena, kept: CapabilitySet, { bounding }: ThreadRights): Call[] {
  const calls: Call[] = [];
  for (let number = 0; number < 64; number++) {
    const bit = 1n << BigInt(number);
    if ((bounding & bit) !== 0n && (kept & bit) === 0n) calls.push(['prctl', PR_CAPBSET_DROP, number, 0, 0, 0]);
  }
  calls.push(['prctl', PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0]);
  calls.push(['prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  calls.push(['capset', arena.address + CAP_HEADER, arena.address + CAP_DATA]);
  return calls;
}

function fillCapset({ view }: Arena, kept: CapabilitySet): void {
  view.setUint32(CAP_HEADER, LINUX_CAPABILITY_VERSION_3, true);
  view.setUint32(CAP_HEADER + 4, 0, true); // the calling thread
  for (const half of [0, 1]) {
    const bits = Number((kept >> BigInt(32 * half)) & 0xffff_ffffn);
    view.setUint32(CAP_DATA + 12 * half, bits, true); // effective
    view.setUint32(CAP_DATA + 12 * half + 4, bits, true); // permitted
    view.setUint32(CAP_DATA + 12 * half + 8, 0, true); // inheritable
  }
}

/**
 * Makes each thread of libuv's pool do what is queued by `enqueue`: all are parked in poll(2), each on an eventfd of its own;
 * behind that the jobs for one thread are queued, its next parking, the jobs for the second, and so on. Woken one by one, each
 * takes the next jobs, for it is the only one that is free. What others queue waits behind, a few ms.
 * @returns false where some thread stayed busy: the jobs have run then, but not one's on each.
 */
async function onEachPoolThread(system: LinuxLibc, arena: Arena, enqueue: () => Promise<unknown>): Promise<boolean> {
  const count = poolThreads();
  const parked: Promise<void>[] = [];
  const events: number[] = [];
  const addressOf = (slot: number) => arena.address + POLL_FDS + 8 * slot;
  const park = (): void => {
    const slot = events.length;
    const event = system.eventfd(0, EFD_CLOEXEC);
    if (event < 0) throw new SystemCallError('eventfd failed', 'eventfd', system.errno());
    events.push(event);
    arena.view.setInt32(POLL_FDS + 8 * slot, event, true);
    arena.view.setUint32(POLL_FDS + 8 * slot + 4, POLLIN, true);
    parked.push(new Promise((resolve) => system.pollAsync(addressOf(slot), 1, PARK_TIMEOUT_MS, () => resolve())));
  };
  const wake = (slot: number): void => {
    const event = events[slot];
    arena.view.setBigUint64(COUNTER, 1n, true);
    if (event !== undefined) system.write(event, arena.address + COUNTER, 8);
  };
  const jobs: Promise<unknown>[] = [];
  try {
    for (let i = 0; i < count; i++) park();
    for (let i = 0; i < count; i++) {
      jobs.push(enqueue());
      if (i < count - 1) park();
    }
    if (!(await arePolling(Array.from({ length: count }, (_, slot) => addressOf(slot))))) return false;
    for (let i = 0; i < count; i++) {
      wake(i);
      await jobs[i];
      // Parked again before the next is woken, or the two could take each other's.
      if (i < count - 1 && !(await arePolling([addressOf(count + i)]))) return false;
    }
    return true;
  } finally {
    for (let slot = 0; slot < events.length; slot++) wake(slot);
    await Promise.all([...parked, ...jobs]);
    for (const event of events) system.close(event);
  }
}

/**
 * Whether, in time, a thread of ours is in poll(2) on each of these addresses. One that reads a device comes back after a
 * fraction of a second: asked less and less often, for each look reads a file for each thread.
 */
async function arePolling(addresses: readonly number[]): Promise<boolean> {
  const deadline = Date.now() + PARK_TIMEOUT_MS / 2;
  for (let pauseMs = 1; !addresses.every(isPolling); pauseMs = Math.min(2 * pauseMs, LOOK_INTERVAL_MAX_MS)) {
    if (Date.now() > deadline) return false;
    await setTimeout(pauseMs);
  }
  return true;
}

/** Whether a thread of ours is in poll(2) on this address: its first argument, by /proc/.../syscall. */
function isPolling(address: number): boolean {
  const first = `0x${address.toString(16)}`;
  return readdirSync('/proc/self/task').some((tid) => {
    try {
      const [, argument] = readFileSync(`/proc/self/task/${tid}/syscall`, 'utf8').split(' ');
      return argument === first;
    } catch {
      // It ended while we looked, or the kernel does not say.
      return false;
    }
  });
}

/** As libuv reads it, once, when the pool is first used. */
function poolThreads(): number {
  const size = Math.trunc(Number(process.env['UV_THREADPOOL_SIZE'] ?? 4));
  return Math.min(Math.max(Number.isFinite(size) ? size : 1, 1), 1024);
}
