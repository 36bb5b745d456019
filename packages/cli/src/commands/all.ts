import { defineCommand, type CommandDefinition, type OptionDefinition } from './definition.js';

const CONFIG: OptionDefinition = {
  flags: '--config <file>',
  description: 'the rc file; without it, the one in the working directory',
};

const json = (what: string): OptionDefinition => ({
  flags: '--json',
  description: `print ${what} as one JSON document`,
});

/** Every command, in the order of `--help`. What a command does is imported when it runs. */
export const COMMANDS: readonly CommandDefinition[] = [
  defineCommand({
    name: 'up',
    arguments: [],
    summary: 'run the node in the foreground',
    details:
      'Runs until SIGINT or SIGTERM; a second Ctrl-C does not wait. SIGHUP reads the rc file again. ' +
      'On a terminal the log is for people, elsewhere one JSON document per line.',
    options: [CONFIG],
    examples: [{ line: 'up --config ./a.yaml', does: 'run the node of this rc file' }],
    load: async () => (await import('./up.js')).up,
  }),
  defineCommand({
    name: 'down',
    arguments: [],
    summary: 'lift what a node left that was killed: its kill switch, and settings of the system',
    details:
      'With `killSwitch`, a node that is killed, or fails, leaves its kill switch standing, and so does every node with ' +
      '`always`. A node that runs is not stopped: this refuses then. With `--interface` no rc file is read, which may ' +
      'be broken or gone; a node that runs on it puts back what it needs.',
    options: [
      CONFIG,
      { flags: '--interface <name>', description: 'what a node with this interface left, in the place of an rc file' },
      json('what was removed'),
    ],
    examples: [
      { line: 'down --config ./a.yaml', does: 'let traffic out again that was meant for the tunnel' },
      { line: 'down --interface wp0', does: 'the same, where the rc file cannot be read any more' },
    ],
    load: async () => (await import('./down.js')).down,
  }),
  defineCommand({
    name: 'kill-switch',
    arguments: [],
    summary: 'load the kill switch alone, and leave it there: at boot, before the network and the node',
    details: 'Does nothing where the rc file has no `killSwitch`. `down` lifts it.',
    options: [CONFIG, json('whether it is loaded')],
    examples: [{ line: 'kill-switch --config ./a.yaml', does: 'nothing meant for the tunnel leaves from now on' }],
    load: async () => (await import('./kill-switch.js')).killSwitch,
  }),
  defineCommand({
    name: 'serve',
    arguments: [],
    summary: 'run the server parts: STUN, relay and rendezvous',
    details:
      'Runs what the rc file has under `server:`, on a host that everyone can reach. Signals as for `up`. ' +
      'With `--drain-timeout`, the relay that is told to stop takes no new clients and lets those that it has go on: it ends ' +
      'when the last has gone, after this time, or at once with a second signal. Under systemd, `TimeoutStopSec` has to be longer.',
    options: [
      CONFIG,
      {
        flags: '--drain-timeout <seconds>',
        description: 'how long a relay that is told to stop serves on; without it, it ends at once',
        parse: (text) => wholeNumber(text, 86_400),
      },
    ],
    examples: [
      { line: 'serve --config ./server.yaml', does: 'run the servers of this rc file' },
      { line: 'serve --config ./server.yaml --drain-timeout 600', does: 'give clients ten minutes to go elsewhere' },
    ],
    load: async () => (await import('./serve.js')).serve,
  }),
  defineCommand({
    name: 'status',
    arguments: [],
    summary: 'show the running node: its peers, how each is connected, and what is wrong',
    options: [
      CONFIG,
      json('the status'),
      { flags: '--watch', description: 'keep showing it until Ctrl-C (with --json: one document per line)' },
    ],
    examples: [
      { line: 'status --config ./a.yaml', does: 'a table of peers' },
      { line: 'status --config ./a.yaml --watch', does: 'the same, redrawn every second' },
      { line: 'status --config ./a.yaml --json', does: 'for scripts' },
    ],
    load: async () => (await import('./status.js')).status,
  }),
  defineCommand({
    name: 'ping',
    arguments: [{ name: '<peer>', description: 'name or public key' }],
    summary: 'measure the path to a peer: round-trip time, and which path answered',
    options: [
      CONFIG,
      json('the result'),
      { flags: '-c, --count <n>', description: 'how many', parse: positiveInteger, defaultValue: 4 },
    ],
    examples: [{ line: 'ping b --config ./a.yaml -c 10', does: 'ten path pings to peer b' }],
    load: async () => (await import('./ping.js')).ping,
  }),
  defineCommand({
    name: 'explain',
    arguments: [{ name: '<peer>', description: 'name or public key' }],
    summary: 'say why a peer is connected as it is: every candidate pair, its verdict, and what would help',
    options: [CONFIG, json('the explanation')],
    examples: [{ line: 'explain b --config ./a.yaml', does: 'why is b relayed?' }],
    load: async () => (await import('./explain.js')).explain,
  }),
  defineCommand({
    name: 'netcheck',
    arguments: [],
    summary: 'examine this network: egress, addresses, NAT behaviour, relays',
    options: [CONFIG, json('the findings')],
    examples: [{ line: 'netcheck --config ./a.yaml', does: 'what stands between this node and the internet' }],
    load: async () => (await import('./netcheck.js')).netcheck,
  }),
  defineCommand({
    name: 'genkey',
    arguments: [],
    summary: 'print a fresh private key, as `wg genkey` does',
    options: [],
    examples: [{ line: 'genkey > a.key', does: 'make a key (with umask 077)' }],
    load: async () => (await import('./genkey.js')).genkey,
  }),
  defineCommand({
    name: 'pubkey',
    arguments: [],
    summary: 'read a private key and print its public key, as `wg pubkey` does',
    options: [],
    examples: [{ line: 'pubkey < a.key', does: 'the key to give to peers' }],
    load: async () => (await import('./pubkey.js')).pubkey,
  }),
  defineCommand({
    name: 'check-config',
    arguments: [],
    summary: 'validate the rc file and say everything that is wrong with it',
    options: [
      CONFIG,
      json('the verdict'),
      { flags: '--schema', description: 'print the JSON Schema of the rc file instead' },
    ],
    examples: [
      { line: 'check-config --config ./a.yaml', does: 'exit code 0 or 2' },
      { line: 'check-config --schema > schema.json', does: 'for editors' },
    ],
    load: async () => (await import('./check-config.js')).checkConfig,
  }),
  defineCommand({
    name: 'plugins',
    arguments: [],
    summary: 'list the plugins that the rc file loads: from where, for what, with which options',
    options: [CONFIG, json('the list')],
    examples: [{ line: 'plugins --config ./a.yaml', does: 'secrets are masked' }],
    load: async () => (await import('./plugins.js')).plugins,
  }),
  defineCommand({
    name: 'systemd-unit',
    arguments: [],
    summary:
      'print a unit that runs it as a service of systemd, under a user of its own and with the one right it needs',
    options: [
      { flags: '--server', description: 'for `serve`, in the place of `up`' },
      { flags: '--kill-switch', description: 'for `kill-switch`, which loads it before the network' },
    ],
    examples: [
      { line: 'systemd-unit', does: 'one file for all nodes of this machine, an instance for each rc file' },
      { line: 'systemd-unit --server', does: 'the same for servers' },
      { line: 'systemd-unit --kill-switch', does: 'what nodes with a kill switch want before the network' },
    ],
    load: async () => (await import('./systemd-unit.js')).systemdUnitCommand,
  }),
  defineCommand({
    name: 'demo',
    arguments: [],
    summary: 'connect two nodes on this machine, over loopback and without root, and show how',
    details:
      'Two nodes connect directly, then hole-punched through simulated NATs, then through a relay. STUN, TURN and ' +
      'rendezvous servers, NATs and nodes are all in this process; real WireGuard traffic goes over real sockets.',
    options: [json('the results')],
    examples: [{ line: 'demo', does: 'takes a few seconds' }],
    needsPlugins: [
      '@wirepath/source-host',
      '@wirepath/source-stun',
      '@wirepath/source-relay',
      '@wirepath/transport-wg',
      '@wirepath/signaling-rendezvous',
    ],
    load: async () => (await import('./demo.js')).demo,
  }),
];

function positiveInteger(text: string): number {
  return wholeNumber(text, Number.MAX_SAFE_INTEGER);
}

function wholeNumber(text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new Error(`a whole number from 1${max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`}`);
}
