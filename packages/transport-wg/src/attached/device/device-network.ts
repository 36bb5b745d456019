import { CodedError, type Logger, type NodeSettings } from '@wirepath/core/plugin';
import { iproute2, type IpCommand } from '../../system/ip-command.js';
import { LinuxNetwork } from '../../system/linux-network.js';

interface ListedAddresses {
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

export interface DeviceNetworkOptions {
  readonly node: NodeSettings;
  /** Of the device. */
  readonly interfaceName: string;
  /** Mark of our datagrams, number of our routing table. */
  readonly mark: number;
  readonly logger: Logger;
  /** @default iproute2 of this system */
  readonly ip?: IpCommand;
}

/**
 * Addresses and routes of a device that somebody else made: those that the configuration names and the device lacks.
 * What we add goes again; the device stays.
 */
export class DeviceNetwork {
  readonly #options: DeviceNetworkOptions;
  readonly #ip: IpCommand;
  readonly #network: LinuxNetwork;
  #added: readonly string[] = [];
  #started = false;

  constructor(options: DeviceNetworkOptions) {
    this.#options = options;
    const { interfaceName, mark, logger, ip } = options;
    this.#ip = ip ?? iproute2;
    this.#network = new LinuxNetwork({ interfaceName, mark, logger, ip: this.#ip });
  }

  /** @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED. */
  async start(listenPort: number): Promise<void> {
    const { node, interfaceName, logger } = this.#options;
    if (process.platform !== 'linux') {
      logger.warn('addresses and routes of the device are yours to set on this system', { interface: interfaceName });
      return;
    }
    const listed = await this.#ip.query(['address', 'show', 'dev', interfaceName]);
    if (!Array.isArray(listed)) throw new CodedError('INTERFACE_NOT_FOUND', undefined, { subject: interfaceName });
    const present = new Set(
      (listed as ListedAddresses[]).flatMap(({ addr_info = [] }) =>
        addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
      ),
    );
    this.#started = true;
    this.#added = node.addresses.filter((address) => !present.has(address));
    await this.#network.configure({ addresses: this.#added, mtu: node.mtu, listenPort });
  }

  /** Routes a range into the device, or does so no longer. */
  setRouted(cidr: string, isRouted: boolean): void {
    this.#network.setRouted(cidr, isRouted);
  }

  addEndpoint(ip: string): void {
    this.#network.addEndpoint(ip);
  }

  /** Idempotent; never throws. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    const { interfaceName, logger } = this.#options;
    this.#network.setAllowedIps([]);
    // It takes its changes up at the end of the turn.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#network.settled();
    await this.#network.close();
    const commands = this.#added.map((address) => `address del ${address} dev ${interfaceName}`);
    const failures = await this.#ip.batch(0, commands).catch(() => []);
    for (const { command, reason } of failures) logger.debug('nothing to undo', { command: `ip ${command}`, reason });
  }
}
