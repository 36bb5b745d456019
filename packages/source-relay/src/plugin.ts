import { defineServerPart } from '@wirepath/core/plugin';
import { RelayServer } from './server/relay-server.js';
import { serverOptionsSchema } from './server/server-options.js';

export const serverPart = defineServerPart({
  sections: ['stun', 'turn'],
  options: serverOptionsSchema,
  create: (needs, options) => new RelayServer(needs, options),
});
