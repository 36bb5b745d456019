import { koffiAddress } from '../libc/libc.js';
import { wasm, type WasmMemory } from './wasm.js';

const PAGE_BYTES = 65_536;

/**
 * One block of memory for the packets of one data plane. JavaScript, the kernel, crypto in C and WebAssembly all work on it where
 * it is, by offset, and a packet is copied only where it has to be. It never moves or grows, and is freed with this object.
 */
export class PacketMemory {
  /** What system calls and C functions are told: the address of offset 0. 0 where no native code can be called. */
  readonly address: number;
  readonly wasm: WasmMemory;
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly view: DataView;
  readonly #addressLow: number;
  readonly #addressHigh: number;
  #used = 0;

  /** @param sizeBytes rounded up to pages of 64 KiB. */
  constructor(sizeBytes: number) {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES);
    this.wasm = new wasm.Memory({ initial: pages, maximum: pages });
    const { buffer } = this.wasm;
    this.address = koffiAddress(buffer);
    this.#addressLow = this.address % 0x1_0000_0000;
    this.#addressHigh = Math.floor(this.address / 0x1_0000_0000);
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.view = new DataView(buffer);
  }

  /**
   * Takes a part for good.
   * @returns its offset, a multiple of 64. @throws RangeError where so much is not left.
   */
  reserve(sizeBytes: number): number {
    const offset = this.#used;
    if (offset + sizeBytes > this.bytes.length) throw new RangeError(`packet memory: ${sizeBytes} bytes are not left`);
    this.#used = Math.ceil((offset + sizeBytes) / 64) * 64;
    return offset;
  }

  /** Writes a pointer to `target` at `offset`, both offsets into this memory. */
  setPointer(offset: number, target: number): void {
    // Written out without a division: it is done for each packet.
    const low = this.#addressLow + target;
    const carry = low >= 0x1_0000_0000 ? 1 : 0;
    this.u32[offset >>> 2] = low;
    this.u32[(offset >>> 2) + 1] = this.#addressHigh + carry;
  }
}
