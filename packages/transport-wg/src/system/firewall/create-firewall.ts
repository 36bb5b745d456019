import type { Clock, Guard, Logger, NodeSettings, ProductNames } from '@wirepath/core/plugin';
import { Firewall } from './firewall.js';
import type { Mark } from './rules.js';
import { killSwitchSettings, type KillSwitchOption } from './kill-switch-options.js';

export interface FirewallNeeds {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly guard: Guard;
  readonly node: NodeSettings;
  readonly product?: ProductNames;
}

/** @returns undefined on systems without nftables, where no kill switch is asked for. */
export function createFirewall(
  { logger, clock, guard, node, product }: FirewallNeeds,
  { mark, killSwitch, device }: { mark: Mark; killSwitch?: KillSwitchOption | undefined; device?: string | undefined },
): Firewall | undefined {
  const settings = killSwitchSettings(killSwitch);
  if (settings === undefined && process.platform !== 'linux') return undefined;
  return new Firewall({
    interfaceName: device ?? node.interfaceName,
    product: product?.name ?? 'transport-wg',
    addresses: node.addresses,
    mark,
    killSwitch: settings,
    logger,
    clock,
    guard,
  });
}
