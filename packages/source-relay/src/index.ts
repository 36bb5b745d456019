export { RelayServer } from './server/relay-server.js';
