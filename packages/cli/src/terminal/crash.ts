/**
 * An exception that nobody caught, as a rejection of {@link crashed} for as long as it is not disposed: the process then
 * stops in order, its devices and sockets removed, and exits with 1.
 */
export class CrashGuard implements Disposable {
  readonly crashed: Promise<never>;
  #onException: (error: unknown) => void = () => undefined;

  constructor() {
    this.crashed = new Promise((_resolve, reject) => {
      this.#onException = reject;
    });
    // It is awaited only once the process is up; until then a rejection just waits.
    this.crashed.catch(() => undefined);
    process.on('uncaughtException', this.#onException);
  }

  [Symbol.dispose](): void {
    process.off('uncaughtException', this.#onException);
  }
}
