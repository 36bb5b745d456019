import { execFile } from 'node:child_process';
import {
  CodedError,
  deniedCapability,
  formatAddress,
  isInterfaceName,
  parseTransportAddress,
  type PublicKey,
} from '@wirepath/core/plugin';
import { systemProgram, type SystemProgram } from '../../system/system-program.js';
import type { DeviceControl, UapiChange, UapiDeviceState, UapiPeerChange, UapiPeerState } from '../../uapi/device.js';
import { UAPI_ERRNO, UapiError } from '../../uapi/errno.js';
import { parseCidr, parseDecimal } from '../../uapi/values.js';

const COUNTER_MAX = 2 ** 64;
const MAX_DUMP_BYTES = 16 * 1024 * 1024;

/**
 * Drives any device through the `wg` program of wireguard-tools: the way to kernel WireGuard, which has no UAPI socket.
 * It tells handshakes in whole seconds only.
 */
export class WgProgram implements DeviceControl {
  readonly #interfaceName: string;
  readonly #program: string;
  readonly #timeoutMs: number;

  /** @throws CodedError CONFIG when there can be no interface of that name. */
  constructor(options: { interfaceName: string; program?: string; timeoutMs?: number }) {
    // Names go into an argument list; none of these can be read as an option of `wg`.
    if (!isInterfaceName(options.interfaceName)) {
      throw new CodedError('CONFIG', 'not a name for an interface', { subject: options.interfaceName });
    }
    this.#interfaceName = options.interfaceName;
    this.#program = options.program ?? 'wg';
    this.#timeoutMs = options.timeoutMs ?? 5000;
  }

  async get(options: { signal?: AbortSignal } = {}): Promise<UapiDeviceState> {
    return parseDump(await this.#run(['show', this.#interfaceName, 'dump'], undefined, options.signal));
  }

  /** One call of `wg set` per secret, since it reads one file per call; the rest goes with the first. */
  async set(change: UapiChange, options: { signal?: AbortSignal } = {}): Promise<void> {
    const device: string[] = [];
    if (change.listenPort !== undefined) device.push('listen-port', String(change.listenPort));
    if (change.fwmark !== undefined) device.push('fwmark', String(change.fwmark));
    let known: ReadonlyMap<PublicKey, readonly string[]> = new Map();
    if (change.replacePeers || change.peers.some((peer) => peer.updateOnly || mergesAllowedIps(peer))) {
      const { peers } = await this.get(options);
      known = new Map(peers.map((peer) => [peer.publicKey, peer.allowedIps]));
    }
    if (change.replacePeers) {
      for (const publicKey of known.keys()) device.push('peer', publicKey, 'remove');
      known = new Map();
    }
    if (change.privateKey !== undefined) {
      await this.#set(['private-key', '/dev/stdin', ...device], secretText(change.privateKey), options.signal);
    } else if (device.length > 0) {
      await this.#set(device, undefined, options.signal);
    }
    for (const peer of change.peers) {
      if (peer.updateOnly && !known.has(peer.publicKey)) continue;
      const secret = peer.presharedKey === undefined ? undefined : secretText(peer.presharedKey);
      await this.#set(peerArguments(peer, known.get(peer.publicKey) ?? []), secret, options.signal);
    }
  }

  async #set(args: readonly string[], stdin: string | undefined, signal: AbortSignal | undefined): Promise<void> {
    await this.#run(['set', this.#interfaceName, ...args], stdin, signal);
  }

  async #run(args: readonly string[], stdin: string | undefined, signal: AbortSignal | undefined): Promise<string> {
    const { file: program, ...environment } = this.#find();
    // Node gives its children sockets for pipes, and a socket cannot be opened again as /dev/stdin: `cat` makes a pipe.
    const [file, fileArgs] =
      stdin === undefined ? [program, args] : ['/bin/sh', ['-c', 'cat | "$@"', 'sh', program, ...args]];
    return new Promise((resolve, reject) => {
      const child = execFile(
        file,
        fileArgs,
        { ...environment, timeout: this.#timeoutMs, maxBuffer: MAX_DUMP_BYTES, signal },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(this.#wrap(error, stderr, signal));
        },
      );
      // The program may end before it reads; its exit code says why.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(stdin);
    });
  }

  #find(): SystemProgram {
    try {
      return systemProgram(this.#program);
    } catch (cause) {
      throw this.#notInstalled(cause instanceof CodedError && cause.advice.includes('passed over') ? cause.advice : '');
    }
  }

  #notInstalled(more = ''): CodedError {
    const advice = `Install wireguard-tools: kernel devices are driven through \`wg\`. ${more}`.trimEnd();
    return new CodedError('NETWORK_CONFIG', '`wg` is not installed', { subject: this.#interfaceName, advice });
  }

  /** The program's own words hold no secret: those it reads from a file. Its command line is left out all the same. */
  #wrap(error: Error & { code?: unknown; killed?: boolean }, stderr: string, signal: AbortSignal | undefined): Error {
    const subject = this.#interfaceName;
    if (signal?.aborted === true) return new CodedError('ABORTED');
    if (error.killed === true) return new CodedError('TIMEOUT', '`wg` did not end', { subject });
    if (error.code === 'ENOENT' || error.code === 127) return this.#notInstalled();
    if (/No such device|does not exist|Protocol not supported|Operation not supported/.test(stderr)) {
      return new CodedError('INTERFACE_NOT_FOUND', 'there is no WireGuard device of that name', { subject });
    }
    if (/not permitted|Permission denied/.test(stderr)) {
      const { reason, advice } = deniedCapability('CAP_NET_ADMIN', /not permitted/.test(stderr) ? 'EPERM' : 'EACCES');
      return new CodedError('PERMISSION_DENIED', `the device may not be changed: ${reason}`, { subject, advice });
    }
    const errno = /in use/.test(stderr) ? UAPI_ERRNO.EADDRINUSE : UAPI_ERRNO.EINVAL;
    return new UapiError(errno, `\`wg\` failed: ${stderr.trim().slice(0, 200)}`);
  }
}

