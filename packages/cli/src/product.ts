import { defineProduct, type PluginModule } from '@wirepath/core';
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The plugins' own types are checked when they are loaded: a product names modules, whatever they turn out to be. */
const bundled = (load: () => Promise<unknown>) => load as () => Promise<PluginModule>;

/** wirepath itself: a product like any vendor's. Nothing else in this package knows its name. */
export const wirepath = defineProduct({
  name: 'wirepath',
  version,
  plugins: {
    '@wirepath/source-host': bundled(() => import('@wirepath/source-host')),
    '@wirepath/source-stun': bundled(() => import('@wirepath/source-stun')),
    '@wirepath/source-relay': bundled(() => import('@wirepath/source-relay')),
    '@wirepath/transport-wg': bundled(() => import('@wirepath/transport-wg')),
    '@wirepath/signaling-rendezvous': bundled(() => import('@wirepath/signaling-rendezvous')),
  },
  // The others are of no use without the address of a server.
  defaultPlugins: ['@wirepath/source-host', '@wirepath/transport-wg'],
  serverPlugins: ['@wirepath/signaling-rendezvous', '@wirepath/source-relay'],
});
