// A DNS server for the lab, over UDP and TCP: `dns-server.mjs ADDRESS zone FILE` answers from a JSON file of addresses by name, read
// anew for each question; `dns-server.mjs ADDRESS forward SERVER` is a stub, as systemd-resolved is one: it asks that server
// over a socket of its own.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';

const require = createRequire(import.meta.url);
const packet = createRequire(require.resolve('@wirepath/core/package.json'))('dns-packet');
const [address, mode, what] = process.argv.slice(2);
const NXDOMAIN = 3;
const FORWARD_MS = 2000;

function fromZone(query) {
  const { id, questions } = packet.decode(query);
  const [{ name, type }] = questions;
  const addresses = JSON.parse(readFileSync(what, 'utf8'))[name.toLowerCase()];
  const matching = type === 'A' ? (addresses ?? []) : [];
  const answers = matching.map((data) => ({ name, type, ttl: 3600, data }));
  return packet.encode({ type: 'response', id, flags: addresses === undefined ? NXDOMAIN : 0, questions, answers });
}

function forward(query, answered) {
  const socket = createSocket('udp4');
  const end = setTimeout(() => socket.close(), FORWARD_MS);
  socket.on('message', (bytes) => {
    clearTimeout(end);
    socket.close();
    answered(bytes);
  });
  socket.on('error', () => undefined);
  socket.send(query, 53, what);
}

const answer = mode === 'zone' ? (query, answered) => answered(fromZone(query)) : forward;

const udp = createSocket('udp4');
udp.on('message', (query, from) => answer(query, (bytes) => udp.send(bytes, from.port, from.address)));
udp.bind(53, address, () => console.log('DNS is up'));
createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (bytes) =>
    answer(bytes.subarray(2), (response) => {
      socket.write(Buffer.concat([Buffer.from([response.length >> 8, response.length & 255]), response]));
    }),
  );
}).listen(53, address);
