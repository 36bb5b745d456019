import { didYouMean } from '../problems/did-you-mean.js';

/** A plugin's place in the list, by the names that variables may call it. */
export interface NamedPlugin {
  readonly index: number;
  /** The last part of its name, then all of it: `SOURCE_STUN`, `WIREPATH_SOURCE_STUN`. */
  readonly names: readonly string[];
}

/** @param list of the rc file; what has no name is left out. */
export function namedPlugins(list: readonly unknown[]): NamedPlugin[] {
  return list.flatMap((entry, index) => {
    const name: unknown = Array.isArray(entry) ? entry[0] : entry;
    if (typeof name !== 'string') return [];
    const withoutExtension = name.replace(/\.[cm]?[jt]s$/, '');
    const short = withoutExtension.slice(withoutExtension.lastIndexOf('/') + 1);
    return [{ index, names: [...new Set([short, withoutExtension].map(variablePart))] }];
  });
}

/** The one that is called so; undefined where there is none, or several. */
export function pluginCalled(name: string, plugins: readonly NamedPlugin[]): NamedPlugin | undefined {
  const called = plugins.filter(({ names }) => names.includes(name));
  return called.length === 1 ? called[0] : undefined;
}

/** What a variable could have meant that names no plugin of the list. */
export function pluginSuggestion(
  variable: string,
  { prefix, called, plugins }: { prefix: string; called: string; plugins: readonly NamedPlugin[] },
): string | undefined {
  const ofPlugin = (name: string) => variable.replace(`${prefix}PLUGINS__${called}`, `${prefix}PLUGINS__${name}`);
  const several = plugins.filter(({ names }) => names.includes(called));
  if (several.length > 1) {
    const full = several.map(({ names }) => ofPlugin(names.at(-1) ?? ''));
    return `there are several plugins of that name: ${full.join(' or ')}`;
  }
  const guess = didYouMean(
    called,
    plugins.flatMap(({ names }) => names),
  );
  if (guess !== undefined) return guess.replace(/`(.*)`/, (_, name: string) => `\`${ofPlugin(name)}\``);
  const names = plugins.map(({ names: [short = ''] }) => `${prefix}PLUGINS__${short}__...`);
  return names.length === 0 ? undefined : `the plugins here are ${names.join(', ')}`;
}

/** `@wirepath/source-stun` as `WIREPATH_SOURCE_STUN`. */
function variablePart(name: string): string {
  return name
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toUpperCase();
}
