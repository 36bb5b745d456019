import { Nftables, watchNetworkChanges, watchTable } from '@wirepath/linux';
import { privateOnLinkNetworks, type OnLinkNetwork } from './on-link-networks.js';
import { reversePathOfSystem, type ReversePathSettings } from './reverse-path.js';

/** Tables of nftables, as far as they are needed here. */
export type Tables = Pick<
  Nftables,
  'replace' | 'remove' | 'tables' | 'chains' | 'elements' | 'portId' | typeof Symbol.dispose
>;

/** What the firewall asks of this machine; tests replace it. */
export interface FirewallSystem {
  openTables(): Tables;
  readonly watchTable: typeof watchTable;
  readonly watchNetworkChanges: typeof watchNetworkChanges;
  onLinkNetworks(except: string): readonly OnLinkNetwork[];
  readonly reversePath: ReversePathSettings;
}

export const firewallOfSystem: FirewallSystem = {
  openTables: () => Nftables.open(),
  watchTable,
  watchNetworkChanges,
  onLinkNetworks: (except) => privateOnLinkNetworks(except),
  reversePath: reversePathOfSystem,
};
