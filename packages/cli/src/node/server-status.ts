/** `status --json` of a process that runs `serve`. */
export interface ServerStatusDocument {
  readonly server: {
    /** One line per listener, as at the start. */
    readonly listeners: readonly string[];
    /** What each part tells of itself. */
    readonly parts: readonly { listeners: readonly string[]; figures: Readonly<Record<string, unknown>> }[];
    /** Callbacks that threw since the start, by part and hook. */
    readonly failed: Readonly<Record<string, number>>;
    /** What is wrong right now, one line each. */
    readonly problems: readonly string[];
    readonly since: string;
  };
}
