import type { Datagrams, TransportPath } from '@wirepath/core';

export interface ObservedDatagrams {
  readonly datagrams: Datagrams;
  /** Listeners that were added through it and not disposed. */
  listeners(): number;
  /** Where something was sent to. */
  sentTo(): readonly TransportPath[];
}

/** Looks over the shoulder of whoever uses a transport's sockets. @param options.silent nothing is heard on them. */
export function observeDatagrams(inner: Datagrams, options: { silent?: boolean } = {}): ObservedDatagrams {
  const listening = new Set<object>();
  const sent: TransportPath[] = [];
  return {
    listeners: () => listening.size,
    sentTo: () => sent,
    datagrams: {
      get bases() {
        return inner.bases;
      },
      openBase: (family, open) => inner.openBase(family, open),
      closeBase: (base) => inner.closeBase(base),
      receive: (path, bytes) => inner.receive(path, bytes),
      send(path, bytes) {
        sent.push(path);
        inner.send(path, bytes);
      },
      onDatagram(listener) {
        const registration = inner.onDatagram((datagram) => (options.silent === true ? false : listener(datagram)));
        const token = {};
        listening.add(token);
        return {
          [Symbol.dispose]: () => {
            listening.delete(token);
            registration[Symbol.dispose]();
          },
        };
      },
    },
  };
}
