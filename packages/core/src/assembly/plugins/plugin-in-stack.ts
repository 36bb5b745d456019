import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where a plugin's code is; undefined: it came with the product. */
export interface PluginOrigin {
  readonly name: string;
  readonly resolvedFrom: string | undefined;
}

/**
 * Whose code threw, as far as the stack tells: the plugin that is nearest to the throw. Undefined where none of them is in it.
 */
export function pluginInStack(error: unknown, plugins: readonly PluginOrigin[]): string | undefined {
  const places = plugins.flatMap(({ name, resolvedFrom }) =>
    resolvedFrom === undefined ? [] : placesOf(resolvedFrom).map((place) => ({ name, place })),
  );
  for (const frame of stackLines(error)) {
    const plugin = places.find(({ place }) => {
      const at = frame.indexOf(place);
      // What a plugin's folder has under node_modules is somebody else's.
      return at !== -1 && !frame.slice(at + place.length).includes('node_modules/');
    });
    if (plugin !== undefined) return plugin.name;
  }
  return undefined;
}

/** The package's folder where it is installed, else the folder of the file: as a path and as a URL, as stacks have both. */
function placesOf(file: string): string[] {
  const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+\//.exec(file)?.[0] ?? `${dirname(file)}/`;
  return [folder, pathToFileURL(folder).href];
}

function stackLines(error: unknown): string[] {
  try {
    return error instanceof Error && typeof error.stack === 'string' ? error.stack.split('\n').slice(1) : [];
  } catch {
    // A stack that throws when it is read tells nothing.
    return [];
  }
}
