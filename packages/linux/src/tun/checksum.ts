import type { PacketMemory } from '../memory/packet-memory.js';
import { wasm } from '../memory/wasm.js';
import { IPV4_HEADER_BYTES } from './ip-headers.js';

/**
 * (module (import "e" "m" (memory 1))
 *   (func (export "sum") (param $at i32) (param $end i32) (result i32) (local $sums v128)
 *     (loop
 *       (local.set $sums (i32x4.add (local.get $sums)
 *         (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
 *       (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
 *     the sum of the four lanes))
 */
// prettier-ignore
const MODULE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x07, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f,
  0x02, 0x08, 0x01, 0x01, 0x65, 0x01, 0x6d, 0x02, 0x00, 0x01,
  0x03, 0x02, 0x01, 0x00,
  0x07, 0x07, 0x01, 0x03, 0x73, 0x75, 0x6d, 0x00, 0x00,
  0x0a, 0x3b, 0x01, 0x39, 0x01, 0x01, 0x7b,
  0x03, 0x40,
  0x20, 0x02, 0x20, 0x00, 0xfd, 0x00, 0x00, 0x00, 0xfd, 0x7f, 0xfd, 0xae, 0x01, 0x21, 0x02,
  0x20, 0x00, 0x41, 0x10, 0x6a, 0x22, 0x00, 0x20, 0x01, 0x49, 0x0d, 0x00,
  0x0b,
  0x20, 0x02, 0xfd, 0x1b, 0x00, 0x20, 0x02, 0xfd, 0x1b, 0x01, 0x6a,
  0x20, 0x02, 0xfd, 0x1b, 0x02, 0x6a, 0x20, 0x02, 0xfd, 0x1b, 0x03, 0x6a,
  0x0b,
);
const BLOCK_BYTES = 16;

/** The internet checksum (RFC 1071) of what lies in a packet memory. Sums are those of 16-bit words as this machine reads them. */
export class Checksum {
  readonly #bytes: Uint8Array;
  readonly #u16: Uint16Array;
  /** Of whole blocks of 16 bytes, at any offset; undefined where there is no SIMD. */
  readonly #blocks: ((at: number, end: number) => number) | undefined;

  constructor(memory: PacketMemory, { simd = true }: { readonly simd?: boolean } = {}) {
    this.#bytes = memory.bytes;
    this.#u16 = memory.u16;
    this.#blocks = simd ? load(memory) : undefined;
  }

  /** Whether sums are made of whole blocks, where they are long. */
  get hasSimd(): boolean {
    return this.#blocks !== undefined;
  }

  /** @param sum of what belongs to it, too; below 2^31. @returns a sum that is not folded yet. */
  add(offset: number, sizeBytes: number, sum: number): number {
    const bytes = this.#bytes;
    let total = sum;
    let at = offset;
    const end = offset + sizeBytes;
    if (this.#blocks !== undefined && sizeBytes >= BLOCK_BYTES) {
      const blocksEnd = offset + (sizeBytes & ~(BLOCK_BYTES - 1));
      total += this.#blocks(at, blocksEnd) >>> 0;
      at = blocksEnd;
    }
    if ((at & 1) === 0) for (const u16 = this.#u16; at + 1 < end; at += 2) total += u16[at >>> 1] ?? 0;
    for (; at + 1 < end; at += 2) total += (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    if (at < end) total += bytes[at] ?? 0;
    return total;
  }

  /** Of an IPv4 header without options, at an even offset. @returns as {@link add}. */
  ofHeader(offset: number): number {
    const u16 = this.#u16;
    let sum = 0;
    for (let at = offset >>> 1, end = at + IPV4_HEADER_BYTES / 2; at < end; at++) sum += u16[at] ?? 0;
    return sum;
  }
}

/** To 16 bits. @param sum below 2^32, as that of any packet is. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** A number of 16 bits in network byte order, as this machine reads it. */
export function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function load(memory: PacketMemory): ((at: number, end: number) => number) | undefined {
  try {
    const { exports } = new wasm.Instance(new wasm.Module(MODULE), { e: { m: memory.wasm } });
    return exports['sum'] as (at: number, end: number) => number;
  } catch {
    // A machine without SIMD: sums are made word by word.
    return undefined;
  }
}
