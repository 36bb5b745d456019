/** Keeps some of the datagrams that this process sends, as material for mutation: real checks, handshakes, data. */
import { Socket } from 'node:dgram';

const PER_SORT = 24;

/** Call it before sockets are opened. */
export function captureHonestTraffic() {
  const bySort = new Map();
  const { send } = Socket.prototype;
  Socket.prototype.send = function (message, ...rest) {
    const bytes = Array.isArray(message) ? Buffer.concat(message) : message;
    const sort = `${bytes[0]} ${bytes[1]}`;
    const kept = bySort.get(sort) ?? [];
    if (kept.length < PER_SORT) bySort.set(sort, [...kept, Buffer.from(bytes).toString('hex')]);
    return send.call(this, message, ...rest);
  };
  return { take: () => [...bySort.values()].flat() };
}
