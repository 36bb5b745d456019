import { TOKENS } from '../assembly/container/tokens.js';
import type { WiredNode } from '../assembly/container/create-container.js';
import type { LoadedConfig } from '../assembly/loaded-config.js';
import type { Product } from '../assembly/product/product.js';
import { givenStateFolder, rememberedPeersFile } from '../assembly/product/runtime-paths.js';
import type { Clock } from '../base/time/clock.js';
import { RememberedPaths, type KnownPaths } from '../shell/remembered/remembered-paths.js';

/** What a node keeps of its peers; undefined for one without signalling, or one that shall keep nothing. */
export function rememberedPathsOf(
  wired: WiredNode,
  product: Product,
  config: LoadedConfig,
  { clock, traversal }: { readonly clock: Clock; readonly traversal: () => KnownPaths },
): RememberedPaths | undefined {
  const identity = wired.get(TOKENS.Identity);
  const signalings = wired.get(TOKENS.Signalings).map(({ instance }) => instance);
  // A program that hands in its configuration keeps what it wants itself.
  const keeps = config.file !== undefined && config.node?.remember === true && config.node.traversal.enabled;
  if (!keeps || signalings.length === 0) return undefined;
  return new RememberedPaths({
    path: rememberedPeersFile(product, identity.publicKey),
    isPlaceGiven: givenStateFolder(product) !== undefined,
    identity,
    clock,
    random: wired.get(TOKENS.RandomSource),
    logger: wired.get(TOKENS.Logger).child({ component: 'remembered peers' }),
    guard: wired.get(TOKENS.Guard).for('remembered peers'),
    transport: wired.get(TOKENS.Transport).instance,
    signalings,
    traversal,
  });
}
