import { createIdentity, formatKey, generatePrivateKey } from '@wirepath/core';

/** A name, a key pair and an address in the tunnel. */
export function member(name, number) {
  const key = generatePrivateKey();
  const { publicKey } = createIdentity(key);
  return { name, address: `10.77.0.${number}`, privateKey: formatKey(key), publicKey };
}

/** What the rc file of `own` says, with the others as peers. */
export function rcFile(own, others, plugins) {
  return {
    privateKey: own.privateKey,
    // Network namespaces share the folder of UAPI sockets.
    interface: `wpb${process.pid}${own.name}`,
    addresses: [`${own.address}/24`],
    plugins,
    peers: others.map(({ name, publicKey, address }) => ({
      name,
      publicKey,
      allowedIps: [`${address}/32`],
      keepalive: 25,
    })),
  };
}
