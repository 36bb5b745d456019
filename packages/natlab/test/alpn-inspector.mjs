// A firewall that looks into connections: `node alpn-inspector.mjs PORT HOST:PORT`. What does not begin with a TLS ClientHello that
// offers a protocol of the web is reset; the rest is passed on.
import { connect, createServer } from 'node:net';

const [port, target] = process.argv.slice(2);
const [host, targetPort] = target.split(':');
const KNOWN = ['h2', 'http/1.1'];
const ALPN = 16;

/** @returns the protocols; undefined while bytes are missing; null where it is no ClientHello. */
function offeredProtocols(bytes) {
  if (bytes.length < 6) return undefined;
  if (bytes[0] !== 22 || bytes[5] !== 1) return null;
  if (bytes.length < 5 + bytes.readUInt16BE(3)) return undefined;
  let at = 5 + 4 + 2 + 32;
  at += 1 + bytes[at];
  at += 2 + bytes.readUInt16BE(at);
  at += 1 + bytes[at];
  const end = at + 2 + bytes.readUInt16BE(at);
  for (at += 2; at + 4 <= end; at += 4 + bytes.readUInt16BE(at + 2)) {
    if (bytes.readUInt16BE(at) !== ALPN) continue;
    const names = [];
    const listEnd = at + 6 + bytes.readUInt16BE(at + 4);
    for (let name = at + 6; name < listEnd; name += 1 + bytes[name])
      names.push(bytes.toString('latin1', name + 1, name + 1 + bytes[name]));
    return names;
  }
  return [];
}

createServer({ noDelay: true }, (client) => {
  let head = Buffer.alloc(0);
  client.on('error', () => client.destroy());
  const inspect = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const protocols = offeredProtocols(head);
    if (protocols === undefined) return;
    client.off('data', inspect);
    const passes = protocols?.some((name) => KNOWN.includes(name)) === true;
    console.log(`${passes ? 'passed' : 'reset'}: ${protocols === null ? 'no TLS' : protocols.join(' ') || 'no ALPN'}`);
    if (!passes) return client.resetAndDestroy();
    client.pause();
    const server = connect({ port: Number(targetPort), host, noDelay: true }, () => {
      server.write(head);
      client.pipe(server).pipe(client);
    });
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
  };
  client.on('data', inspect);
}).listen(Number(port), '0.0.0.0', () => console.log('ready'));
