// Runs on a host: asks the observer from one socket, and prints one JSON document.
// Arguments: local port, three ip:port of the observer: two of one address, one of another.
import { createSocket } from 'node:dgram';

const [localPort, first, samePort, elsewhere] = process.argv.slice(2);
const socket = createSocket('udp4');
const waiting = new Map();
socket.on('message', (message, from) => {
  const source = `${from.address}:${from.port}`;
  waiting.get(source)?.(String(message).split(' ')[1]);
});
await new Promise((resolve) => socket.bind(Number(localPort), resolve));

/** Sends to one address and waits for an answer out of another. */
function ask(to, from, text) {
  const [ip, port] = to.split(':');
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), 500);
    waiting.set(from, (seenAs) => {
      clearTimeout(timer);
      resolve(seenAs);
    });
    socket.send(text, Number(port), ip);
  });
}

// Filtering first: afterwards the other addresses are no strangers any more.
const mapped = await ask(first, first, '');
const fromOtherPort = await ask(first, samePort, samePort);
const fromOtherAddress = await ask(first, elsewhere, elsewhere);
const mappedSamePort = await ask(samePort, samePort, '');
const mappedElsewhere = await ask(elsewhere, elsewhere, '');
process.stdout.write(JSON.stringify({ mapped, fromOtherPort, fromOtherAddress, mappedSamePort, mappedElsewhere }));
socket.close();
