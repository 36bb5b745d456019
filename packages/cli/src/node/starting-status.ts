import type { PhaseInProgress, StatusDocument } from '@wirepath/core';
import type { ProcessRole } from '../control/protocol.js';
import { formatDuration } from '../wording/units.js';
import type { ServerStatusDocument } from './server-status.js';

/** Beside the rest of `status --json` for as long as a process is not up. */
export interface StartingDocument {
  readonly starting: {
    readonly role: ProcessRole;
    readonly pid: number;
    readonly since: string;
    /** What is being waited for, the oldest first. */
    readonly plugins: readonly StartingPlugin[];
  };
}

export interface StartingPlugin {
  /** As the rc file names it. */
  readonly plugin: string;
  readonly phase: PhaseInProgress['phase'];
  readonly since: string;
}

export interface Starting {
  readonly role: ProcessRole;
  /** Of the product. */
  readonly version: string;
  readonly sinceMs: number;
  /** Null until the configuration is read, and for a server. */
  readonly publicKey: string | null;
  readonly running: readonly PhaseInProgress[];
}

/** What takes longer is a problem, and told as one. */
const SLOW_MS = 3000;

/** What there is to tell before there is a node or a server: the document's shape with nothing in it, and who is waited for. */
export function startingStatus({ role, version, sinceMs, publicKey, running }: Starting, nowMs: number) {
  const since = new Date(sinceMs).toISOString();
  const problems = running.filter((one) => nowMs - one.sinceMs >= SLOW_MS).map((one) => waitingLine(one, nowMs));
  return {
    ...(role === 'node' ? emptyNode(version, publicKey, problems) : emptyServer(since, problems)),
    ...startingDocument(role, sinceMs, running),
  };
}

export function startingDocument(
  role: ProcessRole,
  sinceMs: number,
  running: readonly PhaseInProgress[],
): StartingDocument {
  const plugins = running.map(({ plugin, phase, sinceMs }) => ({
    plugin,
    phase,
    since: new Date(sinceMs).toISOString(),
  }));
  return { starting: { role, pid: process.pid, since: new Date(sinceMs).toISOString(), plugins } };
}

/** `@acme/registry: import has not finished for 12 s: ...` */
export function waitingLine({ plugin, phase, sinceMs }: PhaseInProgress, nowMs: number): string {
  return `${plugin}: ${phase} has not finished for ${formatDuration(nowMs - sinceMs)}: stop the process, and remove ${plugin} or tell its author if it stays so`;
}

function emptyNode(version: string, publicKey: string | null, problems: readonly string[]) {
  return {
    node: {
      version,
      publicKey,
      interface: null,
      addresses: [],
      listenPort: null,
      natBehavior: { mapping: null, filtering: null },
      transport: {},
      candidates: [],
      dropped: {},
      problems,
    },
    signaling: [],
    relays: [],
    peers: [],
  } satisfies Omit<StatusDocument, 'node'> & {
    node: Omit<StatusDocument['node'], 'publicKey'> & { publicKey: string | null };
  };
}

function emptyServer(since: string, problems: readonly string[]): ServerStatusDocument {
  return { server: { listeners: [], parts: [], failed: {}, problems, since, drainsUntil: null } };
}
