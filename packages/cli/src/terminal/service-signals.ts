/**
 * What these do by default is nothing for a service: SIGUSR1 has Node open a debugger, to which every user of the machine
 * may connect, and SIGUSR2 ends the process.
 */
const MEANINGLESS = ['SIGUSR1', 'SIGUSR2'] as const;

/**
 * Signals of a process that runs until it is told to stop, besides those that stop it. SIGHUP, which says that the
 * configuration has changed, comes when it likes: before the process is up it is remembered, not died of.
 */
export class ServiceSignals implements Disposable {
  #onHangup: (() => void) | undefined;
  #hungUp = false;

  constructor() {
    process.on('SIGHUP', this.#onSignal);
    for (const signal of MEANINGLESS) process.on(signal, ignore);
  }

  /** From here on; one that came before is told of now. */
  onHangup(listener: () => void): void {
    this.#onHangup = listener;
    if (this.#hungUp) listener();
    this.#hungUp = false;
  }

  [Symbol.dispose](): void {
    process.off('SIGHUP', this.#onSignal);
    for (const signal of MEANINGLESS) process.off(signal, ignore);
  }

  readonly #onSignal = (): void => {
    if (this.#onHangup === undefined) this.#hungUp = true;
    else this.#onHangup();
  };
}

function ignore(): void {
  // Not ours, and no reason to end.
}
