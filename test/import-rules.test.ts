import { describe, expect, it } from 'vitest';
import { findCircle } from './house/circles.js';
import { readDrawings, type Drawing } from './house/drawings.js';
import { PACKAGES, planted, readImports, type Imports } from './house/imports.js';
import { circleOfRooms, drawnWrong, foldersWithRooms, upward } from './house/rooms.js';

const imports = readImports();
const drawings = readDrawings();
const packagesDrawing = drawings.find(({ folder }) => folder === 'packages') as Drawing;
const roomDrawings = drawings.filter(({ folder }) => folder !== 'packages');

const packageOf = (file: string) => file.split('/')[1] ?? '';
const withPackage = (all: Imports, name: string) => [...all].filter(([file]) => packageOf(file) === name);

/** Packages that people extend the product with: they see core through one door. */
const PLUGINS = PACKAGES.filter((name) => /^(source|transport|signaling|discovery|service)-/.test(name));

/** `from --> to` for each package that another one's sources import. */
function packageArrows(all: Imports): Set<string> {
  const arrows = [...all].flatMap(([file, targets]) =>
    targets.flatMap((target) => {
      const [, to] = /^@wirepath\/([^/]+)/.exec(target) ?? [];
      return to === undefined || to === packageOf(file) ? [] : [`${packageOf(file)} --> ${to}`];
    }),
  );
  return new Set(arrows);
}

/** Files of one package that import each other in a circle, types included. */
function circleOfFiles(all: Imports, name: string): string[] | undefined {
  return findCircle(new Map(withPackage(all, name)));
}

describe('imports between packages', () => {
  it('are the arrows of the drawing, neither more nor fewer', () => {
    const drawn = [...packagesDrawing.arrows].flatMap(([from, tos]) => [...tos].map((to) => `${from} --> ${to}`));
    expect([...packageArrows(imports)].sort()).toEqual(drawn.sort());
    expect([...packagesDrawing.rooms].sort()).toEqual([...PACKAGES].sort());
  });

  it.each(PLUGINS)('%s sees core through @wirepath/core/plugin alone', (name) => {
    const doors = withPackage(imports, name).flatMap(([, targets]) =>
      targets.filter((target) => /^@wirepath\/core(\/|$)/.test(target)),
    );
    expect([...new Set(doors)]).toEqual(doors.length > 0 ? ['@wirepath/core/plugin'] : []);
  });

  it('go through the doors, and no file leaves its own package', () => {
    const reachedInto = [...imports].flatMap(([file, targets]) =>
      targets
        .filter((target) => /^@wirepath\/[^/]+\/(?!plugin$|package\.json$)/.test(target))
        .map((target) => `${file}: ${target}`),
    );
    expect(reachedInto).toEqual([]);
    const leaving = [...imports].flatMap(([file, targets]) => {
      const home = `packages/${packageOf(file)}/src/`;
      const isOutside = (target: string) => target.endsWith('.ts') && !target.startsWith(home);
      return targets.filter(isOutside).map((target) => `${file}: ${target}`);
    });
    expect(leaving).toEqual([]);
  });
});

describe('imports within a package', () => {
  it.each(PACKAGES)('%s has no circle of files, imports of types included', (name) => {
    expect(circleOfFiles(imports, name)).toBeUndefined();
  });

  it.each(foldersWithRooms(imports))('%s has no circle of folders', (folder) => {
    expect(circleOfRooms(imports, folder)).toBeUndefined();
  });

  it.each(roomDrawings.map((drawing) => ({ folder: drawing.folder, drawing })))(
    '$folder: imports go down the floors of its drawing',
    ({ drawing }) => {
      expect(upward(imports, drawing)).toEqual([]);
    },
  );

  it.each(roomDrawings.map((drawing) => ({ folder: drawing.folder, drawing })))(
    '$folder: its drawing shows every room, and no arrow that nobody needs',
    ({ drawing }) => {
      expect(drawnWrong(imports, drawing)).toEqual([]);
    },
  );

  it('is drawn for each package that has rooms', () => {
    const drawn = roomDrawings.map(({ folder }) => folder);
    const withRooms = foldersWithRooms(imports).filter((folder) => folder.split('/').length === 3);
    expect(withRooms.filter((folder) => !drawn.includes(folder))).toEqual([]);
  });
});

describe('the rules fail on what is planted against them', () => {
  const drawingOf = (folder: string) => drawings.find((drawing) => drawing.folder === folder) as Drawing;
  const addTo = (file: string, code: string) => planted(imports, { [file]: code });

  it('a circle of types', () => {
    const plant = planted(imports, {
      'packages/core/src/contracts/planted-a.ts': "import type { B } from './planted-b.js';\nexport type A = B;",
      'packages/core/src/contracts/planted-b.ts': "export type B = import('./planted-a.js').A;",
    });
    expect(circleOfFiles(plant, 'core')).toEqual([
      'packages/core/src/contracts/planted-a.ts',
      'packages/core/src/contracts/planted-b.ts',
      'packages/core/src/contracts/planted-a.ts',
    ]);
  });

  it.each([
    ['packages/core/src', 'rc-file/planted.ts', "import type { Token } from '../assembly/container/tokens.js';"],
    ['packages/core/src', 'rc-file/planted.ts', "export * from '../engine/messages.js';"],
    ['packages/core/src', 'engine/peer/planted.ts', "import { until } from '../../shell/adapters/until.js';"],
    ['packages/core/src', 'base/time/planted.ts', "const load = () => import('../../contracts/path.js');"],
    ['packages/core/src/engine', 'pairs/planted.ts', "import type { PeerAgent } from '../peer/peer-agent.js';"],
    ['packages/transport-wg/src', 'protocol/planted.ts', "import '../sockets/sockets.js';"],
    ['packages/transport-wg/src', 'embedded/planted.ts', "export { x } from '../attached/device/device-watch.js';"],
  ])('in %s, %s with %s', (folder, file, code) => {
    const plant = addTo(`${folder}/${file}`, code);
    expect(upward(plant, drawingOf(folder))).toEqual([expect.stringContaining(`${folder}/${file} imports`)]);
  });

  it('a folder that looks back into one that uses it', () => {
    const plant = addTo('packages/core/src/rc-file/problems/planted.ts', "import '../reading/read-config.js';");
    expect(circleOfRooms(plant, 'packages/core/src/rc-file')).toContain('problems');
  });

  it('a package that imports another one without an arrow, and a room that is not drawn', () => {
    expect([...packageArrows(addTo('packages/core/src/planted.ts', "import '@wirepath/cli';"))]).toContain(
      'core --> cli',
    );
    const plant = addTo('packages/core/src/attic/planted.ts', '');
    expect(drawnWrong(plant, drawingOf('packages/core/src'))).toEqual(['packages/core/src/attic is not drawn']);
  });

  it('a drawing with an arrow that nobody follows', () => {
    const [drawn] = readDrawings('```mermaid\n  %% rooms of packages/core/src/base\n  text --> guard & time\n```\n');
    expect(drawnWrong(imports, drawn as Drawing)).toContain('packages/core/src/base: no import follows text --> guard');
  });
});
