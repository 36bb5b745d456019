import {
  CodedError,
  type Clock,
  type Counters,
  type Guard,
  type Logger,
  type NodeSettings,
} from '@wirepath/core/plugin';
import type { BatchedTun, TunOffload } from '@wirepath/linux';
import type { PacketBuffers } from '../protocol/packet-buffers.js';
import type { InnerSide } from './inner-side.js';
import type { FirewallMark } from '../system/firewall-mark.js';
import { OwnDatagrams } from './own-datagrams.js';
import { LinuxNetwork } from '../system/linux-network.js';
import { openTun } from './open-tun.js';

/** Packets that are decrypted before the interface is up. */
const EARLY_PACKETS_MAX = 64;
/** Between attempts to make a device anew that cannot be made. */
const RETRY_MS = 1000;
const RETRY_MAX_MS = 15_000;

export interface TunInterfaceOptions {
  readonly node: NodeSettings;
  /** Of our datagrams. */
  readonly mark: FirewallMark;
  /** Number of our routing table. */
  readonly table: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly guard: Guard;
  readonly buffers: PacketBuffers;
  readonly avoid: readonly TunOffload[];
  /** A packet that the system routes here, in the packet memory, where the 64 bytes before it may be overwritten. */
  readonly onPacket: (offset: number, sizeBytes: number) => void;
  /** After one or more packets. */
  readonly onBatchEnd: () => void;
  /** A datagram of ours was sent into the tunnel instead of out. It is dropped. */
  readonly onLoop: (packet: Uint8Array) => void;
}

/** The system's side of the tunnel: a TUN device with addresses, MTU and routes. */
export class TunInterface implements InnerSide {
  readonly #options: TunInterfaceOptions;
  readonly #network: LinuxNetwork;
  readonly #early: Uint8Array[] = [];
  #device: BatchedTun | undefined;
  #up = false;
  #stopped = false;
  readonly #own: OwnDatagrams;
  readonly #earlierDrops: Record<string, number> = {};
  #retry: Disposable | undefined;

  constructor(options: TunInterfaceOptions) {
    this.#options = options;
    const { node, logger, clock, guard, mark, table } = options;
    this.#own = new OwnDatagrams(node.addresses);
    this.#network = new LinuxNetwork({ interfaceName: node.interfaceName, logger, clock, guard, mark, table });
  }

  async start({ signal, listenPort }: { signal: AbortSignal; listenPort: number }): Promise<void> {
    const { node } = this.#options;
    const device = this.#open();
    this.#device = device;
    this.#own.port = listenPort;
    this.#network.bringUp(node);
    if (this.#stopped || signal.aborted) throw new CodedError('ABORTED', undefined, { cause: signal.reason });
    this.#up = true;
    this.#read(device);
    for (const packet of this.#early.splice(0)) this.#write(device, packet);
    device.flush();
    // Last, for packets within the interface's own networks need no route of ours.
    await this.#network.startRouting({ listenPort });
  }

  deliver(offset: number, sizeBytes: number): void {
    const { buffers, counters } = this.#options;
    if (this.#up) this.#device?.write(offset, sizeBytes);
    else if (this.#early.length < EARLY_PACKETS_MAX && !this.#stopped)
      this.#early.push(buffers.copyOf(offset, sizeBytes));
    else counters.count('tun.not-up');
  }

  flush(): void {
    if (this.#up) this.#device?.flush();
  }

  /** What the device makes use of, for people; undefined while there is none. */
  get offloads(): BatchedTun['offloads'] | undefined {
    return this.#device?.offloads;
  }

  setRouted(cidr: string, isRouted: boolean): void {
    this.#network.setRouted(cidr, isRouted);
  }

  addEndpoint(ip: string): void {
    this.#network.addEndpoint(ip);
  }

  /** All addresses of this machine, as they are now. */
  setMachineAddresses(ips: readonly string[]): void {
    this.#own.setMachineAddresses(ips);
  }

  /** Packets that the system did not take. */
  drops(): Record<string, number> {
    const drops = { ...this.#device?.writeDrops };
    return Object.fromEntries(
      Object.entries(drops).map(([reason, count]) => [reason, count + (this.#earlierDrops[reason] ?? 0)]),
    );
  }

  /** What is not as it was set up, in sentences with the cure. */
  problems(): string[] {
    return this.#network.problems();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#up = false;
    this.#early.length = 0;
    this.#retry?.[Symbol.dispose]();
    // Rules first: while they stand, traffic is still meant for the interface.
    await this.#network.close();
    await this.#device?.close();
  }

  /** Of a process that is ending, with which the device goes: the rules. */
  removeRulesNow(): void {
    this.#network.closeNow();
  }

  #open(): BatchedTun {
    const { node, buffers, avoid } = this.#options;
    return openTun(node.interfaceName, buffers.memory, avoid);
  }

  #write(device: BatchedTun, packet: Uint8Array): void {
    const { memory, opened } = this.#options.buffers;
    const offset = opened.take(packet.length);
    memory.bytes.set(packet, offset);
    device.write(offset, packet.length);
  }

  #read(device: BatchedTun): void {
    const { guard, counters, buffers, onPacket, onBatchEnd, onLoop } = this.#options;
    const { bytes } = buffers.memory;
    device.start({
      packet: (offset, sizeBytes) => {
        // Written out, not by way of `wrap`: one packet that fails must not end the reading of all.
        try {
          if (!this.#own.includes(bytes, offset)) return onPacket(offset, sizeBytes);
          counters.count('tun.loop');
          onLoop(bytes.subarray(offset, offset + sizeBytes));
        } catch (error) {
          guard.failed('packet', error);
        }
      },
      batchEnd: guard.wrap('packets', onBatchEnd),
      lost: guard.wrap('device', (reason: string) => this.#lost(device, reason)),
    });
  }

  /** Somebody deleted it. What the tunnel is does not depend on it: another one takes its place, and sessions go on. */
  #lost(device: BatchedTun, reason: string): void {
    if (this.#stopped || this.#device !== device) return;
    const { logger, node } = this.#options;
    logger.error('the interface was lost; it is made anew', { error: `interface ${node.interfaceName}: ${reason}` });
    this.#up = false;
    this.#device = undefined;
    for (const [name, count] of Object.entries(device.writeDrops)) {
      this.#earlierDrops[name] = (this.#earlierDrops[name] ?? 0) + count;
    }
    const waitMs = this.#network.deviceLost();
    void device.close().then(() => (waitMs > 0 ? this.#makeAnewIn(waitMs, RETRY_MS) : this.#makeAnew(RETRY_MS)));
  }

  #makeAnewIn(delayMs: number, retryMs: number): void {
    if (!this.#stopped) this.#retry = this.#options.clock.setTimeout(() => this.#makeAnew(retryMs), delayMs);
  }

  #makeAnew(retryMs: number): void {
    if (this.#stopped) return;
    try {
      const device = this.#open();
      this.#device = device;
      this.#network.deviceMade();
      this.#up = true;
      this.#read(device);
    } catch (error) {
      this.#network.deviceRefused(reasonOf(error));
      this.#makeAnewIn(retryMs, Math.min(2 * retryMs, RETRY_MAX_MS));
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof CodedError) return `${error.message}. ${error.advice}`;
  return error instanceof Error ? error.message : String(error);
}
