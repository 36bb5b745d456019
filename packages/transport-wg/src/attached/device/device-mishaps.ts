import { reasonOf, Sightings, type Clock, type Counters } from '@wirepath/core/plugin';

/** What goes wrong between us and a device that is not our own: counted, and in sentences with the cure. */
export class DeviceMishaps {
  readonly #seen: Sightings;
  readonly #name: string;
  readonly #counters: Counters;

  constructor(clock: Clock, interfaceName: string, counters: Counters) {
    this.#seen = new Sightings(clock);
    this.#name = interfaceName;
    this.#counters = counters;
  }

  /** It was asked how it is, and has not said. */
  silent(error: unknown): void {
    this.#counters.count('device.silent');
    const why = reasonOf(error);
    this.#seen.see(
      'silent',
      () =>
        `the device ${this.#name} does not answer (${why}): see whether it is still there (\`ip link show ${this.#name}\`), and restart this node when it is`,
    );
  }

  answered(): void {
    this.#seen.settle('silent');
  }

  refused(error: unknown): void {
    this.#counters.count('device.refused');
    const why = reasonOf(error);
    this.#seen.see(
      'refused',
      () => `the device ${this.#name} refuses what it is told (${why}): what peers it has may be out of date`,
    );
  }

  /** Datagrams cannot be handed to the device. @param code of the system; undefined: it listens on no port. */
  unreachable(code: string | undefined): void {
    this.#counters.count(code === undefined ? 'loopback.no-device' : 'loopback.failed');
    const why = code === undefined ? 'it listens on no port' : `${code} on the loopback interface`;
    this.#seen.see(
      'unreachable',
      () =>
        `what peers send cannot be handed to the device ${this.#name}: ${why}; see \`wg show ${this.#name}\`, and whether a firewall on this machine forbids 127.0.0.1`,
    );
  }

  problems(): string[] {
    return this.#seen.problems();
  }
}
