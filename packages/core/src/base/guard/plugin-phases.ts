import type { Clock } from '../time/clock.js';
import { systemClock } from '../time/system-clock.js';
import { within } from '../time/deadline.js';

/** What a plugin is waited for to do: its module's own code, its schema, its factory, its `start`. */
export type PluginPhase = 'import' | 'options' | 'create' | 'start';

export interface PhaseInProgress {
  /** As the rc file names it. */
  readonly plugin: string;
  readonly phase: PluginPhase;
  /** Unix ms. */
  readonly sinceMs: number;
}

export interface PluginPhasesOptions {
  readonly clock?: Clock;
  /** Ends every wait for a plugin that {@link PluginPhases.wait} began. */
  readonly signal?: AbortSignal;
  /** Called once for a wait of 10 s, by those that have no log to say it in. */
  readonly onSlow?: (phase: PhaseInProgress) => void;
}

/** Importing, reading options: a module that takes longer hangs, in a top-level await most likely. */
export const IMPORT_TIMEOUT_MS = 30_000;

/**
 * Which plugins are being waited for, so that `status` and the terminal can say so. A plugin that never gives the event loop
 * back cannot be named by anybody: there is nobody left who runs.
 */
export class PluginPhases {
  readonly #running = new Set<PhaseInProgress>();
  readonly #options: PluginPhasesOptions;

  constructor(options: PluginPhasesOptions = {}) {
    this.#options = options;
  }

  /** Notes the wait; how long it may take is the caller's matter. */
  async track<T>(plugin: string, phase: PluginPhase, work: () => Promise<T> | T): Promise<T> {
    const { clock = systemClock } = this.#options;
    const entry = Object.freeze({ plugin, phase, sinceMs: clock.unixMs() });
    this.#running.add(entry);
    try {
      return await work();
    } finally {
      this.#running.delete(entry);
    }
  }

  /** Waits, but not for ever. @throws CodedError TIMEOUT or ABORTED, or what the work throws. */
  wait<T>(plugin: string, phase: PluginPhase, work: () => Promise<T> | T): Promise<T> {
    const { clock = systemClock, signal, onSlow } = this.#options;
    const sinceMs = clock.unixMs();
    return this.track(plugin, phase, () =>
      within(work, {
        clock,
        timeoutMs: IMPORT_TIMEOUT_MS,
        what: `${plugin}: ${phase}`,
        ...(signal === undefined ? {} : { signal }),
        ...(onSlow === undefined ? {} : { onSlow: () => onSlow({ plugin, phase, sinceMs }) }),
      }),
    );
  }

  /** Oldest first. */
  running(): readonly PhaseInProgress[] {
    return [...this.#running];
  }
}
