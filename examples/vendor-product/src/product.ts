import { defineProduct } from '@wirepath/core';

/** A product under a name of its own: the name once, and its choice of plugins. */
export const acmenet = defineProduct({
  name: 'acmenet',
  version: '4.2.0',
  homepage: 'https://acme.example/net',
  plugins: {
    '@acmenet/addresses': () => import('@wirepath/source-host'),
    '@acmenet/tunnel': () => import('@wirepath/transport-wg'),
    '@acmenet/rendezvous': () => import('@wirepath/signaling-rendezvous'),
  },
  defaultPlugins: [
    '@acmenet/addresses',
    '@acmenet/tunnel',
    ['@acmenet/rendezvous', { url: 'wss://rendezvous.acme.example' }],
  ],
  serverPlugins: ['@acmenet/rendezvous'],
});
