import { findCircle } from './circles.js';
import { standsAbove, type Drawing } from './drawings.js';
import type { Imports } from './imports.js';

/** An import from one room of a folder into another. */
export interface Crossing {
  readonly from: string;
  readonly to: string;
  readonly file: string;
  readonly target: string;
}

/** The room of a folder in which a file is; undefined for the folder's own files, its face, which may look anywhere. */
export function roomOf(folder: string, file: string): string | undefined {
  if (!file.startsWith(`${folder}/`)) return undefined;
  const [room, ...rest] = file.slice(folder.length + 1).split('/');
  return rest.length === 0 ? undefined : room;
}

/** Imports that lead from one room of the folder to another. */
export function crossings(imports: Imports, folder: string): Crossing[] {
  return [...imports].flatMap(([file, targets]) => {
    const from = roomOf(folder, file);
    if (from === undefined) return [];
    return targets.flatMap((target) => {
      const to = roomOf(folder, target);
      return to === undefined || to === from ? [] : [{ from, to, file, target }];
    });
  });
}

/** Imports that go up, or across between rooms that have no arrow: against what the drawing shows. */
export function upward(imports: Imports, drawing: Drawing): string[] {
  return crossings(imports, drawing.folder)
    .filter(({ from, to }) => !standsAbove(drawing, from, to))
    .map(({ file, target }) => `${file} imports ${target}`);
}

/** Rooms that are there and not drawn, or drawn and not there; arrows that no import follows. */
export function drawnWrong(imports: Imports, drawing: Drawing): string[] {
  const { folder, rooms, arrows } = drawing;
  const real = new Set([...imports.keys()].flatMap((file) => roomOf(folder, file) ?? []));
  const used = new Set(crossings(imports, folder).map(({ from, to }) => `${from} --> ${to}`));
  return [
    ...[...real].filter((room) => !rooms.has(room)).map((room) => `${folder}/${room} is not drawn`),
    ...[...rooms].filter((room) => !real.has(room)).map((room) => `${folder}/${room} is drawn and not there`),
    ...[...arrows]
      .flatMap(([from, tos]) => [...tos].map((to) => `${from} --> ${to}`))
      .filter((arrow) => !used.has(arrow))
      .map((arrow) => `${folder}: no import follows ${arrow}`),
  ];
}

/** Every folder that has rooms, from the sources' own folders down. */
export function foldersWithRooms(imports: Imports): string[] {
  const folders = new Set<string>();
  for (const file of imports.keys()) {
    const parts = file.split('/');
    for (let depth = 3; depth < parts.length - 1; depth++) folders.add(parts.slice(0, depth).join('/'));
  }
  return [...folders];
}

/** Rooms of one folder that look into each other in a circle; undefined where none do. */
export function circleOfRooms(imports: Imports, folder: string): string[] | undefined {
  const edges = new Map<string, Set<string>>();
  for (const { from, to } of crossings(imports, folder)) edges.set(from, (edges.get(from) ?? new Set()).add(to));
  return findCircle(edges);
}
