import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', '.changeset', '.mutate']);
/** Folders at the top; a path that begins with one of them is meant from the root, wherever it is written. */
const TOP = /^(?:packages|examples|bench|scripts|docs|test)\//;
/** From the package that the page is of. */
const OF_PACKAGE = /^(?:src|test|bin|docs|systemd)\//;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED_FOLDERS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = filesBelow(root);
const names = new Set(files.map((file) => basename(file)));
/** Changelogs tell of files that were there. */
const NOT_CHECKED = ['CHANGELOG.md'];
const pages = files.filter((file) => file.endsWith('.md') && !NOT_CHECKED.includes(basename(file)));

interface Page {
  /** Without what stands in fences. */
  readonly prose: string;
  /** The fences of commands; output and examples of code name files that are nowhere. */
  readonly commands: string;
}

function read(file: string): Page {
  const text = readFileSync(file, 'utf8');
  const fences = [...text.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)];
  const commands = fences
    .filter(([, language]) => language === 'sh')
    .map(([, , code = '']) => code.replace(/#.*/g, ''));
  return { prose: text.replace(/^ *```[\s\S]*?^ *```$/gm, ''), commands: commands.join('\n') };
}

/** GitHub's anchors of a page's headings. */
function anchorsOf(file: string): Set<string> {
  const headings = read(file).prose.matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function linkFault(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : resolve(dirname(page), path);
  if (!existsSync(target)) return `${link}: there is no such file`;
  if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor))
    return `${link}: that page has no such heading`;
  return undefined;
}

/** Where a path in the text may be meant from. Undefined for what is no path of this repository. */
function placesOf(page: string, path: string): string[] | undefined {
  // What a build makes, patterns, and places to be filled in, such as packages/NAME.
  if (/(?:^|\/)dist(?:\/|$)|[*<>{}]|\.\.\.|\b[A-Z]{2,}\b(?!\.md)/.test(path)) return undefined;
  const [workspace] = /^(?:packages|examples)\/[^/]+|^bench/.exec(relative(root, page)) ?? [];
  const own = workspace === undefined ? [] : [join(root, workspace, path)];
  if (TOP.test(path)) return [join(root, path), ...own];
  return OF_PACKAGE.test(path) && own.length > 0 ? own : undefined;
}

function pathFaults(page: string, text: string): string[] {
  return [...text.matchAll(/(?<![\w/@.:-])[\w@.][\w@./*<>{}-]*/g)].flatMap(([word]) => {
    const path = word.replace(/[./]+$/, '');
    const places = placesOf(page, path);
    return places === undefined || places.some(existsSync) ? [] : [`${path}: there is no such file or folder`];
  });
}

describe.each(pages.map((file) => relative(root, file)))('%s', (name) => {
  const page = join(root, name);
  const { prose, commands } = read(page);
  const codes = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

  it('links to what is there', () => {
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.flatMap((link) => linkFault(page, link) ?? [])).toEqual([]);
  });

  it('names paths that are there, in text and commands', () => {
    const text = prose.replace(/\]\([^)\s]+\)/g, ']').replace(/\bhttps?:\S+/g, '');
    expect([...pathFaults(page, text), ...pathFaults(page, commands)]).toEqual([]);
  });

  it('names source files that are there', () => {
    // `NAME.config.*` is the reader's own.
    const sources = codes.filter((code) => /^(?!.*\.config\.)[\w.-]+\.(ts|mjs|cjs)$/.test(code));
    expect(sources.filter((source) => !names.has(source))).toEqual([]);
  });
});