/** `wg set` replaces allowed IPs or leaves them; adding and taking away is done here. */
function mergesAllowedIps(peer: UapiPeerChange): boolean {
  return !peer.replaceAllowedIps && peer.allowedIps.length > 0;
}

function peerArguments(peer: UapiPeerChange, allowedIps: readonly string[]): string[] {
  const args = ['peer', peer.publicKey];
  if (peer.remove) return [...args, 'remove'];
  if (peer.presharedKey !== undefined) args.push('preshared-key', '/dev/stdin');
  if (peer.endpoint !== undefined) args.push('endpoint', formatAddress(peer.endpoint));
  if (peer.keepaliveSeconds !== undefined) args.push('persistent-keepalive', String(peer.keepaliveSeconds));
  if (peer.replaceAllowedIps || peer.allowedIps.length > 0) {
    const merged = new Set(peer.replaceAllowedIps ? [] : allowedIps);
    for (const { cidr, remove } of peer.allowedIps) {
      if (remove) merged.delete(cidr);
      else merged.add(cidr);
    }
    args.push('allowed-ips', [...merged].join(','));
  }
  return args;
}

/** An empty file says "none" of a preshared key; of a private key 32 zero bytes do. */
function secretText(key: Uint8Array | null): string {
  return Buffer.from(key ?? new Uint8Array(32)).toString('base64') + '\n';
}

/** Reads `wg show <interface> dump`. @throws UapiError EPROTO. */
export function parseDump(text: string): UapiDeviceState {
  const [deviceLine = '', ...peerLines] = text.trimEnd().split('\n');
  const [privateKey = '', , listenPort = '', fwmark = '', ...more] = deviceLine.split('\t');
  const port = parseDecimal(listenPort, 65535);
  const mark = fwmark === 'off' ? 0 : /^0x[0-9a-f]{1,8}$/.test(fwmark) ? parseInt(fwmark, 16) : undefined;
  if (port === undefined || mark === undefined || more.length > 0) throw notADump();
  return {
    ...(privateKey === '(none)' ? {} : { privateKey: dumpKey(privateKey) }),
    listenPort: port,
    fwmark: mark,
    peers: peerLines.map(parseDumpPeer),
  };
}

function parseDumpPeer(line: string): UapiPeerState {
  const [publicKey = '', psk = '', endpointText = '', ips = '', handshake = '', rx = '', tx = '', keepalive = ''] =
    line.split('\t');
  const endpoint = parseTransportAddress(endpointText);
  const seconds = parseDecimal(handshake, COUNTER_MAX);
  const rxBytes = parseDecimal(rx, COUNTER_MAX);
  const txBytes = parseDecimal(tx, COUNTER_MAX);
  const keepaliveSeconds = keepalive === 'off' ? 0 : parseDecimal(keepalive, 65535);
  const allowedIps = ips === '(none)' ? [] : ips.split(',').map(parseCidr);
  if (
    seconds === undefined ||
    rxBytes === undefined ||
    txBytes === undefined ||
    keepaliveSeconds === undefined ||
    !allowedIps.every((cidr) => cidr !== undefined)
  ) {
    throw notADump();
  }
  dumpKey(publicKey);
  return {
    publicKey,
    ...(psk === '(none)' ? {} : { presharedKey: dumpKey(psk) }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(seconds === 0 ? {} : { lastHandshake: { seconds, nanoseconds: 0 } }),
    rxBytes,
    txBytes,
    keepaliveSeconds,
    allowedIps,
  };
}

function dumpKey(text: string): Uint8Array {
  const key = Uint8Array.from(Buffer.from(text, 'base64'));
  if (key.length !== 32) throw notADump();
  return key;
}

function notADump(): UapiError {
  return new UapiError(UAPI_ERRNO.EPROTO, '`wg show dump` printed something else');
}
