import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './imports.js';

/** A drawing of ARCHITECTURE.md: the rooms of one folder, and which of them looks into which. */
export interface Drawing {
  /** The folder whose rooms are drawn, from the root: `packages/core/src`. */
  readonly folder: string;
  readonly rooms: ReadonlySet<string>;
  /** As drawn, room by room. */
  readonly arrows: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Every drawing of the page: a block of mermaid whose comment `%% rooms of FOLDER` says what it shows. A line is a room, or
 * `room --> other & another`: what it imports.
 */
export function readDrawings(page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')): Drawing[] {
  return [...page.matchAll(/```mermaid\n([\s\S]*?)```/g)].flatMap(([, block = '']) => {
    const folder = /%% rooms of (\S+)/.exec(block)?.[1];
    return folder === undefined ? [] : [drawing(folder, block)];
  });
}

function drawing(folder: string, block: string): Drawing {
  const rooms = new Set<string>();
  const arrows = new Map<string, Set<string>>();
  for (const line of block.split('\n')) {
    const [, from, to] = /^\s+([\w-]+)(?:\s+-->\s+([\w-]+(?:\s+&\s+[\w-]+)*))?\s*$/.exec(line) ?? [];
    if (from === undefined) continue;
    rooms.add(from);
    for (const room of to?.split(/\s+&\s+/) ?? []) {
      rooms.add(room);
      arrows.set(from, (arrows.get(from) ?? new Set()).add(room));
    }
  }
  return { folder, rooms, arrows };
}

/** Whether one room stands above another: some way of arrows leads down to it. */
export function standsAbove({ arrows }: Drawing, from: string, to: string): boolean {
  const seen = new Set<string>();
  const reach = (room: string): boolean =>
    [...(arrows.get(room) ?? [])].some((next) => next === to || (!seen.has(next) && (seen.add(next), reach(next))));
  return reach(from);
}
