import type { ListeningAddress } from '@wirepath/core/plugin';

/** `status --json` of a process that runs `serve`. */
export interface ServerStatusDocument {
  readonly server: {
    /** One line per listener, for people. */
    readonly listeners: readonly string[];
    /** What each part tells of itself. */
    readonly parts: readonly ServerPartStatus[];
    /** Callbacks that threw since the start, by part and hook. */
    readonly failed: Readonly<Record<string, number>>;
    /** What is wrong right now, one line each. */
    readonly problems: readonly string[];
    readonly since: string;
    /** It takes nobody new, and ends when its last client has gone, or then; null: it does not. */
    readonly drainsUntil: string | null;
  };
}

export interface ServerPartStatus {
  /** One line per listener, for people. */
  readonly listeners: readonly string[];
  /** The same for programs. */
  readonly addresses: readonly ListeningAddress[];
  readonly figures: Readonly<Record<string, unknown>>;
}
