/** What becomes of an error that nobody caught. @param what how it got loose. */
export type ReportUncaught = (error: unknown, what: string) => void;

/** Errors of the time before anybody can be told; more than these are one fault many times. */
const KEPT_MAX = 20;

/**
 * The last net under the guards: an exception in a callback that no guard wraps, or a rejection that nobody waits for (a
 * plugin's own timer or socket, mostly), is reported, and the process goes on. What a node is for is worth more than a
 * tidy end, and whoever can make it throw must not be able to end it.
 */
export class UncaughtErrors implements Disposable {
  #report: ReportUncaught | undefined;
  readonly #kept: Parameters<ReportUncaught>[] = [];

  constructor() {
    process.on('uncaughtException', this.#onException);
  }

  /** From here on; what came before is reported now. */
  reportTo(report: ReportUncaught): void {
    this.#report = report;
    for (const kept of this.#kept.splice(0)) report(...kept);
  }

  [Symbol.dispose](): void {
    process.off('uncaughtException', this.#onException);
  }

  readonly #onException = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void => {
    const what = origin === 'unhandledRejection' ? 'a promise that nobody waited for' : 'a callback';
    if (this.#report !== undefined) this.#report(error, what);
    else if (this.#kept.length < KEPT_MAX) this.#kept.push([error, what]);
  };
}
