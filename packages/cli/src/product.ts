import { defineProduct } from '@wirepath/core';
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** wirepath itself: a product like any vendor's. Nothing else in this package knows its name. */
export const wirepath = defineProduct({
  name: 'wirepath',
  version,
  plugins: {
    '@wirepath/source-host': () => import('@wirepath/source-host'),
    '@wirepath/source-stun': () => import('@wirepath/source-stun'),
    '@wirepath/source-portmap': () => import('@wirepath/source-portmap'),
    '@wirepath/source-relay': () => import('@wirepath/source-relay'),
    '@wirepath/transport-wg': () => import('@wirepath/transport-wg'),
    '@wirepath/signaling-rendezvous': () => import('@wirepath/signaling-rendezvous'),
    '@wirepath/signaling-lan': () => import('@wirepath/signaling-lan'),
  },
  // The others are of no use without the address of a server.
  defaultPlugins: ['@wirepath/source-host', '@wirepath/transport-wg'],
  serverPlugins: ['@wirepath/signaling-rendezvous', '@wirepath/source-relay'],
});
