import { CodedError, type Counters, type Guard, type Logger, type NodeSettings } from '@wirepath/core/plugin';
import type { TunDevice } from '@wirepath/linux';
import type { InnerSide } from './inner-side.js';
import { OwnDatagrams } from './own-datagrams.js';
import { LinuxNetwork } from '../system/linux-network.js';
import { openTun } from './open-tun.js';

/** Packets that are decrypted before the interface is up. */
const EARLY_PACKETS_MAX = 64;

export interface TunInterfaceOptions {
  readonly node: NodeSettings;
  /** Mark of our datagrams, number of our routing table. */
  readonly mark: number;
  readonly logger: Logger;
  readonly counters: Counters;
  readonly guard: Guard;
  readonly onPacket: (packet: Uint8Array) => void;
}

/** The system's side of the tunnel: a TUN device with addresses, MTU and routes. */
export class TunInterface implements InnerSide {
  readonly #options: TunInterfaceOptions;
  readonly #network: LinuxNetwork;
  readonly #early: Uint8Array[] = [];
  #device: TunDevice | undefined;
  #up = false;
  #stopped = false;

  constructor(options: TunInterfaceOptions) {
    this.#options = options;
    const { interfaceName } = options.node;
    this.#network = new LinuxNetwork({ interfaceName, logger: options.logger, mark: options.mark });
  }

  async start({ signal, listenPort }: { signal: AbortSignal; listenPort: number }): Promise<void> {
    const { node, counters, guard, onPacket, logger } = this.#options;
    const device = openTun(node.interfaceName);
    this.#device = device;
    await this.#network.bringUp(node);
    if (this.#stopped || signal.aborted) throw new CodedError('ABORTED', undefined, { cause: signal.reason });
    this.#up = true;
    for (const packet of this.#early.splice(0)) device.write(packet);
    const own = new OwnDatagrams(node.addresses, listenPort);
    device.start({
      // One packet that fails must not end the reading of all.
      onPacket: guard.wrap('packet', (packet: Uint8Array) => {
        if (own.includes(packet)) counters.count('tun.loop');
        else onPacket(packet);
      }),
      onLost: (reason) =>
        logger.error('the interface was lost', { error: `interface ${node.interfaceName}: ${reason}` }),
    });
    // Last, for packets within the interface's own networks need no route of ours.
    await this.#network.startRouting({ listenPort });
  }

  deliver(packet: Uint8Array): void {
    if (this.#up) this.#device?.write(packet);
    else if (this.#early.length < EARLY_PACKETS_MAX && !this.#stopped) this.#early.push(Uint8Array.from(packet));
    else this.#options.counters.count('tun.not-up');
  }

  setRouted(cidr: string, isRouted: boolean): void {
    this.#network.setRouted(cidr, isRouted);
  }

  addEndpoint(ip: string): void {
    this.#network.addEndpoint(ip);
  }

  /** Keeps a TCP connection of ours (signalling, relay) outside the tunnel. */
  addTcpEndpoint(ip: string, port: number): Disposable {
    return this.#network.addTcpEndpoint(ip, port);
  }

  /** Packets that the system did not take. */
  drops(): Record<string, number> {
    return { ...this.#device?.writeDrops };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#up = false;
    this.#early.length = 0;
    // Rules first: while they stand, traffic is still meant for the interface.
    await this.#network.close();
    await this.#device?.close();
  }
}
