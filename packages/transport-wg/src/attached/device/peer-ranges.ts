import type { PublicKey } from '@wirepath/core/plugin';
import { AllowedIps, parseAllowedIp } from '../../protocol/allowed-ips.js';
import type { DeviceNetwork } from './device-network.js';

/** The allowed IPs of a device's peers as routes: a range that two peers have is routed until neither has it. */
export class PeerRanges {
  readonly #allowedIps: AllowedIps<PublicKey>;

  constructor(network: Pick<DeviceNetwork, 'setRouted'>) {
    this.#allowedIps = new AllowedIps((cidr, isRouted) => network.setRouted(cidr, isRouted));
  }

  set(publicKey: PublicKey, cidrs: readonly string[]): void {
    this.#allowedIps.replace(
      publicKey,
      cidrs.flatMap((text) => parseAllowedIp(text) ?? []),
    );
  }

  remove(publicKey: PublicKey): void {
    this.#allowedIps.removePeer(publicKey);
  }
}
