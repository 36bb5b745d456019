import type { Clock, Guard, Logger, NodeSettings } from '@wirepath/core/plugin';
import { firewallMark, routingTable } from '../../system/firewall-mark.js';
import type { Netlink } from '../../system/kernel.js';
import { LinuxNetwork } from '../../system/linux-network.js';

export interface DeviceNetworkOptions {
  readonly node: NodeSettings;
  /** Of the device. */
  readonly interfaceName: string;
  /** Of the options. */
  readonly fwmark: number | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly guard: Guard;
  /** @default this system's */
  readonly netlink?: () => Netlink;
}

/**
 * Addresses and routes of a device that somebody else made: those that the configuration names and the device lacks.
 * What we add goes again; the device stays.
 */
export class DeviceNetwork {
  readonly #options: DeviceNetworkOptions;
  readonly #network: LinuxNetwork;
  #started = false;

  constructor(options: DeviceNetworkOptions) {
    this.#options = options;
    const { interfaceName, fwmark } = options;
    const [mark, table] = [firewallMark(fwmark), routingTable(interfaceName, fwmark)];
    this.#network = new LinuxNetwork({ ...options, mark, table });
  }

  /** @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED, INTERFACE_NOT_FOUND. */
  async start(listenPort: number): Promise<void> {
    const { node, interfaceName, logger } = this.#options;
    if (process.platform !== 'linux') {
      logger.warn('addresses and routes of the device are yours to set on this system', { interface: interfaceName });
      return;
    }
    this.#started = true;
    await this.#network.configure({ addresses: node.addresses, mtu: node.mtu, listenPort });
  }

  /** Routes a range into the device, or does so no longer. */
  setRouted(cidr: string, isRouted: boolean): void {
    this.#network.setRouted(cidr, isRouted);
  }

  addEndpoint(ip: string): void {
    this.#network.addEndpoint(ip);
  }

  /** What is not as it was set up, in sentences with the cure. */
  problems(): string[] {
    return this.#network.problems();
  }

  /** Idempotent; never throws. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    await this.#network.close({ staysThere: true });
  }
}
