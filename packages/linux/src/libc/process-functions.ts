import { loadKoffi } from './libc.js';

/** Pointers are `uint64`: plain numbers, such as an offset plus the address of a {@link PacketMemory}. */
export type CType = 'void' | 'int' | 'uint32' | 'uint64';

/** A C function. What it returns is meant for results that a number holds exactly. */
export type CFunction = (...args: number[]) => number;

/**
 * Functions that the node binary itself holds, or a library that it is linked to. Nobody checks the types that are named here: a
 * wrong one ends the process, so only what has had the same signature in every version belongs here.
 * @returns what binds one of them, and returns undefined where it is not exported. @throws NativeCodeError
 */
export function processFunctions(): (name: string, result: CType, args: CType[]) => CFunction | undefined {
  const library = loadKoffi().load(null);
  return (name, result, args) => {
    try {
      return library.func(name, result, args);
    } catch {
      // All that koffi can refuse here is the name.
      return undefined;
    }
  };
}
