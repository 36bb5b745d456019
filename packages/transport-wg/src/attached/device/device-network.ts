import { createFirewall, type FirewallNeeds } from '../../system/firewall/create-firewall.js';
import type { Firewall } from '../../system/firewall/firewall.js';
import type { KillSwitchOption } from '../../system/firewall/kill-switch-options.js';
import { firewallMark, routingTable } from '../../system/firewall-mark.js';
import { LinuxNetwork } from '../../system/linux-network.js';

export interface DeviceNetworkOptions {
  /** Of the device. */
  readonly interfaceName: string;
  readonly fwmark?: number | undefined;
  /** False leaves addresses and routes of the device to others. @default true */
  readonly configureInterface?: boolean | undefined;
  readonly killSwitch?: KillSwitchOption | undefined;
}

/**
 * The system around a device that somebody else made: addresses and routes, those that the configuration names and the device
 * lacks, and the firewall. What we add goes again; the device stays.
 */
export class DeviceNetwork {
  /** undefined on systems without nftables, where no kill switch is asked for. */
  readonly killSwitch: Firewall | undefined;
  /** Of our own sockets; undefined where routes and rules are left to others, who ask for none. */
  readonly mark: number | undefined;
  readonly #needs: FirewallNeeds;
  readonly #interfaceName: string;
  readonly #routes: LinuxNetwork | undefined;
  #started = false;

  constructor(needs: FirewallNeeds, options: DeviceNetworkOptions) {
    const { interfaceName, fwmark, killSwitch = false, configureInterface = true } = options;
    this.#needs = needs;
    this.#interfaceName = interfaceName;
    const [mark, table] = [firewallMark(fwmark), routingTable(interfaceName, fwmark)];
    const { logger, clock, guard } = needs;
    if (configureInterface) this.#routes = new LinuxNetwork({ interfaceName, logger, clock, guard, mark, table });
    this.killSwitch = createFirewall(needs, { mark, killSwitch, device: interfaceName });
    this.mark = configureInterface || killSwitch !== false ? mark.value : fwmark;
  }

  /** @throws CodedError NETWORK_CONFIG, PERMISSION_DENIED, INTERFACE_NOT_FOUND. */
  async start(listenPort: number): Promise<void> {
    const { node, logger } = this.#needs;
    if (process.platform === 'linux') {
      this.#started = true;
      await this.#routes?.configure({ addresses: node.addresses, mtu: node.mtu, listenPort });
    } else if (this.#routes) {
      const subject = { interface: this.#interfaceName };
      logger.warn('addresses and routes of the device are yours to set on this system', subject);
    }
    if (this.mark !== undefined) this.killSwitch?.start();
  }

  /** Routes a range into the device, or does so no longer. */
  setRouted(cidr: string, isRouted: boolean): void {
    this.killSwitch?.setRouted(cidr, isRouted);
    this.#routes?.setRouted(cidr, isRouted);
  }

  addEndpoint(ip: string): void {
    this.#routes?.addEndpoint(ip);
  }

  counters(): Record<string, number> {
    return this.killSwitch?.counters() ?? {};
  }

  /** What is not as it was set up, in sentences with the cure. */
  problems(): string[] {
    return [...(this.killSwitch?.problems() ?? []), ...(this.#routes?.problems() ?? [])];
  }

  /** The firewall stays until it is closed. Idempotent; never throws. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    await this.#routes?.close({ staysThere: true });
  }
}
