// What idle peers cost a node, in virtual time: real path engines on a network in memory.
//   node bench/idle-peers.mjs [--peers 5000] [--json]
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { measureIdlePeers } from '@wirepath/testkit';
import { readOptions, wholeNumber } from './lib/options.mjs';
import { table } from './lib/table.mjs';

const USAGE = `node bench/idle-peers.mjs [--peers N] [--json]
  --peers N  peers of one node (default 5000); measured with a fifth of them too, to see how it grows
Ten minutes without data, behind a NAT that forgets after 30 s, keepalive 25 s. Datagrams that the node sends; timers and heap of
both ends, the network in memory included. The last line: how many times the figures of a fifth (5: growth is linear).`;

const options = readOptions(USAGE, { peers: { type: 'string', default: '5000' } });
const most = wholeNumber(options.peers, 'peers');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');
const heapBytes = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

const [few, many] = [Math.ceil(most / 5), most].map((peers) => measureIdlePeers({ peers, heapBytes }));
const growth = {
  sentPerSecond: many.sentPerSecond / few.sentPerSecond,
  timers: many.timers / few.timers,
  heapBytes: many.heapBytes / few.heapBytes,
};
if (options.json) process.stdout.write(`${JSON.stringify({ few, many, growth }, null, 2)}\n`);
else {
  const row = ({ peers, connected, sentPerSecond, timers, heapBytes: bytes }) => [
    peers,
    connected,
    sentPerSecond,
    peers / sentPerSecond,
    timers / peers,
    Math.round(bytes / peers),
  ];
  const head = ['peers', 'connected', 'sent/s', 's from one to the next of a peer', 'timers/peer', 'bytes/peer'];
  const last = ['growth', many.connected / few.connected, growth.sentPerSecond, '', growth.timers, growth.heapBytes];
  process.stdout.write(`${table([head, row(few), row(many), last])}\n`);
}
if (many.connected !== most) process.exitCode = 1;
