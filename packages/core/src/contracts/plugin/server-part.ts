import type { z } from 'zod';
import type { RightsChange } from '../../base/errors/rights-change.js';
import type { Service } from '../service.js';
import type { ServerNeeds } from './needs.js';
import type { Schema, SchemaLibrary } from './schema.js';

/** Where a server takes what its clients send. */
export interface ListeningAddress {
  /** Section of the rc file that it serves, under `server`: `stun`. */
  readonly section: string;
  /** With its scheme, never with credentials: `ws://203.0.113.10:7000`, `turn:203.0.113.10:3478`. */
  readonly url: string;
  /** What carries it; `tcp` with TLS too, which the URL's scheme tells. */
  readonly protocol: 'udp' | 'tcp';
  /** As bound: 0.0.0.0 or :: where it listens on all addresses. */
  readonly ip: string;
  /** As bound, so never 0. */
  readonly port: number;
}

export interface RunningServer extends Service {
  /**
   * The process is to end: nobody new is taken from now on, and those that there are learn of the end by what they are granted.
   * Resolves when nobody is left. `stop` follows, after `withinMs` in any case. Left out: it serves as before until `stop`.
   */
  drain?(options: { readonly withinMs: number }): Promise<void>;
  /** Where it listens, from `start` on, for programs; left out by a server that no address leads to. */
  addresses?(): readonly ListeningAddress[];
  /** One line per listener for the log and the terminal, from `start` on: `rendezvous ws://203.0.113.10:7000`. */
  describe(): readonly string[];
  /** Live figures for `status`; no secrets. */
  status?(): Readonly<Record<string, unknown>>;
  /** What is wrong right now and can mean somebody's mistake, one line each with its cure, for `status`. */
  problems?(): readonly string[];
  /**
   * The rc file was read again: take over what can change without a restart (users, limits).
   * @returns a list of what of it takes a restart, a clause each; anything else: all was taken.
   */
  reload?(options: unknown): unknown;
}

/** Something wrong that only a look at the files shows which options name. */
export interface OptionProblem {
  /** Keys from the section on: `['rendezvous', 'allowFile']`. */
  readonly path: readonly PropertyKey[];
  /** Absolute path, where it stands in another file than the rc file. */
  readonly file?: string;
  /** From 1, in `file`. */
  readonly line?: number;
  /** What would be right, to follow "expected". */
  readonly expected: string;
  /** What stands there; never a secret. */
  readonly found?: string;
  readonly suggestion?: string | undefined;
  /** What the suggestion comes to, where rights of a file are all that is wrong: that of the error behind it. */
  readonly rights?: RightsChange | undefined;
}

/** What `serve` runs for one or more sections under `server:` in the rc file. */
export interface ServerPart {
  /** Sections that this part takes, such as `['stun', 'turn']`; it is created when any of them is present. */
  readonly sections: readonly string[];
  /** Linux capabilities that it needs after `start`, as a plugin's. */
  readonly capabilities?: readonly string[];
  /** Schema of an object with these sections as keys, each optional. */
  options(schema: SchemaLibrary): Schema;
  /** Looks at the files that options name, so that what is wrong in them is told with everything else. */
  check?(options: never, needs: Pick<ServerNeeds, 'files'>): Promise<readonly OptionProblem[]>;
  /** `options` is the schema's output. No I/O here. */
  create(needs: ServerNeeds, options: never): RunningServer;
}

/** As `definePlugin`, for a server part. */
export function defineServerPart<S extends Schema>(part: {
  readonly sections: readonly string[];
  readonly capabilities?: readonly string[];
  options(schema: SchemaLibrary): S;
  check?(options: z.output<S>, needs: Pick<ServerNeeds, 'files'>): Promise<readonly OptionProblem[]>;
  create(needs: ServerNeeds, options: z.output<S>): RunningServer;
}): ServerPart {
  return part;
}
