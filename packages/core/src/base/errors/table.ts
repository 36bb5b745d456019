/**
 * Every error that wirepath raises, by its stable code: docs/errors.md is generated from here.
 * `advice` says what to do, in one sentence, for the person who reads the message.
 */
export const ERRORS = {
  STUN_DISCOVERY: {
    message: 'no candidate could be gathered',
    advice: 'Check that the network is up and that a STUN server answers.',
  },
  TURN_RELAY: {
    message: 'the relay refused or did not answer',
    advice: 'Check the relay URL, the user name and the credential.',
  },
  NAT_TRAVERSAL_FAILED: { message: 'the peer could not be connected', advice: 'Run `explain PEER` to see why.' },
  PERMISSION_DENIED: {
    message: 'the system does not permit this',
    advice: 'The message names what refuses it: the mode of a file, a capability that is missing, or a policy.',
  },
  INTERFACE_NOT_FOUND: { message: 'there is no such interface', advice: 'Check the name with `ip link`.' },
  NETWORK_CONFIG: {
    message: 'the network could not be configured',
    advice: 'The cause says which command or call failed.',
  },
  NAME_NOT_RESOLVED: {
    message: 'the name does not resolve',
    advice: 'Check the name and the servers in /etc/resolv.conf, or write an address in its place.',
  },
  PROXY: {
    message: 'the HTTP proxy does not connect',
    advice: 'The message says what it answers; `proxy: false` in the options of the plugin does without it.',
  },
  KILL_SWITCH: {
    message: 'the kill switch cannot be loaded',
    advice: 'The message says what the kernel lacks or refused; without it the node does not run.',
  },
  PEER_NOT_FOUND: { message: 'there is no such peer', advice: 'Check the name or key with `status`.' },
  TIMEOUT: { message: 'it took too long', advice: 'The message says what was waited for.' },
  INVALID_KEY: { message: 'not a WireGuard key', advice: 'A key is 44 characters of base64, as `genkey` prints it.' },
  CONFIG: {
    message: 'the configuration is wrong',
    advice: 'The message names the file, the key and what was expected.',
  },
  PLUGIN_FAILED: {
    message: 'a plugin failed',
    advice: 'The message names the plugin and what it was doing; the cause is its own error.',
  },
  START_FAILED: {
    message: 'a part of the program did not start',
    advice: 'The message names the part; the cause is its own error.',
  },
  ADDRESS_IN_USE: { message: 'the address is in use', advice: 'Stop the other process, or choose another port.' },
  INTERFACE_IN_USE: {
    message: 'an interface of that name exists',
    advice: 'Choose another `interface`, or remove the one that exists.',
  },
  ALREADY_RUNNING: {
    message: 'a node already runs on this configuration',
    advice: 'Use `status` to see it, or stop it first.',
  },
  STARTING: { message: 'the process is still starting', advice: 'Try again when it is up.' },
  CONTROL_SOCKET: {
    message: 'the control socket cannot be opened or spoken to',
    advice: 'The message says what is in the way.',
  },
  BAD_REQUEST: {
    message: 'a request that the control socket does not take',
    advice: 'Use the command of the same version as the running process.',
  },
  INTERNAL: { message: 'a fault of the program itself', advice: 'Run again with `log.level` debug, and report it.' },
  NOT_RUNNING: { message: 'no node runs on this configuration', advice: 'Start it with `up`.' },
  ABORTED: { message: 'stopped before it was done', advice: 'It was asked to stop; nothing to do.' },
} as const;

export type ErrorCode = keyof typeof ERRORS;
