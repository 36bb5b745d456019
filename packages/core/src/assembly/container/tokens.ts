import type { CandidateSource } from '../../contracts/candidate-source.js';
import type { Clock, RandomSource } from '../../base/time/clock.js';
import type { Egress } from '../../contracts/egress.js';
import type { EdgeGuard } from '../../base/guard/edge-guard.js';
import type { Identity } from '../../base/identity/identity.js';
import type { Logger } from '../../base/logging/logger.js';
import type { PeerDiscovery } from '../../contracts/peer-discovery.js';
import type { ConfigFiles, NodeSettings, ProductNames } from '../../contracts/plugin/needs.js';
import type { Relay } from '../../contracts/relay.js';
import type { PluginService } from '../../contracts/service.js';
import type { NodeView } from './node-view.js';
import type { NodeOutside } from '../../shell/outside/node-outside.js';
import type { Signaling } from '../../contracts/signaling.js';
import type { Transport } from '../../contracts/transport.js';
import type { TraversalSettings } from '../../shell/traversal-settings.js';

declare const tokenType: unique symbol;
/** An injection token that knows the type of what it stands for. */
export type Token<T> = symbol & { readonly [tokenType]?: T };

/** What a plugin contributes, with the name of the plugin, for candidates' `source`, logs and errors. */
export interface Contributed<T> {
  readonly plugin: string;
  readonly instance: T;
}

const token = <T>(name: string): Token<T> => Symbol(name);

/** Tokens of the node's container. */
export const TOKENS = {
  Logger: token<Logger>('Logger'),
  Clock: token<Clock>('Clock'),
  Guard: token<EdgeGuard>('Guard'),
  RandomSource: token<RandomSource>('RandomSource'),
  Identity: token<Identity>('Identity'),
  NodeSettings: token<NodeSettings>('NodeSettings'),
  TraversalSettings: token<TraversalSettings>('TraversalSettings'),
  ConfigFiles: token<ConfigFiles>('ConfigFiles'),
  ProductNames: token<ProductNames>('ProductNames'),
  Outside: token<NodeOutside>('Outside'),
  NodeView: token<NodeView>('NodeView'),
  /** Registered only where a plugin contributes one: ask with {@link WiredNode.find}. */
  Egress: token<Contributed<Egress>>('Egress'),
  Transport: token<Contributed<Transport>>('Transport'),
  CandidateSources: token<readonly Contributed<CandidateSource>[]>('CandidateSources'),
  Relays: token<readonly Contributed<Relay>[]>('Relays'),
  Signalings: token<readonly Contributed<Signaling>[]>('Signalings'),
  Services: token<readonly Contributed<PluginService>[]>('Services'),
  /** The rc file's own peers among them. */
  PeerDiscoveries: token<readonly Contributed<PeerDiscovery>[]>('PeerDiscoveries'),
} as const;
