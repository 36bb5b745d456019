import {
  systemTrigger,
  tryTransportAddress,
  type ChangeTrigger,
  type Clock,
  type Egress,
  type Logger,
  type NodeSettings,
  type PhysicalEgress,
} from '@wirepath/core/plugin';
import { watchNetworkChanges } from '@wirepath/linux';
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket as StreamSocket } from 'node:net';
import { bindToDevice } from './bind-to-device.js';
import { ChangeWatch } from './change-watch.js';
import { addressByConnect } from './connect-probe.js';
import { thisMachine, type Machine } from './machine.js';
import { readNetworkState, type NetworkState } from './network-state.js';
import { selectPhysicalEgress } from './physical-egress.js';

export interface SystemEgressNeeds {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly node: NodeSettings;
}

/** What tests replace. */
export interface SystemEgressParts {
  readonly machine: Machine;
  readonly trigger: ChangeTrigger;
  addressByConnect(family: 4 | 6, signal?: AbortSignal): Promise<string | undefined>;
}

/** The {@link Egress} of the machine that this process runs on. */
export class SystemEgress implements Egress {
  readonly #logger: Logger;
  readonly #node: NodeSettings;
  readonly #parts: SystemEgressParts;
  readonly #changes: ChangeWatch;

  constructor({ logger, clock, node }: SystemEgressNeeds, parts: Partial<SystemEgressParts> = {}) {
    const machine = parts.machine ?? thisMachine;
    this.#logger = logger;
    this.#node = node;
    this.#parts = {
      machine,
      trigger: parts.trigger ?? systemTrigger({ platform: machine.platform, watchNetworkChanges }, clock, logger),
      addressByConnect: parts.addressByConnect ?? addressByConnect,
    };
    this.#changes = new ChangeWatch({
      clock,
      logger,
      trigger: this.#parts.trigger,
      fingerprint: () => fingerprint(this.networkState()),
    });
  }

  /** @throws CodedError NETWORK_CONFIG when the system does not list its interfaces. */
  networkState(): NetworkState {
    return readNetworkState(this.#parts.machine, this.#node);
  }

  async detect({ signal }: { signal?: AbortSignal } = {}): Promise<PhysicalEgress[]> {
    const found = selectPhysicalEgress(this.networkState());
    return found.length > 0 ? found : this.#detectByConnect(signal);
  }

  bindToDevice(socket: DatagramSocket | StreamSocket, interfaceName: string): void {
    bindToDevice({ platform: this.#parts.machine.platform }, socket, interfaceName);
  }

  watch(onChange: () => void): Disposable {
    return this.#changes.watch(onChange);
  }

  async #detectByConnect(signal: AbortSignal | undefined): Promise<PhysicalEgress[]> {
    const found: PhysicalEgress[] = [];
    for (const family of [4, 6] as const) {
      const ip = await this.#parts.addressByConnect(family, signal);
      const interfaceName = ip === undefined ? undefined : this.#interfaceOf(ip);
      if (ip === undefined || interfaceName === undefined || interfaceName === this.#node.interfaceName) continue;
      found.push({ interfaceName, family, ip, evidence: 'connect' });
    }
    for (const { interfaceName, ip } of found) {
      this.#logger.warn('no physical egress was found: taking what the system would send from, which a mesh may own', {
        interface: interfaceName,
        ip,
      });
    }
    return found;
  }

  #interfaceOf(ip: string): string | undefined {
    const canonical = tryTransportAddress(ip, 0)?.ip;
    if (canonical === undefined) return undefined;
    return Object.entries(this.#parts.machine.interfaces()).find(([, infos]) =>
      infos?.some((info) => tryTransportAddress(info.address, 0)?.ip === canonical),
    )?.[0];
  }
}

/**
 * What a new look at paths depends on: addresses that datagrams leave from, and routes through a gateway or to
 * everywhere. Links and routes to single containers come and go by the minute on some hosts, and are not in it.
 */
function fingerprint({ addresses, routes }: NetworkState): string {
  return JSON.stringify([
    addresses.map(({ interfaceName, ip }) => `${interfaceName} ${ip}`).sort(),
    routes
      .filter(({ gateway, prefixLength }) => gateway !== undefined || prefixLength === 0)
      .map(
        (route) => `${route.destination}/${route.prefixLength} ${route.gateway} ${route.interfaceName} ${route.metric}`,
      )
      .sort(),
  ]);
}
