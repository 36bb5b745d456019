import * as fc from 'fast-check';
import { transportAddress } from '@wirepath/core/plugin';
import type { UapiChange, UapiDeviceState } from '../../src/uapi/device.js';
import { formatKey } from '../../src/protocol/keys.js';
import { isZero, parseCidr } from '../../src/uapi/values.js';

export const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secret = keyBytes.filter((key) => !isZero(key));
const publicKey = keyBytes.map(formatKey);
const port = fc.integer({ min: 1, max: 65535 });
export const endpoint = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), port).map(([ip, p]) => transportAddress(ip, p));
export const cidr = fc
  .oneof(fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })), fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })))
  .map(([ip, prefix]) => parseCidr(`${ip}/${prefix}`)!);
const seconds = fc.integer({ min: 0, max: 65535 });

export const change: fc.Arbitrary<UapiChange> = fc.record(
  {
    privateKey: fc.option(secret),
    listenPort: fc.integer({ min: 0, max: 65535 }),
    fwmark: fc.integer({ min: 0, max: 0xffff_ffff }),
    replacePeers: fc.boolean(),
    peers: fc.array(
      fc.record(
        {
          publicKey,
          remove: fc.boolean(),
          updateOnly: fc.boolean(),
          presharedKey: fc.option(secret),
          endpoint,
          keepaliveSeconds: seconds,
          replaceAllowedIps: fc.boolean(),
          allowedIps: fc.array(fc.record({ cidr, remove: fc.boolean() }), { maxLength: 4 }),
        },
        { requiredKeys: ['publicKey', 'remove', 'updateOnly', 'replaceAllowedIps', 'allowedIps'] },
      ),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: ['replacePeers', 'peers'] },
);

const counter = fc.maxSafeNat();

export const deviceState: fc.Arbitrary<UapiDeviceState> = fc.record(
  {
    privateKey: secret,
    listenPort: fc.integer({ min: 0, max: 65535 }),
    fwmark: fc.integer({ min: 0, max: 0xffff_ffff }),
    peers: fc.array(
      fc.record(
        {
          publicKey,
          presharedKey: secret,
          endpoint,
          lastHandshake: fc.record({
            seconds: fc.integer({ min: 1, max: 2 ** 40 }),
            nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
          }),
          rxBytes: counter,
          txBytes: counter,
          keepaliveSeconds: seconds,
          allowedIps: fc.array(cidr, { maxLength: 4 }),
        },
        { requiredKeys: ['publicKey', 'rxBytes', 'txBytes', 'keepaliveSeconds', 'allowedIps'] },
      ),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: ['listenPort', 'fwmark', 'peers'] },
);
